"""A conversation's items as Converse's turns.

The service holds to these, each a 400: turns alternate and the first is the user's; every call is
answered in the very next user turn, whose results come first; no text is blank; a document stands
beside a text. Thoughts stand before the calls they led to, unchanged.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final, assert_never

from msgspec import UNSET

from ...domain.caching import CacheMark
from ...domain.conversation import (
    Compaction,
    Item,
    Message,
    OpaqueItem,
    Part,
    Reasoning,
    Refusal,
    Role,
    Text,
    ToolCall,
    ToolResult,
)
from ...domain.errors import InvalidRequest, UnsupportedFeature
from ...domain.refusals import refused_instruction, refused_item
from . import wire
from .blocks import (
    Naming,
    encode_call,
    encode_call_id,
    encode_mark,
    encode_part,
    encode_result,
    encode_thoughts,
    is_blank,
)

_PARAM: Final = "messages"
_SYSTEM_ROLES: Final = (Role.SYSTEM, Role.DEVELOPER)
_OPENING: Final = "(The assistant speaks first.)"
_BESIDE_DOCUMENT: Final = "(See the document.)"


@dataclass(frozen=True, slots=True)
class Turns:
    """`called` are the names of tools called; `thought` whether the open tool turn has thinking.

    A tool turn is open when its last word is a tool's; a turn that is not open counts as thought.
    """

    system: list[wire.SystemBlock]
    turns: list[wire.Turn]
    called: tuple[str, ...]
    thought: bool


def encode_turns(
    items: Sequence[Item], *, model: str, cache_spans: Sequence[str], cache: CacheMark | None
) -> Turns:
    """Return `items` as system blocks and turns; `cache` marks the end of them all.

    Raises:
        InvalidRequest: the items are in an order that Converse does not take.
        UnsupportedFeature: a part, or a later instruction, cannot be said there.
    """
    head = 0
    while head < len(items):
        item = items[head]
        if not (isinstance(item, Message) and item.role in _SYSTEM_ROLES):
            break
        head += 1
    system: list[wire.SystemBlock] = []
    for item in items[:head]:
        if isinstance(item, Message):
            system.extend(_encode_system(item, cache_spans))
    building = _Building(model, cache_spans)
    for item in items[head:]:
        building.add(item)
    return building.finish(system, cache)


def _encode_system(message: Message, spans: Sequence[str]) -> Iterable[wire.SystemBlock]:
    for part in _texts(message):
        yield wire.TextBlock(part.text)
        if isinstance(part, Text) and part.cache is not None:
            yield encode_mark(part.cache, spans)


@dataclass(slots=True)
class _OpenTurn:
    """`results` is how many of the first blocks are tools' results, with their marks."""

    role: wire.TurnRole
    blocks: list[wire.Block] = field(default_factory=list[wire.Block])
    results: int = 0


@dataclass(slots=True)
class _Building:
    model: str
    spans: Sequence[str]
    naming: Naming = field(default_factory=Naming)
    turns: list[_OpenTurn] = field(default_factory=list[_OpenTurn])
    unanswered: dict[str, None] = field(default_factory=dict[str, None])
    called: dict[str, None] = field(default_factory=dict[str, None])

    def add(self, item: Item) -> None:
        match item:
            case Message(role=Role.ASSISTANT):
                self._assistant(self._marked(_texts(item)))
            case Message(role=Role.USER):
                self._user(self._marked(part for part in item.parts if not is_blank(part)))
            case Message():
                raise refused_instruction()
            case Reasoning():
                block = encode_thoughts(item, self.model)
                if block is not None:
                    self._assistant((block,))
            case ToolCall():
                if item.id in self.unanswered:
                    raise InvalidRequest(
                        f"Two tool calls of one turn have the id {item.id[:200]!r}.", param=_PARAM
                    )
                self._assistant((encode_call(item), *self._mark(item.cache)))
                self.unanswered[item.id] = None
                self.called[item.name] = None
            case ToolResult():
                self._result(item)
            case Compaction() | OpaqueItem():
                raise refused_item(item)
            case _:
                assert_never(item)

    def finish(self, system: list[wire.SystemBlock], cache: CacheMark | None) -> Turns:
        self._demand_answers()
        for turn in self.turns:
            if turn.role == "assistant":
                _drop_final_thoughts(turn.blocks)
        if self.turns and self.turns[-1].role == "assistant":
            _strip_end(self.turns[-1].blocks)
        turns = _merged(turn for turn in self.turns if turn.blocks)
        if not turns:
            raise InvalidRequest("The conversation has no content.", param=_PARAM)
        if turns[0].role == "assistant":
            turns.insert(0, _OpenTurn("user", [wire.TextBlock(_OPENING)]))
        for turn in turns:
            _put_text_beside_documents(turn.blocks)
        if cache is not None and not isinstance(turns[-1].blocks[-1], wire.CachePointBlock):
            turns[-1].blocks.append(encode_mark(cache, self.spans))
        return Turns(
            system,
            [wire.Turn(turn.role, turn.blocks) for turn in turns],
            tuple(self.called),
            _has_thought(turns),
        )

    def _marked(self, parts: Iterable[Part]) -> Iterable[wire.Block]:
        for part in parts:
            yield encode_part(part, self.naming)
            yield from self._mark(_mark_of(part))

    def _mark(self, mark: CacheMark | None) -> tuple[wire.Block, ...]:
        return () if mark is None else (encode_mark(mark, self.spans),)

    def _assistant(self, blocks: Iterable[wire.Block]) -> None:
        turns = self.turns
        if not turns or turns[-1].role != "assistant":
            self._demand_answers()
            turns.append(_OpenTurn("assistant"))
        turns[-1].blocks.extend(blocks)

    def _user(self, blocks: Iterable[wire.Block]) -> _OpenTurn:
        turns = self.turns
        if not turns or turns[-1].role != "user":
            turns.append(_OpenTurn("user"))
        turns[-1].blocks.extend(blocks)
        return turns[-1]

    def _result(self, item: ToolResult) -> None:
        if item.call_id not in self.unanswered:
            raise InvalidRequest(
                f"The tool result {item.call_id[:200]!r} answers no call of the turn before it.",
                param=_PARAM,
            )
        del self.unanswered[item.call_id]
        result = wire.ToolResult(
            encode_call_id(item.call_id),
            encode_result(item.parts, self.naming),
            "error" if item.is_error else UNSET,
        )
        # There is no place for a mark inside a result: what is marked there is marked behind it.
        mark = item.cache or next((m for p in item.parts if (m := _mark_of(p)) is not None), None)
        blocks = (wire.ToolResultBlock(result), *self._mark(mark))
        turn = self._user(())
        turn.blocks[turn.results : turn.results] = blocks
        turn.results += len(blocks)

    def _demand_answers(self) -> None:
        for call_id in self.unanswered:
            raise InvalidRequest(
                f"The tool call {call_id[:200]!r} has no result in the turn after it.",
                param=_PARAM,
            )


def _mark_of(part: Part) -> CacheMark | None:
    # getattr: most kinds of part can be marked, the others have no such field.
    mark: CacheMark | None = getattr(part, "cache", None)
    return mark


def _texts(message: Message) -> list[Text | Refusal]:
    texts: list[Text | Refusal] = []
    for part in message.parts:
        if not isinstance(part, Text | Refusal):
            raise UnsupportedFeature(
                f"The model takes only text in {message.role} messages.", param=_PARAM
            )
        if not is_blank(part):
            texts.append(part)
    return texts


def _drop_final_thoughts(blocks: list[wire.Block]) -> None:
    """Thoughts that led to nothing may not end a turn."""
    while blocks and isinstance(blocks[-1], wire.ReasoningBlock):
        blocks.pop()


def _strip_end(blocks: list[wire.Block]) -> None:
    """The last text of an assistant's last turn has no white space at its end."""
    if blocks and isinstance(last := blocks[-1], wire.TextBlock):
        blocks[-1] = wire.TextBlock(last.text.rstrip())


def _merged(turns: Iterable[_OpenTurn]) -> list[_OpenTurn]:
    """Return `turns` with those joined that an emptied turn stood between."""
    merged: list[_OpenTurn] = []
    for turn in turns:
        if merged and merged[-1].role == turn.role:
            merged[-1].blocks.extend(turn.blocks)
        else:
            merged.append(turn)
    return merged


def _put_text_beside_documents(blocks: list[wire.Block]) -> None:
    if any(isinstance(block, wire.DocumentBlock) for block in blocks) and not any(
        isinstance(block, wire.TextBlock) for block in blocks
    ):
        blocks.append(wire.TextBlock(_BESIDE_DOCUMENT))


def _has_thought(turns: Sequence[_OpenTurn]) -> bool:
    """Whether the assistant's first turn since the user last spoke begins with thinking."""
    if not turns[-1].results:
        return True
    first = turns[-1]
    for turn in reversed(turns[:-1]):
        if turn.role == "assistant":
            first = turn
        elif len(turn.blocks) > turn.results:
            break
    return isinstance(first.blocks[0], wire.ReasoningBlock)
