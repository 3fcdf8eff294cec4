"""Namespaces of tools: flat for targets that know none, and back in the answer."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelmux.application.adjusting import adjust
from modelmux.application.adjusting.namespaces import flat_names
from modelmux.domain.capabilities import Capabilities
from modelmux.domain.conversation import Message, Role, Text, ToolCall, ToolResult
from modelmux.domain.dialect import Dialect
from modelmux.domain.tools import (
    AUTO,
    AllowedTools,
    CustomTool,
    FunctionTool,
    NamedTool,
    ToolChoice,
    ToolDefinition,
    ToolNamespace,
)
from tests.support.asking import content_of, user

CLAUDE = Capabilities(dialects=frozenset())
CRM = ToolNamespace("crm", (FunctionTool("find", strict=True), CustomTool("note")))
ERP = ToolNamespace("erp", (FunctionTool("find"),))
FIND, PLAIN = FunctionTool("crm__find"), FunctionTool("plain")
FITTING = re.compile(r"[A-Za-z0-9_-]{1,64}")

names = st.text(st.sampled_from("ab_-. /ü"), min_size=1, max_size=70)
functions = names.map(FunctionTool)
tool_lists = st.lists(
    st.one_of(
        functions,
        st.builds(ToolNamespace, names, st.lists(functions, min_size=1, max_size=4).map(tuple)),
    ),
    max_size=6,
)


def calls_of(pairs: list[tuple[str, str]]) -> list[ToolCall]:
    return [
        ToolCall(f"c{at}", name, "{}", namespace=space) for at, (space, name) in enumerate(pairs)
    ]


@given(tool_lists, st.lists(st.tuples(names, names), max_size=4))
def test_each_tool_has_a_flat_name_of_its_own_that_leads_back(
    tools: list[ToolDefinition], remembered: list[tuple[str, str]]
) -> None:
    flat = flat_names(tools, calls_of(remembered))
    spaced = {
        (tool.name, inner.name)
        for tool in tools
        if isinstance(tool, ToolNamespace)
        for inner in tool.tools
    }
    assert set(flat) == spaced | set(remembered)
    plain = {tool.name for tool in tools if isinstance(tool, FunctionTool)}
    assert len(set(flat.values()) | plain) == len(flat) + len(plain)
    assert all(FITTING.fullmatch(name) for name in flat.values())
    # The way back is made of the tools alone, and must find the names that the way out had.
    alone = flat_names(tools)
    assert alone == {address: flat[address] for address in spaced}


def test_namespaces_are_flat_with_calls_and_results_where_they_were() -> None:
    items = (
        user("Hi"),
        ToolCall("c1", "find", "{}", namespace="crm"),
        ToolCall("c2", "gone", "{}", namespace="old"),
        ToolResult("c1", ()),
        ToolResult("c2", ()),
    )
    content, made = adjust(content_of(*items, tools=(CRM, PLAIN)), CLAUDE, "m", Dialect.RESPONSES)
    assert content.tools == (FunctionTool("crm__find", strict=True), CustomTool("crm__note"), PLAIN)
    assert content.items == (
        user("Hi"),
        ToolCall("c1", "crm__find", "{}"),
        ToolCall("c2", "old__gone", "{}"),
        ToolResult("c1", ()),
        ToolResult("c2", ()),
    )
    assert made == ()


def test_what_a_namespace_is_for_is_not_lost() -> None:
    told = ToolNamespace("crm", CRM.tools, "All about customers.")
    content, _ = adjust(content_of(user("Hi"), tools=(told,)), CLAUDE, "m", Dialect.RESPONSES)
    said = Message(
        Role.SYSTEM,
        (Text("The tools crm__find, crm__note belong together: All about customers."),),
    )
    assert content.items == (said, user("Hi"))


@pytest.mark.parametrize(
    ("can", "flat"),
    [
        (Capabilities(dialects=frozenset({Dialect.RESPONSES})), False),
        (Capabilities(dialects=frozenset({Dialect.RESPONSES}), tool_namespaces=False), True),
        (Capabilities(), True),
    ],
)
def test_they_stay_where_they_are_known(can: Capabilities, flat: bool) -> None:
    asked = content_of(user("Hi"), tools=(CRM,))
    content, made = adjust(asked, can, "m", Dialect.RESPONSES)
    assert (content.tools is not asked.tools) is flat
    assert made == ()


@pytest.mark.parametrize(
    ("choice", "left"),
    [
        (AUTO, AUTO),
        (NamedTool("plain"), NamedTool("plain")),
        (NamedTool("note"), NamedTool("crm__note")),
        (NamedTool("find"), AllowedTools(("crm__find", "erp__find"), required=True)),
        (NamedTool("unknown"), NamedTool("unknown")),
        (AllowedTools(("find", "plain")), AllowedTools(("crm__find", "erp__find", "plain"))),
        (AllowedTools(("crm",), required=True), AllowedTools(("crm__find", "crm__note"), True)),
        (AllowedTools(("unknown",)), AllowedTools(("unknown",))),
    ],
)
def test_choices_name_the_flat_tools(choice: ToolChoice, left: ToolChoice) -> None:
    asked = content_of(user("Hi"), tools=(CRM, ERP, PLAIN), tool_choice=choice)
    assert adjust(asked, CLAUDE, "m", Dialect.RESPONSES)[0].tool_choice == left


def test_a_name_that_is_taken_or_does_not_fit_gets_another() -> None:
    long = ToolNamespace("n" * 60, (FunctionTool("a" * 60), FunctionTool("b c")))
    flat = flat_names((FIND, CRM, long))
    assert flat["crm", "find"].startswith("crm__find_")
    assert flat["crm", "note"] == "crm__note"
    assert [len(flat[long.name, tool.name]) for tool in long.tools] == [64, 64]


def test_what_a_tool_in_a_namespace_has_for_openai_alone_stays_there() -> None:
    tool = FunctionTool("find", extras={"defer_loading": True})
    asked = content_of(user("Hi"), tools=(ToolNamespace("crm", (tool,)),))
    content, made = adjust(asked, CLAUDE, dialect=Dialect.RESPONSES)
    assert content.tools == (FIND,)
    assert "tools.defer_loading" in [one.param for one in made]
