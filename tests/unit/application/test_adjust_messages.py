"""What Messages alone has, for targets of other languages: marks, notes, parts, tools, media."""

from dataclasses import replace
from typing import Any

import pytest

from modelmux.application.adjusting import adjust
from modelmux.domain.caching import CacheMark
from modelmux.domain.capabilities import Capabilities
from modelmux.domain.conversation import (
    DocumentNotes,
    FileData,
    ImageData,
    Message,
    OpaqueItem,
    OpaquePart,
    Part,
    Role,
    Text,
    ToolCall,
    ToolResult,
)
from modelmux.domain.dialect import Dialect
from modelmux.domain.errors import UnsupportedFeature
from modelmux.domain.json_values import JsonObject
from modelmux.domain.request import Generation
from modelmux.domain.tools import (
    AUTO,
    BuiltinTool,
    FunctionTool,
    HostedTool,
    NamedTool,
    ToolNamespace,
)
from tests.support.asking import content_of, user

MARK = CacheMark("1h")
PICTURE = ImageData("image/png", "AAAA")
PAPER = FileData("application/pdf", "AAAA", "a.pdf")
CHAT = Capabilities()
CLAUDE = Capabilities(
    dialects=frozenset({Dialect.MESSAGES}),
    cache_marks=True,
    document_notes=True,
    result_media=True,
    failed_results=True,
)
SEARCH = HostedTool(
    "web_search_20250305", {"type": "web_search_20250305", "name": "web_search"}, Dialect.MESSAGES
)
BASH = BuiltinTool("bash_20250124", "bash", {"type": "bash_20250124", "name": "bash"})


def saying(*parts: Part) -> Message:
    return Message(Role.USER, parts)


def fitted(content: Generation, can: Capabilities = CHAT) -> tuple[Generation, list[str]]:
    left, made = adjust(content, can, "m", Dialect.MESSAGES)
    return left, [str(adjustment) for adjustment in made]


MARKED = content_of(
    saying(Text("Hi", cache=MARK), Text("there")),
    ToolCall("c", "f", "{}", cache=MARK),
    ToolResult("c", (Text("ok", cache=MARK),), cache=MARK),
    tools=(
        FunctionTool("f", cache=MARK),
        ToolNamespace("n", (FunctionTool("g", cache=MARK),)),
    ),
    cache=MARK,
)


def test_marks_are_left_out_and_told_once() -> None:
    content, made = fitted(MARKED)
    assert made == ["prompt_cache_breakpoint=dropped"]
    assert "CacheMark" not in repr(content)
    assert [getattr(one, "parts", ()) for one in content.items] == [  # getattr: calls have none
        (Text("Hi"), Text("there")),
        (),
        (Text("ok"),),
    ]


def test_marks_stay_where_they_are_understood_and_nothing_is_copied_without_any() -> None:
    few = replace(MARKED, tools=(), items=MARKED.items[1:])
    content, made = fitted(few, CLAUDE)
    assert (content.items, content.cache, made) == (few.items, MARK, [])
    plain = content_of(user("Hi"), tools=(FunctionTool("f"),))
    content, _ = fitted(plain)
    assert content is plain


def test_notes_on_documents_are_said_before_them_or_told() -> None:
    from_caller = FileData(
        "application/pdf", "AAAA", "a.pdf", DocumentNotes("A draft.", citations=True)
    )
    asked = content_of(saying(Text("Read"), from_caller))
    content, made = fitted(asked)
    assert content.items == (
        saying(Text("Read"), Text("About the document that follows: A draft."), PAPER),
    )
    assert made == ["messages.citations=dropped", "messages.context=emulated"]
    assert fitted(asked, CLAUDE) == (asked, [])


FOUND: JsonObject = {
    "type": "search_result",
    "title": "Bonn",
    "source": "https://example.com/bonn",
    "content": [{"type": "text", "text": "It lies on the Rhine."}],
}


def opaque(value: JsonObject) -> OpaquePart:
    return OpaquePart(str(value["type"]), value, Dialect.MESSAGES)


def test_search_results_and_references_are_said_in_words() -> None:
    reference: JsonObject = {"type": "tool_reference", "tool_name": "f"}
    asked = content_of(
        ToolCall("c", "f", "{}"), ToolResult("c", (opaque(FOUND), opaque(reference))), user("So?")
    )
    content, made = fitted(asked)
    result = content.items[1]
    assert isinstance(result, ToolResult)
    assert result.parts == (
        Text("Search result\nTitle: Bonn\nSource: https://example.com/bonn\nIt lies on the Rhine."),
        Text("The tool f can be called."),
    )
    assert made == ["messages.content=emulated"]
    assert fitted(asked, CLAUDE) == (asked, [])


@pytest.mark.parametrize(
    "part",
    [
        {"type": "container_upload", "file_id": "f"},
        {**FOUND, "content": [{"type": "image"}]},
        {"type": "tool_reference"},
    ],
)
def test_what_has_no_words_is_refused_by_its_name(part: JsonObject) -> None:
    with pytest.raises(UnsupportedFeature, match=str(part["type"])):
        fitted(content_of(saying(opaque(part))))


@pytest.mark.parametrize(
    ("dialect", "can", "taken"),
    [
        (Dialect.MESSAGES, CLAUDE, True),
        (Dialect.MESSAGES, Capabilities(), False),
        (Dialect.RESPONSES, CLAUDE, False),
    ],
)
def test_opaque_items_go_to_their_own_language_alone(
    dialect: Dialect, can: Capabilities, taken: bool
) -> None:
    item = OpaqueItem("server_tool_use", {"type": "server_tool_use"}, dialect)
    asked = content_of(user("Hi"), item, user("Go on"))
    if taken:
        assert fitted(asked, can) == (asked, [])
    else:
        with pytest.raises(UnsupportedFeature, match="server_tool_use"):
            fitted(asked, can)


def test_a_choice_out_of_a_toolset_goes_with_it() -> None:
    toolset = HostedTool(
        "computer_toolset_20260801", {"type": "computer_toolset_20260801"}, Dialect.MESSAGES
    )
    tools = (toolset, FunctionTool("f"))
    left, made = fitted(content_of(user("Hi"), tools=tools, tool_choice=NamedTool("click")))
    assert left.tool_choice == AUTO
    assert made == ["tools[0].type=dropped", "tool_choice=dropped"]
    left, made = fitted(content_of(user("Hi"), tools=tools, tool_choice=NamedTool("f")))
    assert left.tool_choice == NamedTool("f")
    assert made == ["tools[0].type=dropped"]


def test_hosted_tools_go_to_their_own_language_alone() -> None:
    asked = content_of(
        user("Hi"), tools=(SEARCH, FunctionTool("f")), tool_choice=NamedTool("web_search")
    )
    assert fitted(asked, CLAUDE) == (asked, [])
    content, made = fitted(asked)
    assert (content.tools, content.tool_choice) == ((FunctionTool("f"),), AUTO)
    assert made == ["tools[0].type=dropped", "tool_choice=dropped"]
    elsewhere = Capabilities(dialects=frozenset({Dialect.RESPONSES}))
    assert fitted(asked, elsewhere)[1] == ["tools[0].type=dropped", "tool_choice=dropped"]


@pytest.mark.parametrize(
    ("kind", "name", "commands"),
    [
        ("bash_20250124", "bash", None),
        ("text_editor_20250728", "str_replace_based_edit_tool", 4),
        ("text_editor_20250124", "str_replace_editor", 5),
        ("memory_20250818", "memory", 6),
    ],
)
def test_known_tools_of_claude_are_functions_elsewhere(
    kind: str, name: str, commands: int | None
) -> None:
    tool = BuiltinTool(kind, name, {"type": kind, "name": name})
    asked = content_of(user("Hi"), tools=(tool,), tool_choice=NamedTool(name))
    content, made = fitted(asked)
    (function,) = content.tools
    assert isinstance(function, FunctionTool)
    assert function.name == name
    assert function.parameters is not None
    properties: Any = function.parameters["properties"]
    assert set(function.parameters["required"] or ()) <= set(properties)  # type: ignore[arg-type]  # a list of names
    if commands is not None:
        assert len(properties["command"]["enum"]) == commands
    assert content.tool_choice == NamedTool(name)
    assert made == ["tools[0].type=emulated"]
    assert fitted(asked, CLAUDE) == (asked, [])


@pytest.mark.parametrize("kind", ["computer_20250124", "brand_new_20270101"])
def test_other_tools_of_claude_are_refused_by_name(kind: str) -> None:
    tool = BuiltinTool(kind, "it", {"type": kind, "name": "it"})
    with pytest.raises(UnsupportedFeature, match=kind) as caught:
        fitted(content_of(user("Hi"), tools=(BASH, tool)))
    assert caught.value.param == "tools.1.type"


def test_members_of_tools_go_to_their_own_language_alone() -> None:
    tools = (FunctionTool("f", extras={"defer_loading": True}), FunctionTool("g"))
    asked = content_of(user("Hi"), tools=tools)
    assert fitted(asked, CLAUDE) == (asked, [])
    content, made = fitted(asked)
    assert content.tools == (FunctionTool("f"), FunctionTool("g"))
    assert made == ["tools.defer_loading=dropped"]


def test_media_in_results_follow_the_results_of_their_turn() -> None:
    asked = content_of(
        user("Look"),
        ToolCall("a", "f", "{}"),
        ToolCall("b", "f", "{}"),
        ToolResult("a", (Text("one"), PICTURE)),
        ToolResult("b", (PAPER,)),
        user("So?"),
        ToolCall("c", "f", "{}"),
        ToolResult("c", (PICTURE,)),
    )
    content, made = fitted(asked)

    def moved(number: int) -> Text:
        return Text(f"[attachment {number}, in the message after the results]")

    def said(number: int) -> Text:
        return Text(f"Attachment {number} of the tool results:")

    assert content.items == (
        *asked.items[:3],
        ToolResult("a", (Text("one"), moved(1))),
        ToolResult("b", (moved(2),)),
        saying(said(1), PICTURE, said(2), PAPER),
        *asked.items[5:7],
        ToolResult("c", (moved(3),)),
        saying(said(3), PICTURE),
    )
    assert made == ["messages.content=emulated"]
    assert fitted(asked, CLAUDE) == (asked, [])


@pytest.mark.parametrize(
    ("can", "told"),
    [
        (CHAT, ["messages.is_error=emulated"]),
        (Capabilities(dialects=frozenset()), ["messages.is_error=emulated"]),
        (Capabilities(dialects=frozenset(), failed_results=True), []),
        (CLAUDE, []),
    ],
)
def test_a_failed_call_is_said_where_there_is_no_word_for_it(
    can: Capabilities, told: list[str]
) -> None:
    failed = ToolResult("c", (Text("no such city"),), is_error=True)
    asked = content_of(user("Hi"), ToolCall("c", "f", "{}"), failed)
    content, made = fitted(asked, can)
    assert made == told
    result = content.items[2]
    said = ToolResult("c", (Text("The tool failed:"), Text("no such city")))
    assert result == (said if told else failed)
