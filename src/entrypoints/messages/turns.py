"""Messages -> the items of a conversation, with the rules on which may follow which.

Neighbours of one role are one turn. The calls of an assistant's turn are all answered in the
user's turn right after it, before anything else is said there.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import NamedTuple, TypeAlias

from msgspec import Raw, ValidationError
from msgspec.json import Decoder

from ...application.ports import SEAL_MARK
from ...domain.conversation import (
    Item,
    Message,
    OpaqueItem,
    Part,
    Proof,
    Reasoning,
    Role,
    Text,
    ToolCall,
    ToolResult,
    Vendor,
)
from ...domain.dialect import Dialect
from ...domain.errors import InvalidRequest
from ..members import decode_member
from ..noting import decode_keeping, decode_noting
from ..sealing import open_reasoning
from .blocks import Reading, decode_part, decode_parts, decode_system, kind_of, text_part
from .wire import (
    KnownBlock,
    KnownMessage,
    MessageShape,
    RedactedThinkingBlock,
    TextBlock,
    ThinkingBlock,
    ToolResultBlock,
    ToolUseBlock,
)

_MESSAGES = Decoder(list[Raw])
_KNOWN_MESSAGE = Decoder(KnownMessage)
_MESSAGE = Decoder(MessageShape)
_TEXT = Decoder(TextBlock)
_TOOL_USE = Decoder(ToolUseBlock)
_TOOL_RESULT = Decoder(ToolResultBlock)
_THINKING = Decoder(ThinkingBlock)
_REDACTED = Decoder(RedactedThinkingBlock)
_MEDIA = frozenset({"image", "document"})
_MAX_TOLD = 5


class OtherBlock(NamedTuple):
    """Media, which are read as parts, and what is not known here."""

    kind: str
    raw: Raw


Block: TypeAlias = KnownBlock | OtherBlock


def decode_turns(raw: Raw, reading: Reading) -> list[Item]:
    """Return the conversation.

    Raises:
        InvalidRequest: a message is not well said, answers no call, leaves one unanswered, or
            brings thoughts that were sealed for another.
    """
    messages = decode_member(_MESSAGES, raw, "messages")
    if not messages:
        raise InvalidRequest("at least one message is required", param="messages")
    history = _History(reading, len(messages) - 1)
    for number, text in enumerate(messages):
        param = f"messages[{number}]"
        history.add(_decode_message(text, param, reading), number, param)
    history.check_answered(len(messages))
    return history.items


def _decode_message(raw: Raw, param: str, reading: Reading) -> KnownMessage | MessageShape:
    try:
        return _KNOWN_MESSAGE.decode(raw)
    except (ValidationError, RecursionError):  # whoever reads it block by block finds what it is
        return decode_keeping(_MESSAGE, raw, param, reading.ignored)


_Decoders: TypeAlias = Mapping[str, Callable[[Raw, str, dict[str, None]], KnownBlock]]
_OF_USER: _Decoders = {
    "text": partial(decode_noting, _TEXT),
    "tool_result": partial(decode_keeping, _TOOL_RESULT),
}
_OF_ASSISTANT: _Decoders = {
    "text": partial(decode_noting, _TEXT),
    "tool_use": partial(decode_keeping, _TOOL_USE),
    "thinking": partial(decode_noting, _THINKING),
    "redacted_thinking": partial(decode_noting, _REDACTED),
}


def _decode_block(
    raw: Raw | KnownBlock, decoders: _Decoders, param: str, reading: Reading
) -> Block:
    if not isinstance(raw, Raw):
        return raw
    kind = kind_of(raw, param)
    decode = decoders.get(kind)
    return OtherBlock(kind, raw) if decode is None else decode(raw, param, reading.ignored)


def _kind(block: Block) -> str:
    return block.kind if isinstance(block, OtherBlock) else str(block.__struct_config__.tag)


class _History:
    """The items so far, and the calls of the last assistant turn that wait for an answer."""

    __slots__ = ("_answered", "_called", "_calls_at", "_last", "_open", "_reading", "_role",
                 "_said", "items")  # fmt: skip

    def __init__(self, reading: Reading, last: int) -> None:
        self.items: list[Item] = []
        self._reading = reading
        self._last = last
        self._role = ""
        # Calls that wait, in order; dictionaries, for there may be thousands.
        self._open: dict[str, str] = {}
        self._answered: dict[str, None] = {}
        # How often an id was given: some servers count anew in each answer.
        self._called: dict[str, int] = {}
        self._calls_at = ""
        self._said = False

    def add(self, message: KnownMessage | MessageShape, number: int, param: str) -> None:
        """Add message `number`, which stands at `param`."""
        role, content = message.role, message.content
        place = f"{param}.content"
        if not content and not (role == "assistant" and number == self._last):
            raise InvalidRequest(
                "all messages must have non-empty content except for the optional final assistant "
                "message",
                param=place,
            )
        if role != self._role:
            if role != "user":
                self.check_answered(number)
            self._role, self._said = role, False
        if message.role == "system":
            parts = decode_system(message.content, place, self._reading)
            self.items.append(Message(Role.SYSTEM, parts))
        elif message.role == "assistant":
            self._say(content, place)
        else:
            self._hear(content, place)

    def check_answered(self, number: int) -> None:
        """Raise if a call is still open where message `number` would stand."""
        if self._open:
            waiting = ", ".join(call_id[:100] for call_id in list(self._open)[:_MAX_TOLD])
            raise InvalidRequest(
                f"`tool_use` ids were found without `tool_result` blocks immediately after: "
                f"{waiting}. Each `tool_use` block must have a corresponding `tool_result` block "
                f"in the next message; there is none before messages.{number}.",
                param=self._calls_at,
            )
        self._answered = {}

    def _hear(self, content: str | Sequence[Raw | KnownBlock], place: str) -> None:
        if isinstance(content, str):
            self._said = True
            self._speak(Role.USER, [Text(content)])
            return
        parts: list[Part] = []
        for at, raw in enumerate(content):
            param = f"{place}[{at}]"
            block = _decode_block(raw, _OF_USER, param, self._reading)
            if isinstance(block, ToolResultBlock):
                self._answer(block, param)
                continue
            if isinstance(block, TextBlock):
                part: Part = text_part(block, param, self._reading)
            elif isinstance(block, OtherBlock) and block.kind not in _OF_ASSISTANT:
                part = decode_part(block.raw, block.kind, param, self._reading)
            else:
                raise InvalidRequest(
                    f"`{_kind(block)}` blocks can only be in `assistant` messages", param=param
                )
            self._said = True
            parts.append(part)
        self._speak(Role.USER, parts)

    def _answer(self, block: ToolResultBlock, param: str) -> None:
        reading = self._reading
        id_ = block.tool_use_id
        if id_ in self._answered:
            raise InvalidRequest(
                "each tool_use must have a single result. Found multiple `tool_result` blocks "
                f"with id: {id_[:100]}",
                param=f"{param}.tool_use_id",
            )
        if id_ not in self._open:
            raise InvalidRequest(
                f"unexpected `tool_use_id` found in `tool_result` blocks: {id_[:100]}. Each "
                "`tool_result` block must have a corresponding `tool_use` block in the previous "
                "message.",
                param=f"{param}.tool_use_id",
            )
        if self._said:
            raise InvalidRequest(
                "`tool_result` blocks must stand before all other content of the user's turn",
                param=param,
            )
        if block.toolset_name is not None:
            reading.ignored["messages.toolset_name"] = None
        call_id = self._open.pop(id_)
        self._answered[id_] = None
        parts = decode_parts(block.content, f"{param}.content", reading) or (Text(""),)
        cache = reading.mark(block.cache_control)
        self.items.append(ToolResult(call_id, parts, bool(block.is_error), cache=cache))

    def _say(self, content: str | Sequence[Raw | KnownBlock], place: str) -> None:
        if isinstance(content, str):
            self._speak(Role.ASSISTANT, [Text(content)] if content else [])
            return
        parts: list[Part] = []
        for at, raw in enumerate(content):
            param = f"{place}[{at}]"
            block = _decode_block(raw, _OF_ASSISTANT, param, self._reading)
            if isinstance(block, TextBlock):
                parts.append(text_part(block, param, self._reading))
                continue
            if isinstance(block, OtherBlock) and block.kind in _MEDIA:
                parts.append(decode_part(block.raw, block.kind, param, self._reading))
                continue
            self._speak(Role.ASSISTANT, parts)
            parts = []
            if isinstance(block, ToolUseBlock):
                self._call(block, param)
            elif isinstance(block, ThinkingBlock):
                self._think(block, param)
            elif isinstance(block, RedactedThinkingBlock):
                self._think_redacted(block, param)
            elif isinstance(block, OtherBlock) and block.kind not in _OF_USER:
                value = self._reading.opaque(block.raw, param)
                self.items.append(OpaqueItem(block.kind, value, Dialect.MESSAGES))
            else:
                raise InvalidRequest(
                    f"`{_kind(block)}` blocks can only be in `user` messages", param=param
                )
        self._speak(Role.ASSISTANT, parts)

    def _speak(self, role: Role, parts: Sequence[Part]) -> None:
        if parts:
            self.items.append(Message(role, tuple(parts)))

    def _call(self, block: ToolUseBlock, param: str) -> None:
        reading = self._reading
        if memoryview(block.input)[0] != 0x7B:  # {
            raise InvalidRequest("Input should be an object", param=f"{param}.input")
        if block.id in self._open:
            raise InvalidRequest("`tool_use` ids must be unique", param=f"{param}.id")
        if block.caller is not None and block.caller.type != "direct":
            reading.ignored["messages.caller"] = None
        if block.toolset_name is not None:
            reading.ignored["messages.toolset_name"] = None
        if not self._open:
            self._calls_at = param
        call_id = self._open[block.id] = self._unused(block.id)
        cache = reading.mark(block.cache_control)
        self.items.append(ToolCall(call_id, block.name, bytes(block.input).decode(), cache=cache))

    def _unused(self, id_: str) -> str:
        """Return the id that a call has from here on; one of an earlier turn may have had its."""
        called = self._called
        while times := called.get(id_, 0):
            called[id_] = times + 1
            id_ = f"{id_}_{times + 1}"
        called[id_] = 1
        return id_

    def _think(self, block: ThinkingBlock, param: str) -> None:
        signature = block.signature
        if signature and signature.startswith(SEAL_MARK):
            self.items.append(self._opened(signature, f"{param}.signature"))
        elif signature:
            proof = Proof(Vendor.ANTHROPIC, "", "signature", signature)
            self.items.append(Reasoning(block.thinking, proof))
        elif block.thinking:  # of a model that signs nothing
            self.items.append(Reasoning(block.thinking))

    def _think_redacted(self, block: RedactedThinkingBlock, param: str) -> None:
        data = block.data
        if data.startswith(SEAL_MARK):
            self.items.append(self._opened(data, f"{param}.data"))
        else:
            proof = Proof(Vendor.ANTHROPIC, "", "redacted_thinking", data)
            self.items.append(Reasoning("", proof))

    def _opened(self, sealed: str, param: str) -> Reasoning:
        try:
            return open_reasoning(self._reading.sealer, self._reading.tenant, sealed)
        except InvalidRequest as error:
            error.param = param
            raise
