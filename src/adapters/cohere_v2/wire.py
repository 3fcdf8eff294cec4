"""The shapes of Cohere's chat: what we write, and what we read of its answers.

Source: Cohere's API reference, v2 chat and v2 chat stream (November 2026). The service refuses
members it does not know, so nothing is written that is not listed here.
"""

from typing import Literal, TypeAlias

from msgspec import UNSET, Raw, Struct, UnsetType

from ...domain.json_values import JsonObject

# What we write.


class TextBlock(Struct, frozen=True, tag="text"):
    text: str


class ImageAddress(Struct, frozen=True):
    url: str
    detail: str | UnsetType = UNSET


class ImageBlock(Struct, frozen=True, tag="image_url"):
    image_url: ImageAddress


Content: TypeAlias = str | list[TextBlock | ImageBlock]


class FunctionCalled(Struct, frozen=True):
    name: str
    arguments: str


class ToolCalled(Struct, frozen=True, tag="function"):
    id: str
    function: FunctionCalled


class SystemMessage(Struct, frozen=True, tag="system", tag_field="role"):
    content: Content


class UserMessage(Struct, frozen=True, tag="user", tag_field="role"):
    content: Content


class AssistantMessage(Struct, frozen=True, tag="assistant", tag_field="role"):
    content: Content | UnsetType = UNSET
    tool_plan: str | UnsetType = UNSET
    tool_calls: list[ToolCalled] | UnsetType = UNSET


class ToolMessage(Struct, frozen=True, tag="tool", tag_field="role"):
    tool_call_id: str
    content: Content


ChatMessage: TypeAlias = SystemMessage | UserMessage | AssistantMessage | ToolMessage


class Function(Struct, frozen=True):
    """`parameters` has to be there, even for a function without any."""

    name: str
    parameters: JsonObject
    description: str | UnsetType = UNSET


class Tool(Struct, frozen=True, tag="function"):
    function: Function


class ResponseFormat(Struct, frozen=True, tag="json_object"):
    json_schema: JsonObject | UnsetType = UNSET


class Thinking(Struct, frozen=True):
    type: Literal["enabled", "disabled"]
    token_budget: int | UnsetType = UNSET


class ChatRequest(Struct, frozen=True):
    model: str
    messages: list[ChatMessage]
    stream: bool
    tools: list[Tool] | UnsetType = UNSET
    tool_choice: Literal["REQUIRED", "NONE"] | UnsetType = UNSET
    strict_tools: Literal[True] | UnsetType = UNSET
    response_format: ResponseFormat | UnsetType = UNSET
    thinking: Thinking | UnsetType = UNSET
    max_tokens: int | UnsetType = UNSET
    stop_sequences: tuple[str, ...] | UnsetType = UNSET
    temperature: float | UnsetType = UNSET
    p: float | UnsetType = UNSET
    k: int | UnsetType = UNSET
    seed: int | UnsetType = UNSET
    presence_penalty: float | UnsetType = UNSET
    frequency_penalty: float | UnsetType = UNSET


# What we read.


class ContentSeen(Struct, frozen=True):
    """A block of an answer, or the begin or more of one: a stream's deltas name no type."""

    type: str = ""
    text: str | None = ""
    thinking: str | None = ""


class FunctionSeen(Struct, frozen=True):
    name: str = ""
    arguments: str = ""


class CallSeen(Struct, frozen=True):
    id: str = ""
    function: FunctionSeen = FunctionSeen()


class Addressed(Struct, frozen=True):
    """What may be there of an object of the caller's making."""

    url: Raw | UnsetType = UNSET
    title: Raw | UnsetType = UNSET


class SourceSeen(Struct, frozen=True):
    """A document that was given, or what a tool said: objects of the caller's making."""

    type: str = ""
    id: str = ""
    document: Addressed | None = None
    tool_output: Addressed | None = None


class CitationSeen(Struct, frozen=True):
    """`start` and `end` count characters of the block `content_index`; no type: of its text."""

    start: int = 0
    end: int = 0
    sources: tuple[SourceSeen, ...] = ()
    content_index: int = 0
    type: str = ""


class MessageSeen(Struct, frozen=True):
    content: tuple[ContentSeen, ...] | None = None
    tool_plan: str | None = None
    tool_calls: tuple[CallSeen, ...] | None = None
    citations: tuple[CitationSeen, ...] | None = None


class TokensSeen(Struct, frozen=True):
    """Figures are floats there."""

    input_tokens: float | None = None
    output_tokens: float | None = None


class UsageSeen(Struct, frozen=True):
    tokens: TokensSeen | None = None
    billed_units: TokensSeen | None = None
    cached_tokens: float | None = None


class ChatAnswer(Struct, frozen=True):
    id: str = ""
    finish_reason: str = ""
    message: MessageSeen | None = None
    usage: UsageSeen | None = None


class MessageDelta(Struct, frozen=True):
    """What is new; each member is that of one kind of event."""

    content: ContentSeen | None = None
    tool_plan: str | None = ""
    tool_calls: CallSeen | None = None
    citations: CitationSeen | None = None


class Delta(Struct, frozen=True):
    message: MessageDelta | None = None
    finish_reason: str = ""
    usage: UsageSeen | None = None
    error: str | None = None


class StreamFrame(Struct, frozen=True):
    type: str = ""
    id: str = ""
    index: int = 0
    delta: Delta | None = None


class FrameKind(Struct, frozen=True):
    """What is read of a frame that is shaped otherwise: a start has lists for objects."""

    type: str = ""
    id: str = ""
