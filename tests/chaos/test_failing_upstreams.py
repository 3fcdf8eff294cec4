"""Whatever an upstream does wrong, callers get an answer of another, or one error, in time."""

import time
from collections.abc import Generator
from contextlib import ExitStack
from dataclasses import dataclass

import httpx
import pytest

from tests.support.raw_server import closed_port
from tests.support.serving import ServedGateway, serving

from .scale import FULL
from .tools.asking import DIALECTS, KEY, ask, body_of, caller_of, path_of
from .tools.failing_upstream import (
    BEFORE,
    HARMLESS,
    KINDS,
    SAID,
    WITHIN,
    FailingUpstream,
    failing_upstream,
)

OTHER = "said by the other"
# What each takes at most: two time limits of half a second, two attempts, and a slow machine.
BOUND_S = 6.0
_TIMES = "connect_timeout_s = 1\nfirst_byte_timeout_s = 0.5\nidle_timeout_s = 0.5\n"

both_ways = pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
every_dialect = pytest.mark.parametrize(
    "dialect", DIALECTS if FULL else ("chat", "messages"), ids=str
)


@dataclass(frozen=True, slots=True)
class House:
    gateway: ServedGateway
    bad: FailingUpstream
    good: FailingUpstream
    client: httpx.Client


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Generator[House]:
    with ExitStack() as stack:
        bad = stack.enter_context(failing_upstream())
        good = stack.enter_context(failing_upstream(OTHER))
        addresses = {
            "bad": bad.base_url,
            "good": good.base_url,
            "gone": f"http://127.0.0.1:{closed_port()}/v1",
        }
        config = "[retry]\nattempts = 2\nfirst_wait_s = 0.01\nlongest_wait_s = 0.1\n"
        for name, address in addresses.items():
            config += f'[[providers]]\nname = "{name}"\ntype = "openai_compat"\n{_TIMES}'
            config += f'base_url = "{address}"\n'
        routes = {kind: f'{{provider = "bad", model = "fail-{kind}"}}' for kind in KINDS}
        routes["gone"] = '{provider = "gone", model = "m"}'
        for kind, first in routes.items():
            second = '{provider = "good", model = "m"}'
            config += f'[[routes]]\nmodel = "two-{kind}"\ntargets = [{first}, {second}]\n'
            config += f'[[routes]]\nmodel = "one-{kind}"\ntargets = [{first}]\n'
        gateway = stack.enter_context(
            serving(
                tmp_path_factory.mktemp("failing"),
                config=config,
                environment={"MODELMUX_API_KEY": KEY},
            )
        )
        yield House(gateway, bad, good, stack.enter_context(caller_of(gateway.url)))


@both_ways
@every_dialect
@pytest.mark.parametrize("kind", [*BEFORE, "gone"])
def test_what_fails_before_its_answer_is_answered_by_the_next(
    house: House, kind: str, dialect: str, stream: bool
) -> None:
    began = time.monotonic()
    outcome = ask(house.client, dialect, f"two-{kind}", stream=stream)
    assert (outcome.status, outcome.text, outcome.complete) == (200, OTHER, True)
    assert time.monotonic() - began < BOUND_S
    _nothing_is_left(house)


@both_ways
@every_dialect
@pytest.mark.parametrize("kind", [*BEFORE, "gone"])
def test_where_there_is_no_other_it_is_one_error(
    house: House, kind: str, dialect: str, stream: bool
) -> None:
    began = time.monotonic()
    outcome = ask(house.client, dialect, f"one-{kind}", stream=stream)
    assert outcome.status >= 400
    assert outcome.error is not None
    assert not outcome.complete
    assert time.monotonic() - began < BOUND_S
    _nothing_is_left(house)


@both_ways
@every_dialect
@pytest.mark.parametrize("kind", WITHIN)
def test_an_answer_that_broke_off_is_never_told_to_be_whole(
    house: House, kind: str, dialect: str, stream: bool
) -> None:
    began = time.monotonic()
    outcome = ask(house.client, dialect, f"two-{kind}", stream=stream)
    if outcome.error is None:  # nothing of the first had been told: the other one may answer
        assert (outcome.text, outcome.complete) == (OTHER, True)
    else:
        assert stream
        assert SAID.startswith(outcome.text)
        assert not outcome.complete
    assert time.monotonic() - began < BOUND_S
    _nothing_is_left(house)


@both_ways
@every_dialect
@pytest.mark.parametrize("kind", HARMLESS)
def test_what_follows_an_answer_harms_nobody(
    house: House, kind: str, dialect: str, stream: bool
) -> None:
    for _ in range(3):
        outcome = ask(house.client, dialect, f"one-{kind}", stream=stream)
        assert (outcome.status, outcome.text, outcome.complete) == (200, SAID, True)
    _nothing_is_left(house)


@every_dialect
def test_who_leaves_a_stream_without_an_end_ends_it_upstream(house: House, dialect: str) -> None:
    body = body_of(dialect, "one-endless", stream=True)
    with house.client.stream("POST", path_of(dialect), json=body) as answer:
        assert answer.status_code == 200
        pieces = answer.iter_bytes()
        for _ in range(3):
            assert next(pieces)
        assert house.bad.busy == 1
    _nothing_is_left(house, within_s=1.0)


def _nothing_is_left(house: House, within_s: float = 2.0) -> None:
    deadline = time.monotonic() + within_s
    while house.bad.busy or house.good.busy:
        assert time.monotonic() < deadline, (house.bad.busy, house.good.busy)
        time.sleep(0.01)
    # What is open is kept for the next caller, and not many of them.
    assert house.bad.server.open_connections <= 8
