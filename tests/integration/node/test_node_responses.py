"""The Responses API through the official SDK for Node, over the provider families.

One run of `responses_round_trips.mjs` asks everything; the tests look at what it saw.
"""

import json
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest

from tests.support.families import CALLER_KEY, FAMILIES, House, every_family
from tests.support.node import node_or_skip, run_node

ASKED = ("demo", "claude", "gemini", "vllm", "openai", "mistral")
SCRIPT = Path(__file__).with_name("responses_round_trips.mjs")


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Generator[House]:
    node_or_skip()
    with every_family(tmp_path_factory.mktemp("node-responses"), names=ASKED) as house:
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


def test_a_response_is_told_and_kept(found: dict[str, Any], family: str) -> None:
    text = "You said: Hello"
    expected = {"text": text, "kept": text, "status": "completed", "provider": family}
    assert found["families"][family]["whole"] == expected


def test_a_response_is_streamed(found: dict[str, Any], family: str) -> None:
    streamed = found["families"][family]["streamed"]
    assert streamed["text"] == "You said: one two three"
    assert streamed["types"][0] == "response.created"
    assert streamed["types"][-1] == "response.completed"
    assert streamed["numbers"] == list(range(len(streamed["types"])))
    assert streamed["usage"]["total_tokens"] > 0


def test_the_sdks_own_helper_follows_a_stream(found: dict[str, Any], family: str) -> None:
    helper = found["families"][family]["helper"]
    assert helper["text"] == "You said: one two"
    assert helper["deltas"] > 1


@pytest.mark.parametrize("way", ["kept", "carried"])
def test_a_tool_loop_goes_all_the_way(found: dict[str, Any], family: str, way: str) -> None:
    loop = found["families"][family][way]
    assert "sunny" in loop["text"]
    assert len(loop["calls"]) == 1
    assert isinstance(loop["calls"][0]["city"], str)


def test_output_keeps_to_its_schema(found: dict[str, Any], family: str) -> None:
    assert found["families"][family]["structured"].keys() == {"city"}


def test_a_background_response_is_waited_for(found: dict[str, Any], family: str) -> None:
    background = found["families"][family]["background"]
    assert background == {"first": "queued", "last": "completed", "text": "You said: Hello"}


def test_a_conversation_grows(found: dict[str, Any], family: str) -> None:
    assert found["families"][family]["conversation"] == ["user", "assistant"] * 2


@pytest.mark.parametrize(
    ("case", "kind", "status", "code", "param"),
    [
        ("unknown", "NotFoundError", 404, "not_found", None),
        (
            "previous",
            "BadRequestError",
            400,
            "previous_response_not_found",
            "previous_response_id",
        ),
        ("item", "BadRequestError", 400, "unsupported_parameter", "input"),
    ],
)
def test_an_error_has_the_class_the_sdk_has_for_it(
    found: dict[str, Any], case: str, kind: str, status: int, code: str, param: str | None
) -> None:
    expected = {"kind": kind, "status": status, "code": code, "param": param}
    assert found["errors"][case] == expected
