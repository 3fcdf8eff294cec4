"""Tools of Responses requests and the choice among them."""

import json
from typing import Any

import pytest

from modelmux.adapters.memory.sealer import MemorySealer
from modelmux.domain.errors import InvalidRequest
from modelmux.domain.request import Caller, Generation
from modelmux.domain.tools import (
    AUTO,
    AllowedTools,
    AnyTool,
    CustomTool,
    FunctionTool,
    Grammar,
    HostedChoice,
    HostedTool,
    NamedTool,
    NoTools,
    ToolChoice,
    ToolNamespace,
)
from modelmux.entrypoints.members import decode_members
from modelmux.entrypoints.responses.decode import content_decoder

NOTHING: list[object] = []
decode_content = content_decoder(MemorySealer())
FUNCTION = {"type": "function", "name": "f"}
CUSTOM = {"type": "custom", "name": "c"}
SEARCH = {"type": "web_search", "search_context_size": "low"}
SPACE = {"type": "namespace", "name": "crm", "description": "d", "tools": [
    {"type": "function", "name": "find", "parameters": {"type": "object"}}, CUSTOM]}  # fmt: skip
ALL = [FUNCTION, SPACE, SEARCH]


def content(**changes: Any) -> Generation:
    body = {"model": "m", "input": "hello", **changes}
    return decode_content(decode_members(json.dumps(body).encode()), Caller("acme"))


@pytest.mark.parametrize(
    ("tool", "decoded"),
    [
        (FUNCTION, FunctionTool("f")),
        (
            {**FUNCTION, "description": "d", "parameters": {"type": "object"}, "strict": True},
            FunctionTool("f", "d", {"type": "object"}, True),
        ),
        ({**FUNCTION, "description": None, "parameters": None, "strict": None}, FunctionTool("f")),
        (CUSTOM, CustomTool("c")),
        ({**CUSTOM, "description": "d", "format": {"type": "text"}}, CustomTool("c", "d")),
        (
            {**CUSTOM, "format": {"type": "grammar", "syntax": "lark", "definition": "start: A"}},
            CustomTool("c", None, Grammar("lark", "start: A")),
        ),
        (
            SPACE,
            ToolNamespace(
                "crm", (FunctionTool("find", None, {"type": "object"}), CustomTool("c")), "d"
            ),
        ),
        (SEARCH, HostedTool("web_search", {**SEARCH})),
        ({"type": "tool_search"}, HostedTool("tool_search", {"type": "tool_search"})),
        ({"type": "of_tomorrow", "a": [1]}, HostedTool("of_tomorrow", {"type": "of_tomorrow",
                                                                        "a": [1]})),
    ],
)  # fmt: skip
def test_tools_of_every_kind(tool: dict[str, Any], decoded: object) -> None:
    assert content(tools=[tool]).tools == (decoded,)


@pytest.mark.parametrize(
    ("tools", "param"),
    [
        ([5], "tools[0]"),
        ([FUNCTION, {}], "tools[1].type"),
        ([{"type": 5}], "tools[0].type"),
        ([{"type": "function"}], "tools[0].name"),
        ([{**FUNCTION, "name": ""}], "tools[0].name"),
        ([{**FUNCTION, "parameters": "{}"}], "tools[0].parameters"),
        ([{**FUNCTION, "strict": "yes"}], "tools[0].strict"),
        ([{**CUSTOM, "format": {"type": "xml"}}], "tools[0].format.type"),
        ([{**CUSTOM, "format": {"type": "grammar", "syntax": "bnf", "definition": ""}}],
         "tools[0].format.syntax"),
        ([{"type": "namespace", "name": "n"}], "tools[0].tools"),
        ([{"type": "namespace", "tools": NOTHING}], "tools[0].name"),
        ([{**SPACE, "tools": [FUNCTION, SPACE]}], "tools[0].tools[1].type"),
        ([{**SPACE, "tools": [{"type": "function"}]}], "tools[0].tools[0].name"),
        ([FUNCTION] * 2049, "tools"),
    ],
)  # fmt: skip
def test_a_wrong_tool_is_refused_by_its_place(tools: list[object], param: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        content(tools=tools)
    assert caught.value.param == param


@pytest.mark.parametrize("kind", ["function", "custom"])
def test_a_tool_written_as_for_chat_completions_is_refused_with_a_hint(kind: str) -> None:
    with pytest.raises(InvalidRequest, match=f"beside its 'type', not inside '{kind}'") as caught:
        content(tools=[{"type": kind, kind: {"name": "f"}}])
    assert caught.value.param == "tools[0].name"


def test_items_may_bring_tools_for_the_turn() -> None:
    added = {"type": "additional_tools", "role": "developer", "tools": [CUSTOM]}
    found = content(
        input=[added, {"role": "user", "content": "x"}],
        tools=[FUNCTION],
        tool_choice={"type": "custom", "name": "c"},
    )
    assert found.tools == (FunctionTool("f"), CustomTool("c"))
    assert found.tool_choice == NamedTool("c")
    assert len(found.items) == 1


@pytest.mark.parametrize(
    ("choice", "decoded"),
    [
        (None, AUTO),
        ("auto", AUTO),
        ("none", NoTools()),
        ("required", AnyTool()),
        ({"type": "function", "name": "f"}, NamedTool("f")),
        ({"type": "function", "name": "find"}, NamedTool("find")),
        ({"type": "custom", "name": "c"}, NamedTool("c")),
        ({"type": "web_search_preview"}, HostedChoice("web_search_preview",
                                                      {"type": "web_search_preview"})),
        ({"type": "mcp", "server_label": "s", "name": "n"},
         HostedChoice("mcp", {"type": "mcp", "server_label": "s", "name": "n"})),
        ({"type": "allowed_tools", "mode": "auto", "tools": [FUNCTION]}, AllowedTools(("f",))),
        ({"type": "allowed_tools", "mode": "required", "tools": [
            CUSTOM, {"type": "web_search"}, {"type": "namespace", "name": "crm"}]},
         AllowedTools(("c", "web_search", "crm"), required=True)),
    ],
)  # fmt: skip
def test_a_choice_of_every_form(choice: object, decoded: ToolChoice) -> None:
    assert content(tools=ALL, tool_choice=choice).tool_choice == decoded


@pytest.mark.parametrize(
    ("choice", "param"),
    [
        ("maybe", "tool_choice"),
        ({}, "tool_choice.type"),
        ({"type": 5}, "tool_choice.type"),
        ({"type": "function"}, "tool_choice.name"),
        ({"type": "function", "name": "g"}, "tool_choice.name"),
        ({"type": "function", "function": {"name": "f"}}, "tool_choice.name"),
        ({"type": "allowed_tools", "mode": "auto", "tools": NOTHING}, "tool_choice.tools"),
        ({"type": "allowed_tools", "mode": "none", "tools": [FUNCTION]}, "tool_choice.mode"),
        ({"type": "allowed_tools", "mode": "auto", "tools": [{"name": "f"}]},
         "tool_choice.tools[0].type"),
        ({"type": "allowed_tools", "mode": "auto", "tools": [FUNCTION, {"type": "function"}]},
         "tool_choice.tools[1].name"),
        ({"type": "allowed_tools", "mode": "auto", "tools": [{**FUNCTION, "name": "g"}]},
         "tool_choice.tools[0].name"),
        ({"type": "allowed_tools", "mode": "auto", "tools": [
            {"type": "namespace", "name": "f"}]}, "tool_choice.tools[0].name"),
    ],
)  # fmt: skip
def test_a_wrong_choice_is_refused_by_name(choice: object, param: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        content(tools=ALL, tool_choice=choice)
    assert caught.value.param == param


@pytest.mark.parametrize(
    "choice", ["required", {"type": "function", "name": "f"}, {"type": "web_search"}]
)
def test_a_choice_needs_tools(choice: object) -> None:
    with pytest.raises(InvalidRequest, match="only allowed when tools are given"):
        content(tool_choice=choice)


def test_a_hosted_choice_needs_a_hosted_tool() -> None:
    with pytest.raises(InvalidRequest) as caught:
        content(tools=[FUNCTION], tool_choice={"type": "web_search"})
    assert caught.value.param == "tool_choice.type"
