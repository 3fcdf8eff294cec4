"""The same conversation, said in each of the three dialects, is the same in the domain.

The matrix says its requests in all dialects under one name. Where two can say it, the items, the
tools, the choice among them and the form of the answer are equal, once what dialects spell
differently by their nature is spelt alike (`Alike`); `DIFFERENT` lists what one of them has no
words for. How a model draws and thinks is told in words of each dialect's own and not compared.
"""

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from itertools import combinations, takewhile
from typing import Final

import pytest

from modelmux.domain.conversation import (
    FileData,
    ImageData,
    ImageUrl,
    Item,
    Message,
    Part,
    Role,
    Text,
    ToolCall,
    ToolResult,
)
from modelmux.domain.request import Caller, Generation, OutputFormat, SchemaText
from modelmux.domain.tools import FunctionTool, ToolDefinition
from modelmux.entrypoints.chat_completions.decode import decode_content
from modelmux.entrypoints.members import Members, decode_members
from modelmux.entrypoints.messages.decode import content_decoder as messages_decoder
from modelmux.entrypoints.responses.decode import content_decoder as responses_decoder
from tests.matrix import chat, messages, responses
from tests.support.json_texts import Json
from tests.support.responses_records import OpenSealer

SPOKEN: Final[Mapping[str, tuple[Mapping[str, Json], Callable[[Members, Caller], Generation]]]] = {
    "chat": (chat.REQUESTS, decode_content),
    "responses": (responses.REQUESTS, responses_decoder(OpenSealer())),
    "messages": (messages.REQUESTS, messages_decoder(OpenSealer())),
}
INSTRUCTING = (Role.SYSTEM, Role.DEVELOPER)


def not_failed(item: Item) -> Item:
    return replace(item, is_error=False) if isinstance(item, ToolResult) else item


def files_alone(item: Item) -> Item:
    """The words beside a file differ in the matrix, and Messages alone has a context for it."""
    if not isinstance(item, Message):
        return item
    files = tuple(replace(part, notes=None) for part in item.parts if isinstance(part, FileData))
    assert files
    return replace(item, parts=files)


DIFFERENT: Final[Mapping[str, Callable[[Item], Item]]] = {
    # Messages alone can say that a tool failed; elsewhere its words say so.
    "result-error": not_failed,
    "file-pdf": files_alone,
    "file-text": files_alone,
}
# The dialects mark different places, in the words of their vendors for how long.
NOT_COMPARED: Final = frozenset({"cache-marks"})

COMMON = [
    (name, one, other)
    for one, other in combinations(SPOKEN, 2)
    for name in SPOKEN[one][0]
    if name in SPOKEN[other][0] and name not in NOT_COMPARED
]


@pytest.mark.parametrize(("name", "one", "other"), COMMON)
def test_a_request_means_the_same_in_two_dialects(name: str, one: str, other: str) -> None:
    assert alike(one, name) == alike(other, name)


def test_most_of_the_matrix_is_compared() -> None:
    assert len(COMMON) > 85
    assert DIFFERENT.keys() <= {name for name, _, _ in COMMON}


@dataclass(frozen=True, slots=True)
class Meaning:
    items: tuple[Item, ...]
    tools: tuple[ToolDefinition, ...]
    choice: object
    parallel: bool | None
    form: OutputFormat


def alike(dialect: str, name: str) -> Meaning:
    requests, decode = SPOKEN[dialect]
    body = json.dumps({"model": "m", **requests[name]}).encode()
    content = decode(decode_members(body), Caller("acme"))
    fit = DIFFERENT.get(name, _same)
    return Meaning(
        tuple(fit(item) for item in Alike().items(content)),
        tuple(_tool(tool) for tool in content.tools),
        content.tool_choice,
        content.parallel_tool_calls,
        _form(content.output_format),
    )


@dataclass(slots=True)
class Alike:
    """Spells items alike; calls are named by their number, for each vendor has ids of its own."""

    _calls: dict[str, str] = field(default_factory=dict[str, str])

    def items(self, content: Generation) -> list[Item]:
        head = [
            part
            for item in takewhile(_instructs, content.items)
            if isinstance(item, Message)
            for part in item.parts
        ]
        # Responses has `instructions` beside its items, Messages one system prompt in parts;
        # whether who speaks is the system or the developer, OpenAI's models alone tell apart.
        if content.instructions is not None:
            head.insert(0, Text(content.instructions))
        rest = content.items[sum(1 for _ in takewhile(_instructs, content.items)) :]
        items: list[Item] = [Message(Role.SYSTEM, tuple(head))] if head else []
        return items + [self._item(item) for item in rest]

    def _item(self, item: Item) -> Item:
        match item:
            case ToolCall():
                id_ = self._calls.setdefault(item.id, f"call {len(self._calls)}")
                # The model's text: OpenAI's clients send it as it was, Anthropic's as an object.
                arguments = json.dumps(json.loads(item.arguments or "{}"))
                return replace(item, id=id_, arguments=arguments)
            case ToolResult():
                return replace(item, call_id=self._calls[item.call_id], parts=_parts(item.parts))
            case Message():
                return replace(item, parts=_parts(item.parts))
            case _:
                return item


def _instructs(item: Item) -> bool:
    return isinstance(item, Message) and item.role in INSTRUCTING


def _parts(parts: Iterable[Part]) -> tuple[Part, ...]:
    """Responses must say in what detail an image is looked at; `auto` is what holds anyway."""
    return tuple(
        replace(part, detail=None)
        if isinstance(part, ImageData | ImageUrl) and part.detail == "auto"
        else part
        for part in parts
    )


def _tool(tool: ToolDefinition) -> ToolDefinition:
    """Responses must say that a tool is not strict, and both others what it is called with."""
    if not isinstance(tool, FunctionTool):
        return tool
    parameters = tool.parameters or {"type": "object", "properties": {}}
    return replace(tool, strict=tool.strict or None, parameters=parameters)


def _form(form: OutputFormat) -> OutputFormat:
    """Messages has no name for the form of an answer."""
    return replace(form, name="") if isinstance(form, SchemaText) else form


def _same(item: Item) -> Item:
    return item
