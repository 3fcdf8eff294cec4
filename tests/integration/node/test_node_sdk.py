"""The official SDK for Node through a running gateway, over the provider families.

One run of `round_trips.mjs` asks everything; the tests look at what it saw.
"""

import json
import time
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest

from tests.support.fake_openai import FakeOpenAI
from tests.support.families import CALLER_KEY, FAMILIES, House, every_family
from tests.support.node import node_or_skip, run_node

ASKED = ("demo", "claude", "gemini", "vllm")
SCRIPT = Path(__file__).with_name("round_trips.mjs")


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Generator[House]:
    node_or_skip()
    with every_family(tmp_path_factory.mktemp("node"), names=ASKED) as house:
        yield house


@pytest.fixture(scope="module")
def found(house: House) -> dict[str, Any]:
    environment = {
        "MODELMUX_URL": f"{house.gateway.url}/v1",
        "MODELMUX_API_KEY": CALLER_KEY,
        "MODELS": json.dumps({name: FAMILIES[name] for name in ASKED}),
    }
    ended = run_node(SCRIPT.read_text(), environment=environment)
    assert ended.returncode == 0, ended.stderr
    seen: dict[str, Any] = json.loads(ended.stdout)
    return seen


@pytest.fixture(params=ASKED)
def family(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_a_text_is_answered_whole(found: dict[str, Any], family: str) -> None:
    whole = found["families"][family]["whole"]
    assert whole["id"]
    assert whole | {"id": ""} == {
        "text": "You said: Hello",
        "reason": "stop",
        "provider": family,
        "id": "",
    }


def test_a_text_is_streamed_with_usage(found: dict[str, Any], family: str) -> None:
    streamed = found["families"][family]["streamed"]
    assert streamed["text"] == "You said: one two three"
    assert streamed["pieces"] > 1
    assert len(streamed["ids"]) == 1
    assert streamed["usage"]["total_tokens"] > 0


@pytest.mark.parametrize("place", [0, 1], ids=["whole", "streamed"])
def test_the_tool_runner_goes_all_the_way(found: dict[str, Any], family: str, place: int) -> None:
    tools = found["families"][family]["tools"][place]
    assert "sunny" in tools["text"]
    assert len(tools["asked"]) == 1
    assert isinstance(tools["asked"][0]["city"], str)


def test_output_keeps_to_its_schema(found: dict[str, Any], family: str) -> None:
    assert found["families"][family]["structured"].keys() == {"city"}


@pytest.mark.parametrize(
    ("case", "kind", "status", "code"),
    [
        ("key", "AuthenticationError", 401, "invalid_api_key"),
        ("model", "NotFoundError", 404, "model_not_found"),
        ("rate", "RateLimitError", 429, "rate_limit_exceeded"),
        ("request", "BadRequestError", 400, "empty_array"),
    ],
)
def test_an_error_has_the_class_the_sdk_has_for_it(
    found: dict[str, Any], case: str, kind: str, status: int, code: str
) -> None:
    error = found["errors"][case]
    assert (error["kind"], error["status"], error["code"]) == (kind, status, code)
    assert error["id"]


def test_a_stream_that_is_cut_raises(found: dict[str, Any]) -> None:
    assert found["errors"]["cut"]["kind"] == "APIError"
    assert found["errors"]["cut"]["code"] == "stream_cut"


def test_models_are_listed(found: dict[str, Any]) -> None:
    assert found["models"] == [FAMILIES[name] for name in ASKED]


def test_an_aborted_stream_ends_upstream(house: House, found: dict[str, Any]) -> None:
    assert found["aborted"] == 3
    upstream = house.families["vllm"].fake
    assert isinstance(upstream, FakeOpenAI)
    deadline = time.monotonic() + 2
    while upstream.busy and time.monotonic() < deadline:
        time.sleep(0.01)
    assert upstream.busy == 0
