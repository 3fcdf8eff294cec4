"""Messages in: tools and the choice among them."""

import json
from typing import Any

import pytest

from modelmux.adapters.memory.sealer import MemorySealer
from modelmux.domain.caching import CacheMark
from modelmux.domain.dialect import Dialect
from modelmux.domain.errors import InvalidRequest
from modelmux.domain.json_values import JsonObject
from modelmux.domain.request import Caller, Generation
from modelmux.domain.tools import (
    AUTO,
    AnyTool,
    BuiltinTool,
    FunctionTool,
    HostedTool,
    NamedTool,
    NoTools,
    ToolChoice,
)
from modelmux.entrypoints.members import decode_members
from modelmux.entrypoints.messages.decode import content_decoder

USER = {"role": "user", "content": "hello"}
SCHEMA: JsonObject = {"type": "object", "properties": {"a": {"type": "integer"}}}
TOOL: JsonObject = {"name": "f", "input_schema": SCHEMA}
SEARCH: JsonObject = {"type": "web_search_20260318", "name": "web_search", "max_uses": 3}
TOOLSET: JsonObject = {"type": "computer_toolset_20260801", "configs": {"zoom": {"enabled": False}}}


def content(**changes: Any) -> Generation:
    body = {"model": "m", "max_tokens": 4096, "messages": [USER], **changes}
    decode = content_decoder(MemorySealer())
    return decode(decode_members(json.dumps(body).encode()), Caller("acme"))


def refused(**changes: Any) -> str | None:
    with pytest.raises(InvalidRequest) as refusal:
        content(**changes)
    return refusal.value.param


def test_a_tool_is_a_function() -> None:
    plain, rich = content(
        tools=[
            TOOL,
            {
                **TOOL,
                "name": "g",
                "type": "custom",
                "description": "d",
                "strict": True,
                "cache_control": {"type": "ephemeral", "ttl": "1h"},
                "defer_loading": True,
                "eager_input_streaming": True,
                "allowed_callers": ["direct"],
                "input_examples": [{"a": 1}],
            },
        ]
    ).tools
    assert plain == FunctionTool("f", None, SCHEMA)
    assert rich == FunctionTool(
        "g",
        "d",
        SCHEMA,
        True,
        CacheMark("1h"),
        {
            "defer_loading": True,
            "eager_input_streaming": True,
            "allowed_callers": ["direct"],
            "input_examples": [{"a": 1}],
        },
    )


@pytest.mark.parametrize(
    ("type_", "name"),
    [
        ("bash_20250124", "bash"),
        ("text_editor_20250728", "str_replace_based_edit_tool"),
        ("memory_20250818", "memory"),
        ("computer_20250124", "computer"),
    ],
)
def test_tools_that_the_caller_runs_are_called_by_name(type_: str, name: str) -> None:
    tool: JsonObject = {"type": type_, "name": name, "display_width_px": 1024}
    asked = content(tools=[tool], tool_choice={"type": "tool", "name": name})
    assert asked.tools == (BuiltinTool(type_, name, tool),)
    assert asked.tool_choice == NamedTool(name)


@pytest.mark.parametrize("tool", [SEARCH, TOOLSET, {"type": "tool_search_tool_bm25_20251119"}])
def test_tools_of_the_vendor_are_kept_whole(tool: dict[str, Any]) -> None:
    assert content(tools=[tool]).tools == (HostedTool(tool["type"], tool, Dialect.MESSAGES),)


def test_an_unknown_member_of_a_tool_is_told() -> None:
    asked = content(tools=[{**TOOL, "colour": "red"}])
    assert asked.tools == (FunctionTool("f", None, SCHEMA),)
    assert asked.ignored == ("tools.colour",)


@pytest.mark.parametrize(
    ("tools", "param"),
    [
        ([{"name": "f"}], "tools[0].input_schema"),
        ([{"input_schema": SCHEMA}], "tools[0].name"),
        ([{**TOOL, "name": ""}], "tools[0].name"),
        ([{**TOOL, "name": "x" * 257}], "tools[0].name"),
        ([TOOL, {**TOOL, "name": "g", "input_schema": "{}"}], "tools[1].input_schema"),
        ([TOOL, TOOL], "tools[1].name"),
        ([{**TOOL, "strict": "yes"}], "tools[0].strict"),
        ([{"type": "bash_20250124"}], "tools[0].name"),
        (["f"], "tools[0]"),
        ([{**TOOL, "name": f"f{n}"} for n in range(2049)], "tools"),
    ],
)
def test_a_tool_that_is_not_well_said_is_found(tools: list[object], param: str) -> None:
    assert refused(tools=tools) == param


@pytest.mark.parametrize(
    ("wanted", "choice", "parallel"),
    [
        (None, AUTO, None),
        ({"type": "auto"}, AUTO, None),
        ({"type": "auto", "disable_parallel_tool_use": True}, AUTO, False),
        ({"type": "any", "disable_parallel_tool_use": False}, AnyTool(), True),
        (
            {"type": "tool", "name": "f", "disable_parallel_tool_use": True},
            NamedTool("f"),
            False,
        ),
        ({"type": "none"}, NoTools(), None),
    ],
)
def test_choices(wanted: object, choice: ToolChoice, parallel: bool | None) -> None:
    asked = content(tools=[TOOL], tool_choice=wanted)
    assert asked.tool_choice == choice
    assert asked.parallel_tool_calls is parallel


def test_a_tool_of_the_vendor_is_chosen_by_its_name() -> None:
    wanted = {"type": "tool", "name": "web_search"}
    assert content(tools=[SEARCH], tool_choice=wanted).tool_choice == NamedTool("web_search")


def test_one_of_a_toolset_may_be_chosen() -> None:
    choice = content(tools=[TOOLSET], tool_choice={"type": "tool", "name": "zoom"}).tool_choice
    assert choice == NamedTool("zoom")


@pytest.mark.parametrize(
    ("tools", "wanted", "param"),
    [
        ([TOOL], {"type": "required"}, "tool_choice.type"),
        ([TOOL], {"type": "tool"}, "tool_choice.name"),
        ([TOOL], {"type": "tool", "name": "g"}, "tool_choice.name"),
        ([], {"type": "any"}, "tool_choice"),
        ([], {"type": "tool", "name": "f"}, "tool_choice"),
        ([TOOL], {"type": "any", "disable_parallel_tool_use": 1},
         "tool_choice.disable_parallel_tool_use"),
    ],
)  # fmt: skip
def test_a_choice_that_is_not_well_said_is_found(
    tools: list[object], wanted: object, param: str
) -> None:
    assert refused(tools=tools, tool_choice=wanted) == param


def test_to_choose_none_or_freely_among_none_is_harmless() -> None:
    assert content(tool_choice={"type": "auto"}).tool_choice == AUTO
    assert content(tool_choice={"type": "none"}).tool_choice == NoTools()
