"""A coding agent that speaks Messages works with every provider there is."""

import warnings
from collections.abc import Generator

import anthropic
import pytest

from tests.support.agent import size_bytes, work
from tests.support.families import CALLER_KEY, FAMILIES, House, every_family


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Generator[House]:
    with every_family(tmp_path_factory.mktemp("agent")) as house:
        yield house


@pytest.fixture(scope="module")
def client(house: House) -> Generator[anthropic.Anthropic]:
    with anthropic.Anthropic(
        base_url=house.gateway.url, api_key=CALLER_KEY, max_retries=0, timeout=20
    ) as client:
        yield client


def test_the_request_is_as_large_as_those_of_agents() -> None:
    assert 38_000 < size_bytes("m") < 60_000


@pytest.mark.parametrize("family", FAMILIES)
def test_the_loop_comes_to_its_end(house: House, client: anthropic.Anthropic, family: str) -> None:
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Using Claude with")  # as agents do
        run = work(client, house.families[family].model, "Please think, then sequential: mend it.")
    assert run.calls, "the tools were never called"
    assert [turn.stop_reason for turn in run.turns] == [
        *(["tool_use"] * (len(run.turns) - 1)),
        "end_turn",
    ]
    assert "is done" in run.text
