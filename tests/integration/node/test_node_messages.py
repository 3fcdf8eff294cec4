"""Anthropic's SDK for Node through a running gateway, over the provider families.

One run of `messages_round_trips.mjs` asks everything; the tests look at what it saw.
"""

import json
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest

from tests.support.families import CALLER_KEY, FAMILIES, House, every_family
from tests.support.node import node_or_skip, run_node

ASKED = ("demo", "claude", "gemini", "vllm", "deepseek")
SCRIPT = Path(__file__).with_name("messages_round_trips.mjs")


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Generator[House]:
    node_or_skip("@anthropic-ai/sdk")
    with every_family(tmp_path_factory.mktemp("node"), names=ASKED) as house:
        yield house


@pytest.fixture(scope="module")
def found(house: House) -> dict[str, Any]:
    budget = {"type": "enabled", "budget_tokens": 2000}
    models = {
        name: {
            "model": FAMILIES[name],
            "thinking": {"thinking": {"type": "adaptive"} if name == "claude" else budget},
        }
        for name in ASKED
    }
    environment = {
        "MODELMUX_URL": house.gateway.url,
        "MODELMUX_API_KEY": CALLER_KEY,
        "MODELS": json.dumps(models),
    }
    ended = run_node(SCRIPT.read_text(), environment=environment)
    assert ended.returncode == 0, ended.stderr
    seen: dict[str, Any] = json.loads(ended.stdout)
    return seen


@pytest.fixture(params=ASKED)
def family(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.mark.parametrize("way", ["whole", "streamed"])
def test_a_text_is_answered(found: dict[str, Any], family: str, way: str) -> None:
    told = found["families"][family][way]
    assert told["text"] == "You said: one two three"
    assert told["reason"] == "end_turn"
    assert told["output"] > 0


def test_a_text_comes_in_pieces(found: dict[str, Any], family: str) -> None:
    pieces = found["families"][family]["pieces"]
    assert len(pieces) > 1
    assert "".join(pieces) == "You said: one two three"


@pytest.mark.parametrize("way", ["tools", "streamedTools"])
def test_a_tool_loop_with_thinking_comes_to_its_end(
    found: dict[str, Any], family: str, way: str
) -> None:
    told = found["families"][family][way]
    assert told["reason"] == "tool_use"
    if family == "demo":
        assert told["names"]
        return
    assert told["names"] == ["get_weather", "get_time"]
    assert told["kinds"][0] == "thinking"
    assert told["text"] == "The tools said: sunny in value 0; sunny in value 1"


def test_failures_are_the_sdks_own_errors(found: dict[str, Any]) -> None:
    assert found["noModel"] == {"kind": "NotFoundError", "status": 404, "type": "not_found_error"}
    assert found["wrongKey"] == {
        "kind": "AuthenticationError",
        "status": 401,
        "type": "authentication_error",
    }
    assert found["cut"] is not None
    assert found["cut"]["type"] == "api_error"
