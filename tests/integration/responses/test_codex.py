"""Coding agents over every provider family, as the Codex CLI asks: nothing kept, all sent back.

Source: codex-rs/core and codex-rs/codex-api of the openai/codex repository, 2026: what a turn of
the agent sends, and which members it leaves out of the items it sends back.
"""

import json
from collections.abc import Callable
from typing import Any, Final

import httpx
import pytest

from tests.support.families import CALLER_KEY, FAMILIES, Family, House
from tests.support.responses_laws import Json, ResponsesStreamLaws

INSTRUCTIONS: Final = "You are a coding agent. Be precise, safe and helpful.\n" * 400
_PATCH: Final = 'start: "*** Begin Patch" LF /(.|\\n)+/ "*** End Patch" LF?\n'


def _function(name: str, *members: str) -> Json:
    properties = {member: {"type": "string"} for member in members}
    parameters = {"type": "object", "properties": properties, "additionalProperties": False}
    told = {"type": "function", "name": name, "description": f"Runs {name}.", "strict": False}
    return {**told, "parameters": {**parameters, "required": list(members)}}


SHELL: Final = _function("exec_command", "cmd")
PATCH: Final[Json] = {
    "type": "custom",
    "name": "apply_patch",
    "description": "Edits files.",
    "format": {"type": "grammar", "syntax": "lark", "definition": _PATCH},
}
FILES: Final[Json] = {
    "type": "namespace",
    "name": "mcp__files",
    "description": "Tools of the server `files`.",
    "tools": [_function("read", "path"), _function("list", "path")],
}
SEARCH: Final[Json] = {"type": "web_search", "external_web_access": False}
TOOLS: Final = [SHELL, PATCH, FILES, SEARCH]


def user(text: str) -> Json:
    return {"type": "message", "role": "user", "content": [{"type": "input_text", "text": text}]}


def beginning(said: str) -> list[Json]:
    permissions = [{"type": "input_text", "text": "<permissions>read-only</permissions>"}]
    return [
        {"type": "message", "role": "developer", "content": permissions},
        user("<environment_context><cwd>/home/me</cwd></environment_context>"),
        user(said),
    ]


def request(model: str, items: list[Json], tools: list[Json]) -> Json:
    return {
        "model": model,
        "instructions": INSTRUCTIONS,
        "input": items,
        "tools": tools,
        "tool_choice": "auto",
        "parallel_tool_calls": True,
        "reasoning": {"effort": "medium", "summary": "auto"},
        "store": False,
        "stream": True,
        "include": ["reasoning.encrypted_content"],
        "service_tier": None,
        "prompt_cache_key": "0199c0de-0000-7000-8000-000000000000",
        "text": {"verbosity": "medium"},
        "client_metadata": {"x-codex-installation-id": "0199c0de"},
    }


def kept(item: Json) -> Json:
    """Return an item as the agent remembers it: without its id and its status."""
    told = {name: value for name, value in item.items() if name not in ("id", "status")}
    if told["type"] == "message":
        told["content"] = [{"type": "output_text", "text": it["text"]} for it in told["content"]]
    return told


class Agent:
    """Takes turns until no more tool is called; `calls` are all of them, as they came."""

    def __init__(self, house: House, model: str, tools: list[Json]) -> None:
        self._url = f"{house.gateway.url}/v1/responses"
        self._model = model
        self._tools = tools
        self.items: list[Json] = []
        self.calls: list[Json] = []
        self.adjusted = ""

    def run(self, items: list[Json]) -> str:
        """Return the text that ends the work."""
        self.items += items
        for _ in range(4):
            output = self._turn()
            self.items += [kept(item) for item in output]
            calls = [item for item in output if item["type"].endswith("_call")]
            if not calls:
                (message,) = [item for item in output if item["type"] == "message"]
                text: str = message["content"][0]["text"]
                return text
            self.calls += calls
            self.items += [
                {
                    "type": f"{call['type']}_output",
                    "call_id": call["call_id"],
                    "output": f"result of {call['name']}",
                }
                for call in calls
            ]
        raise AssertionError("the work has no end")

    def _turn(self) -> list[Json]:
        laws = ResponsesStreamLaws(whole_frames=False)  # its instructions alone fill a read
        body = request(self._model, self.items, self._tools)
        headers = {"authorization": f"Bearer {CALLER_KEY}", "accept": "text/event-stream"}
        with httpx.stream(
            "POST", self._url, json=body, headers=headers, timeout=20, trust_env=False
        ) as answer:
            assert answer.status_code == 200, answer.read()
            self.adjusted = answer.headers.get("x-modelmux-adjusted", "")
            for chunk in answer.iter_raw():
                laws.feed(chunk)
        laws.close()
        assert laws.final is not None
        assert laws.final["status"] == "completed", laws.final
        output: list[Json] = laws.final["output"]
        return output


@pytest.fixture
def agent(every_house: House, family: Family) -> Callable[[list[Json]], Agent]:
    return lambda tools: Agent(every_house, family.model, tools)


# Runs no tools of its own: the agent always offers a search.
_SEARCHLESS: Final = frozenset(FAMILIES) - {"openai", "azure"}


def test_an_agent_works_through_three_turns(
    agent: Callable[[list[Json]], Agent], family: Family
) -> None:
    running = agent(TOOLS)
    # The demo calls the tools it is told the names of, the others their first two.
    told = running.run(beginning("sequential: exec_command, apply_patch"))
    assert [(call["type"], call["name"]) for call in running.calls] == [
        ("function_call", "exec_command"),
        ("custom_tool_call", "apply_patch"),
    ]
    assert json.loads(running.calls[0]["arguments"]).keys() == {"cmd"}
    assert isinstance(running.calls[1]["input"], str)
    assert "result of apply_patch" in told
    again = running.run([user("thank you")])
    if family.name != "demo":  # which calls a tool whenever it has one
        assert again == "You said: thank you"
    dropped = "tools[3].type=dropped" in running.adjusted
    assert dropped == (family.name in _SEARCHLESS)
    if family.fake is not None:
        asked = json.dumps(family.asked())
        assert INSTRUCTIONS[:40] in asked
        assert "read-only" in asked
        assert "mmx" not in asked
        assert ("web_search" in asked) == (family.name not in _SEARCHLESS)


def test_tools_in_a_namespace_are_called_and_answered(
    agent: Callable[[list[Json]], Agent], family: Family
) -> None:
    running = agent([FILES, PATCH])
    told = running.run(beginning("call mcp__files__read"))
    (call,) = running.calls
    assert (call["type"], call["namespace"], call["name"]) == (
        "function_call",
        "mcp__files",
        "read",
    )
    assert "result of read" in told
    if family.fake is not None and family.name not in ("openai", "azure"):
        asked: dict[str, Any] = family.asked()
        assert '"mcp__files__read"' in json.dumps(asked)
        tools = asked["toolConfig"] if family.name == "bedrock" else asked["tools"]
        assert "namespace" not in json.dumps(tools)


def test_two_calls_of_one_turn_are_both_answered(agent: Callable[[list[Json]], Agent]) -> None:
    running = agent(TOOLS)
    told = running.run(beginning("in parallel: exec_command, apply_patch"))
    assert [call["name"] for call in running.calls] == ["exec_command", "apply_patch"]
    assert len({call["call_id"] for call in running.calls}) == 2
    assert "result of apply_patch" in told


@pytest.mark.parametrize("model", ["openai/gpt-5.6", "azure/gpt-5.6"])
def test_a_model_that_reasons_gets_its_thoughts_back(every_house: House, model: str) -> None:
    running = Agent(every_house, model, TOOLS)
    told = running.run(beginning("sequential"))
    assert len(running.calls) == 2
    assert "result of apply_patch" in told
    thoughts = [item for item in running.items if item["type"] == "reasoning"]
    assert all(item["encrypted_content"] for item in thoughts)
    assert len(thoughts) == 3
