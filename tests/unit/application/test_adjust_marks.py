"""Marks of what to keep of a prompt, fitted to who knows none, or only a few."""

from dataclasses import replace

import pytest

from modelmux.application.adjusting import adjust
from modelmux.domain.caching import CacheMark
from modelmux.domain.capabilities import Capabilities
from modelmux.domain.conversation import Item, Message, Role, Text, ToolCall, ToolResult
from modelmux.domain.dialect import Dialect
from modelmux.domain.request import Generation
from modelmux.domain.tools import CustomTool, FunctionTool, ToolNamespace

MARK = CacheMark()
KNOWN = Capabilities(dialects=frozenset({Dialect.MESSAGES}), cache_marks=True)
ITEMS: tuple[Item, ...] = (
    Message(Role.SYSTEM, (Text("rules", cache=MARK),)),
    Message(Role.USER, (Text("one", cache=MARK), Text("two"))),
    ToolCall("c", "f", "{}", cache=MARK),
    ToolResult("c", (Text("out", cache=MARK),), cache=MARK),
)
TOOLS = (FunctionTool("f", cache=MARK), CustomTool("g"))


def marks_of(content: Generation) -> list[str]:
    """Return what is marked, in the prompt's order."""
    found = [
        tool.name
        for tool in content.tools
        if isinstance(tool, FunctionTool) and tool.cache is not None
    ]
    for item in content.items:
        if isinstance(item, Message | ToolResult):
            found += [part.text for part in item.parts if isinstance(part, Text) and part.cache]
        if isinstance(item, ToolCall | ToolResult) and item.cache is not None:
            found.append(type(item).__name__)
    return found


def test_four_marks_are_left_as_they_are() -> None:
    content = Generation(ITEMS)
    few = replace(content, items=ITEMS[1:])
    fitted, made = adjust(few, KNOWN)
    assert fitted is few
    assert made == ()


@pytest.mark.parametrize(
    ("automatic", "kept"),
    [
        (None, ["one", "ToolCall", "out", "ToolResult"]),
        (MARK, ["ToolCall", "out", "ToolResult"]),
    ],
)
def test_of_more_the_last_four_are_kept_and_the_rest_told(
    automatic: CacheMark | None, kept: list[str]
) -> None:
    fitted, made = adjust(Generation(ITEMS, TOOLS, cache=automatic), KNOWN)
    assert marks_of(fitted) == kept
    assert fitted.cache is automatic
    assert [str(one) for one in made if one.param == "prompt_cache_breakpoint"] == [
        "prompt_cache_breakpoint=clamped"
    ]


def test_who_knows_no_marks_is_sent_none() -> None:
    space = ToolNamespace("n", (FunctionTool("h", cache=MARK),))
    content = Generation(ITEMS, (*TOOLS, space), cache=MARK)
    fitted, made = adjust(content, replace(KNOWN, cache_marks=False))
    assert marks_of(fitted) == []
    assert "CacheMark" not in repr(fitted)
    assert [str(one) for one in made if one.param == "prompt_cache_breakpoint"] == [
        "prompt_cache_breakpoint=dropped"
    ]
