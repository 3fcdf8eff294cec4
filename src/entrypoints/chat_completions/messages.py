"""Messages -> the items of a conversation, with the rules on which may follow which.

A message is decoded by itself: an error knows its number, and 100,000 of them leave the
interpreter to other threads now and then.
"""

from collections.abc import Sequence
from typing import assert_never

from msgspec import Raw
from msgspec.json import Decoder

from ...domain.conversation import (
    Item,
    Message,
    Part,
    Reasoning,
    Refusal,
    Role,
    Text,
    ToolCall,
    ToolResult,
)
from ...domain.errors import InvalidRequest, UnsupportedFeature
from ..members import decode_member
from ..noting import decode_noting
from .parts import decode_parts
from .wire import (
    AssistantMessage,
    ChatMessage,
    CustomCall,
    DeveloperMessage,
    FunctionCall,
    FunctionMessage,
    SystemMessage,
    ToolMessage,
    UserMessage,
)

_MESSAGES = Decoder(list[Raw])
_MESSAGE = Decoder(ChatMessage)


def decode_messages(raw: Raw, ignored: dict[str, None]) -> tuple[Item, ...]:
    """Return the conversation; note in `ignored` what has no place in it.

    Raises:
        InvalidRequest: a message is not well said, answers no call, or leaves one unanswered.
        UnsupportedFeature: it refers to what only another vendor keeps.
    """
    messages = decode_member(_MESSAGES, raw, "messages")
    if not messages:
        raise InvalidRequest("'messages' is empty.", param="messages", reason="empty_array")
    history = _History(ignored)
    for number, text in enumerate(messages):
        param = f"messages[{number}]"
        history.add(decode_noting(_MESSAGE, text, param, ignored), number)
    history.check_answered(len(messages))
    return tuple(history.items)


class _History:
    """The items so far, and the calls of the last assistant message that wait for an answer."""

    __slots__ = ("_calls_at", "_function", "_ignored", "_open", "items")

    def __init__(self, ignored: dict[str, None]) -> None:
        self.items: list[Item] = []
        self._ignored = ignored
        # Calls that wait, in order; a dictionary, for there may be thousands.
        self._open: dict[str, None] = {}
        self._calls_at = 0
        self._function: tuple[str, str] | None = None

    def add(self, message: ChatMessage, number: int) -> None:
        if type(message) is ToolMessage:
            self._answer(message, number)
            return
        if self._open:
            self.check_answered(number)
        items = self.items
        match message:
            case UserMessage():
                parts = decode_parts(message.content, f"messages[{number}].content")
                items.append(Message(Role.USER, parts, message.name))
            case SystemMessage():
                parts = decode_parts(message.content, f"messages[{number}].content")
                items.append(Message(Role.SYSTEM, parts, message.name))
            case DeveloperMessage():
                parts = decode_parts(message.content, f"messages[{number}].content")
                items.append(Message(Role.DEVELOPER, parts, message.name))
            case AssistantMessage():
                self._say(message, number)
            case FunctionMessage():
                self._answer_function(message, number)
            case ToolMessage():
                raise AssertionError("answered above")
            case _:
                assert_never(message)

    def check_answered(self, number: int) -> None:
        """Raise if a call is still open where message `number` would stand."""
        if self._open:
            waiting = ", ".join(call_id[:100] for call_id in list(self._open)[:5])
            raise InvalidRequest(
                "An assistant message with 'tool_calls' must be followed by tool messages that "
                f"answer each of them. Not answered before messages[{number}]: {waiting}.",
                param=f"messages[{self._calls_at}].tool_calls",
            )

    def _say(self, message: AssistantMessage, number: int) -> None:
        param = f"messages[{number}]"
        if message.audio is not None:
            raise UnsupportedFeature(
                "Audio of an earlier answer can only be continued by the vendor that keeps it.",
                param=f"{param}.audio",
            )
        thought = message.reasoning_content or message.reasoning
        if thought:
            self.items.append(Reasoning(thought))
        parts: tuple[Part, ...] = ()
        if message.content is not None:
            parts = decode_parts(message.content, f"{param}.content")
        if message.refusal:
            parts = (*parts, Refusal(message.refusal))
        calls = _decode_calls(message, number)
        if parts and not (calls and parts == (Text(""),)):
            self.items.append(Message(Role.ASSISTANT, parts, message.name))
        elif not calls and not thought:
            raise InvalidRequest(
                "An assistant message needs 'content', unless it has 'tool_calls'.",
                param=f"{param}.content",
            )
        elif message.name:
            self._ignored["messages.name"] = None  # only words have a speaker
        self.items.extend(calls)
        if message.function_call is not None:
            self._function = (message.function_call.name, calls[-1].id)
        elif calls:
            self._calls_at = number
            self._open = dict.fromkeys(call.id for call in calls)
            if len(self._open) != len(calls):
                raise InvalidRequest(
                    "Two tool calls have the same 'id'.", param=f"{param}.tool_calls"
                )

    def _answer(self, message: ToolMessage, number: int) -> None:
        if message.tool_call_id not in self._open:
            raise InvalidRequest(
                "A tool message must follow an assistant message whose 'tool_calls' it answers, "
                f"one message a call. {message.tool_call_id[:100]!r} is not waiting for an answer.",
                param=f"messages[{number}].tool_call_id",
            )
        del self._open[message.tool_call_id]
        parts = decode_parts(message.content, f"messages[{number}].content")
        self.items.append(ToolResult(message.tool_call_id, parts))

    def _answer_function(self, message: FunctionMessage, number: int) -> None:
        called, self._function = self._function, None
        if called is None or called[0] != message.name:
            raise InvalidRequest(
                "A function message must follow the assistant message whose 'function_call' it "
                "answers.",
                param=f"messages[{number}].name",
            )
        self.items.append(ToolResult(called[1], (Text(message.content or ""),)))


def _decode_calls(message: AssistantMessage, number: int) -> Sequence[ToolCall]:
    if message.function_call is not None:
        called = message.function_call
        return [ToolCall(f"call_function_{number}", called.name, called.arguments)]
    return [_decode_call(call) for call in message.tool_calls or ()]


def _decode_call(call: FunctionCall | CustomCall) -> ToolCall:
    match call:
        case FunctionCall(id_, function):
            return ToolCall(id_, function.name, function.arguments)
        case CustomCall(id_, custom):
            return ToolCall(id_, custom.name, custom.input, "custom")
        case _:
            assert_never(call)
