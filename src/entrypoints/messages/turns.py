"""Messages -> the items of a conversation, with the rules on which may follow which.

Neighbours of one role are one turn. The calls of an assistant's turn are all answered in the
user's turn right after it, before anything else is said there.
"""

from collections.abc import Sequence
from typing import assert_never

from msgspec import Raw
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
from ..members import decode_keeping, decode_member, decode_noting
from .blocks import Reading, decode_part, decode_parts, decode_system, kind_of
from .sealing import open_thinking
from .wire import (
    MessageShape,
    RedactedThinkingBlock,
    ThinkingBlock,
    ToolResultBlock,
    ToolUseBlock,
)

_MESSAGES = Decoder(list[Raw])
_MESSAGE = Decoder(MessageShape)
_TOOL_USE = Decoder(ToolUseBlock)
_TOOL_RESULT = Decoder(ToolResultBlock)
_THINKING = Decoder(ThinkingBlock)
_REDACTED = Decoder(RedactedThinkingBlock)
_OF_ASSISTANT = frozenset({"tool_use", "thinking", "redacted_thinking"})
_OF_A_TURN = frozenset({"text", "image", "document"})
_MAX_TOLD = 5


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
        history.add(decode_keeping(_MESSAGE, text, param, reading.ignored), number, param)
    history.check_answered(len(messages))
    return history.items


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
        self._open: dict[str, None] = {}
        self._answered: dict[str, None] = {}
        self._called: set[str] = set()
        self._calls_at = ""
        self._said = False

    def add(self, message: MessageShape, number: int, param: str) -> None:
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
        match role:
            case "user":
                self._hear(content, place)
            case "assistant":
                self._say(content, place)
            case "system":
                parts = decode_system(content, place, self._reading)
                self.items.append(Message(Role.SYSTEM, parts))
            case _:
                assert_never(role)

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

    def _hear(self, content: str | Sequence[Raw], place: str) -> None:
        if isinstance(content, str):
            self._said = True
            self._speak(Role.USER, [Text(content)])
            return
        parts: list[Part] = []
        for at, raw in enumerate(content):
            param = f"{place}[{at}]"
            kind = kind_of(raw, param)
            if kind == "tool_result":
                self._answer(raw, param)
            elif kind in _OF_ASSISTANT:
                raise InvalidRequest(
                    f"`{kind}` blocks can only be in `assistant` messages", param=param
                )
            else:
                self._said = True
                parts.append(decode_part(raw, kind, param, self._reading))
        self._speak(Role.USER, parts)

    def _answer(self, raw: Raw, param: str) -> None:
        reading = self._reading
        block = decode_keeping(_TOOL_RESULT, raw, param, reading.ignored)
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
        del self._open[id_]
        self._answered[id_] = None
        parts = decode_parts(block.content, f"{param}.content", reading) or (Text(""),)
        cache = reading.mark(block.cache_control)
        self.items.append(ToolResult(id_, parts, bool(block.is_error), cache=cache))

    def _say(self, content: str | Sequence[Raw], place: str) -> None:
        if isinstance(content, str):
            self._speak(Role.ASSISTANT, [Text(content)] if content else [])
            return
        parts: list[Part] = []
        for at, raw in enumerate(content):
            param = f"{place}[{at}]"
            kind = kind_of(raw, param)
            if kind in _OF_A_TURN:
                parts.append(decode_part(raw, kind, param, self._reading))
                continue
            self._speak(Role.ASSISTANT, parts)
            parts = []
            match kind:
                case "tool_use":
                    self._call(raw, param)
                case "thinking":
                    self._think(raw, param)
                case "redacted_thinking":
                    self._think_redacted(raw, param)
                case "tool_result":
                    raise InvalidRequest(
                        "`tool_result` blocks can only be in `user` messages", param=param
                    )
                case _:
                    value = self._reading.opaque(raw, param)
                    self.items.append(OpaqueItem(kind, value, Dialect.MESSAGES))
        self._speak(Role.ASSISTANT, parts)

    def _speak(self, role: Role, parts: Sequence[Part]) -> None:
        if parts:
            self.items.append(Message(role, tuple(parts)))

    def _call(self, raw: Raw, param: str) -> None:
        reading = self._reading
        block = decode_keeping(_TOOL_USE, raw, param, reading.ignored)
        if memoryview(block.input)[0] != 0x7B:  # {
            raise InvalidRequest("Input should be an object", param=f"{param}.input")
        if block.id in self._called:
            raise InvalidRequest("`tool_use` ids must be unique", param=f"{param}.id")
        if block.caller is not None and block.caller.type != "direct":
            reading.ignored["messages.caller"] = None
        if block.toolset_name is not None:
            reading.ignored["messages.toolset_name"] = None
        if not self._open:
            self._calls_at = param
        self._called.add(block.id)
        self._open[block.id] = None
        cache = reading.mark(block.cache_control)
        self.items.append(ToolCall(block.id, block.name, bytes(block.input).decode(), cache=cache))

    def _think(self, raw: Raw, param: str) -> None:
        block = decode_noting(_THINKING, raw, param, self._reading.ignored)
        signature = block.signature
        if signature and signature.startswith(SEAL_MARK):
            self.items.append(self._opened(signature, f"{param}.signature"))
        elif signature:
            proof = Proof(Vendor.ANTHROPIC, "", "signature", signature)
            self.items.append(Reasoning(block.thinking, proof))
        elif block.thinking:  # of a model that signs nothing
            self.items.append(Reasoning(block.thinking))

    def _think_redacted(self, raw: Raw, param: str) -> None:
        data = decode_noting(_REDACTED, raw, param, self._reading.ignored).data
        if data.startswith(SEAL_MARK):
            self.items.append(self._opened(data, f"{param}.data"))
        else:
            proof = Proof(Vendor.ANTHROPIC, "", "redacted_thinking", data)
            self.items.append(Reasoning("", proof))

    def _opened(self, sealed: str, param: str) -> Reasoning:
        try:
            return open_thinking(self._reading.sealer, self._reading.tenant, sealed)
        except InvalidRequest as error:
            error.param = param
            raise
