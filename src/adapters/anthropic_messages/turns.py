"""A conversation's items as Claude's turns.

The service holds to these, each a 400: turns alternate and the first is the user's; every
`tool_use` is answered in the very next user turn, whose results come before its text; thinking
stands before the calls it led to, unchanged; no text is empty, and the last of an assistant's
last turn has no white space at its end.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import TypeGuard, TypeVar, assert_never

from msgspec import UNSET, structs

from ...domain.conversation import (
    Compaction,
    Item,
    Message,
    OpaqueItem,
    OpaquePart,
    Part,
    Reasoning,
    Refusal,
    Role,
    Text,
    ToolCall,
    ToolResult,
)
from ...domain.dialect import Dialect
from ...domain.errors import InvalidRequest, UnsupportedFeature
from ...domain.json_values import JsonObject
from ...domain.refusals import refused_instruction, refused_item
from . import wire
from .blocks import (
    Media,
    encode_call,
    encode_call_id,
    encode_mark,
    encode_part,
    encode_proof,
    encode_text,
)

_PARAM = "messages"
_SYSTEM_ROLES = (Role.SYSTEM, Role.DEVELOPER)
_OPENING = "(The assistant speaks first.)"


@dataclass(frozen=True, slots=True)
class Turns:
    """`called` are the names of tools called; `thought` whether the open tool turn has thinking.

    A tool turn is open when its last word is a tool's; a turn that is not open counts as thought.
    """

    system: wire.System
    turns: list[wire.Turn]
    called: tuple[str, ...]
    thought: bool


def encode_turns(
    items: Sequence[Item], *, model: str, media: Media, system_turns: bool = False
) -> Turns:
    """Return `items` as a system text and turns.

    `system_turns` says whether the model takes system messages behind a user's turn.

    Raises:
        InvalidRequest: the items are in an order that Claude does not take.
        UnsupportedFeature: a part, or a later instruction, cannot be said to Claude.
    """
    head = 0
    while head < len(items):
        item = items[head]
        if not (isinstance(item, Message) and item.role in _SYSTEM_ROLES):
            break
        head += 1
    building = _Building(model, media, system_turns)
    for item in items[head:]:
        building.add(item)
    return building.finish(_encode_system(items[:head]))


def _encode_system(head: Sequence[Item]) -> wire.System:
    """Return what stands before all turns: blocks where marks or the caller's own ends matter."""
    if not head:
        return ""
    said = [_text_blocks(item) for item in head if isinstance(item, Message)]
    blocks = [block for one in said for block in one]
    texts = [block.text for block in blocks if _is_plain(block)]
    if len(texts) < len(blocks) or any(len(one) > 1 for one in said):
        return blocks
    return "\n\n".join(texts)


@dataclass(slots=True)
class _OpenTurn:
    role: wire.TurnRole
    blocks: list[wire.Block] = field(default_factory=list[wire.Block])
    results: int = 0


@dataclass(slots=True)
class _Building:
    model: str
    media: Media
    system_turns: bool
    turns: list[_OpenTurn] = field(default_factory=list[_OpenTurn])
    # The calls without a result yet, and the ids that Claude has them by.
    unanswered: dict[str, str] = field(default_factory=dict[str, str])
    ids: dict[str, int] = field(default_factory=dict[str, int])
    called: dict[str, None] = field(default_factory=dict[str, None])

    def add(self, item: Item) -> None:
        match item:
            case Message(role=Role.ASSISTANT):
                self._assistant(self._spoken(item))
            case Message(role=Role.USER):
                self._user(self._parts(item))
            case Message():
                self._system(_text_blocks(item))
            case Reasoning():
                block = encode_proof(item, self.model)
                if block is not None:
                    self._assistant((block,))
            case ToolCall():
                id_ = self._unused(encode_call_id(item.id))
                self._assistant((encode_call(item, id_),))
                if item.id in self.unanswered:
                    raise InvalidRequest(
                        f"Two tool calls of one turn have the id {item.id[:200]!r}.", param=_PARAM
                    )
                self.unanswered[item.id] = id_
                self.called[item.name] = None
            case ToolResult():
                self._result(item)
            case OpaqueItem(dialect=Dialect.MESSAGES):
                self._assistant((item.value,))
            case Compaction() | OpaqueItem():
                raise refused_item(item)
            case _:
                assert_never(item)

    def finish(self, system: wire.System) -> Turns:
        self._demand_answers()
        turns = self.turns
        for turn in turns:
            if turn.role == "assistant":
                _drop_final_thinking(turn.blocks)
        if turns and turns[-1].role == "assistant":
            _strip_end(turns[-1].blocks)
        turns = _merged(turn for turn in turns if turn.blocks)
        if not turns:
            raise InvalidRequest("The conversation has no content.", param=_PARAM)
        if turns[0].role == "assistant":
            turns.insert(0, _OpenTurn("user", [wire.TextBlock(_OPENING)]))
        return Turns(
            system,
            [wire.Turn(turn.role, _compact(turn.blocks)) for turn in turns],
            tuple(self.called),
            _has_thought(turns),
        )

    def _unused(self, id_: str) -> str:
        """Return an id no call has yet: Claude wants that, and some servers count by answer."""
        while times := self.ids.get(id_, 0):
            self.ids[id_] = times + 1
            id_ = f"{id_}_{times + 1}"
        self.ids[id_] = 1
        return id_

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

    def _system(self, blocks: Sequence[wire.TextBlock | JsonObject]) -> None:
        """Only the newest models take later system messages, and those behind a user's turn."""
        turns = self.turns
        after_user = bool(turns) and turns[-1].role != "assistant" and not self.unanswered
        if not (self.system_turns and after_user):
            raise refused_instruction()
        if turns[-1].role != "system":
            turns.append(_OpenTurn("system"))
        turns[-1].blocks.extend(blocks)

    def _result(self, item: ToolResult) -> None:
        if item.call_id not in self.unanswered:
            raise InvalidRequest(
                f"The tool result {item.call_id[:200]!r} answers no call of the turn before it.",
                param=_PARAM,
            )
        id_ = self.unanswered.pop(item.call_id)
        turn = self._user(())
        turn.blocks.insert(turn.results, self._result_block(item, id_))
        turn.results += 1

    def _result_block(self, item: ToolResult, id_: str) -> wire.ToolResultBlock:
        blocks = self._parts(item)
        return wire.ToolResultBlock(
            id_,
            _compact(blocks) if blocks else UNSET,
            True if item.is_error else UNSET,
            encode_mark(item.cache),
        )

    def _parts(self, item: Message | ToolResult) -> list[wire.ResultBlock]:
        return [encode_part(part, self.media) for part in item.parts if not _is_blank(part)]

    def _spoken(self, item: Message) -> list[wire.ResultBlock]:
        for part in item.parts:
            if not isinstance(part, Text | Refusal | OpaquePart):
                raise _only_text(item)
        return self._parts(item)

    def _demand_answers(self) -> None:
        for call_id in self.unanswered:
            raise InvalidRequest(
                f"The tool call {call_id[:200]!r} has no result in the turn after it.",
                param=_PARAM,
            )


def _text_blocks(message: Message) -> list[wire.TextBlock | JsonObject]:
    blocks: list[wire.TextBlock | JsonObject] = []
    for part in message.parts:
        if isinstance(part, OpaquePart) and part.dialect is Dialect.MESSAGES:
            blocks.append(part.value)
        elif not isinstance(part, Text | Refusal):
            raise _only_text(message)
        elif not _is_blank(part):
            blocks.append(
                encode_text(part) if isinstance(part, Text) else wire.TextBlock(part.text)
            )
    return blocks


def _only_text(message: Message) -> UnsupportedFeature:
    return UnsupportedFeature(
        f"The model takes only text in {message.role} messages.", param=_PARAM
    )


def _is_plain(block: wire.Block) -> TypeGuard[wire.TextBlock]:
    return (
        isinstance(block, wire.TextBlock)
        and block.cache_control is UNSET
        and block.citations is UNSET
    )


def _is_blank(part: Part) -> bool:
    return isinstance(part, Text | Refusal) and not part.text.strip()


def _drop_final_thinking(blocks: list[wire.Block]) -> None:
    """Thoughts that led to nothing may not end a turn."""
    while blocks and isinstance(blocks[-1], wire.ThinkingBlock | wire.RedactedThinkingBlock):
        blocks.pop()


def _strip_end(blocks: list[wire.Block]) -> None:
    while blocks and isinstance(last := blocks[-1], wire.TextBlock):
        text = last.text.rstrip()
        if text:
            if text != last.text:
                blocks[-1] = structs.replace(last, text=text)
            return
        blocks.pop()


def _merged(turns: Iterable[_OpenTurn]) -> list[_OpenTurn]:
    """Return `turns` with those joined that an emptied turn stood between."""
    merged: list[_OpenTurn] = []
    for turn in turns:
        if merged and merged[-1].role == turn.role:
            merged[-1].blocks.extend(turn.blocks)
        else:
            merged.append(turn)
    return merged


def _has_thought(turns: Sequence[_OpenTurn]) -> bool:
    """Whether the assistant's first turn since the user last spoke begins with thinking."""
    turns = [turn for turn in turns if turn.role != "system"]
    if not turns[-1].results:
        return True
    first = turns[-1]
    for turn in reversed(turns[:-1]):
        if turn.role == "assistant":
            first = turn
        elif len(turn.blocks) > turn.results:
            break
    return isinstance(first.blocks[0], wire.ThinkingBlock | wire.RedactedThinkingBlock)


B = TypeVar("B", wire.Block, wire.ResultBlock)


def _compact(blocks: Sequence[B]) -> str | list[B]:
    """A lone text is sent as a plain string: shorter, and quicker to encode."""
    if len(blocks) == 1 and _is_plain(only := blocks[0]):
        return only.text
    return list(blocks)
