"""The shapes of the Messages API: what we write, and what we read of its answers.

Source: anthropic 2.10 (types), platform documentation of versions 2023-06-01 and 2026-10-21.
What is read is flat on purpose: one struct with the fields of every block or delta we know makes
unknown kinds of tomorrow pass as blocks without content, and is the quickest to decode.
"""

from typing import Any, Literal, TypeAlias

from msgspec import UNSET, Raw, Struct, UnsetType

from ...domain.json_values import JsonObject

# What we write.


class CacheControl(Struct, frozen=True, tag_field="type", tag="ephemeral"):
    ttl: str | UnsetType = UNSET


class Citations(Struct, frozen=True):
    enabled: Literal[True] = True


class TextBlock(Struct, frozen=True, tag_field="type", tag="text"):
    text: str
    citations: list[JsonObject] | UnsetType = UNSET
    cache_control: CacheControl | UnsetType = UNSET


class Base64Source(Struct, frozen=True, tag_field="type", tag="base64"):
    media_type: str
    data: str


class UrlSource(Struct, frozen=True, tag_field="type", tag="url"):
    url: str


class TextSource(Struct, frozen=True, tag_field="type", tag="text"):
    media_type: str
    data: str


class FileSource(Struct, frozen=True, tag_field="type", tag="file"):
    file_id: str


class ImageBlock(Struct, frozen=True, tag_field="type", tag="image"):
    source: Base64Source | UrlSource | FileSource
    cache_control: CacheControl | UnsetType = UNSET


class DocumentBlock(Struct, frozen=True, tag_field="type", tag="document"):
    source: Base64Source | TextSource | UrlSource | FileSource
    title: str | UnsetType = UNSET
    context: str | UnsetType = UNSET
    citations: Citations | UnsetType = UNSET
    cache_control: CacheControl | UnsetType = UNSET


class ToolUseBlock(Struct, frozen=True, tag_field="type", tag="tool_use"):
    id: str
    name: str
    input: Raw
    cache_control: CacheControl | UnsetType = UNSET


# A block that we do not know stays the object it came as.
ResultBlock: TypeAlias = TextBlock | ImageBlock | DocumentBlock | JsonObject


class ToolResultBlock(Struct, frozen=True, tag_field="type", tag="tool_result"):
    tool_use_id: str
    content: str | list[ResultBlock] | UnsetType = UNSET
    is_error: bool | UnsetType = UNSET
    cache_control: CacheControl | UnsetType = UNSET


class ThinkingBlock(Struct, frozen=True, tag_field="type", tag="thinking"):
    thinking: str
    signature: str


class RedactedThinkingBlock(Struct, frozen=True, tag_field="type", tag="redacted_thinking"):
    data: str


Block: TypeAlias = (
    TextBlock
    | ImageBlock
    | DocumentBlock
    | ToolUseBlock
    | ToolResultBlock
    | ThinkingBlock
    | RedactedThinkingBlock
    | JsonObject
)
System: TypeAlias = str | list[TextBlock | JsonObject]
TurnRole: TypeAlias = Literal["user", "assistant", "system"]


class Turn(Struct, frozen=True):
    role: TurnRole
    content: str | list[Block]


class Tool(Struct, frozen=True):
    name: str
    input_schema: JsonObject
    description: str | UnsetType = UNSET
    strict: bool | UnsetType = UNSET
    cache_control: CacheControl | UnsetType = UNSET


class ToolChoice(Struct, frozen=True):
    type: Literal["auto", "any", "tool", "none"]
    name: str | UnsetType = UNSET
    disable_parallel_tool_use: bool | UnsetType = UNSET


class ThinkingConfig(Struct, frozen=True):
    type: Literal["enabled", "adaptive", "between_tools", "disabled"]
    budget_tokens: int | UnsetType = UNSET
    display: Literal["summarized", "omitted"] | UnsetType = UNSET


class Format(Struct, frozen=True, tag_field="type", tag="json_schema"):
    schema: JsonObject


class OutputConfig(Struct, frozen=True):
    effort: Literal["low", "medium", "high", "xhigh", "max"] | UnsetType = UNSET
    format: Format | UnsetType = UNSET


class Metadata(Struct, frozen=True):
    user_id: str


class MessagesRequest(Struct, frozen=True):
    max_tokens: int
    messages: list[Turn]
    anthropic_version: str | UnsetType = UNSET
    anthropic_beta: tuple[str, ...] | UnsetType = UNSET
    model: str | UnsetType = UNSET
    system: System | UnsetType = UNSET
    tools: list[Tool | JsonObject] | UnsetType = UNSET
    tool_choice: ToolChoice | UnsetType = UNSET
    thinking: ThinkingConfig | UnsetType = UNSET
    output_config: OutputConfig | UnsetType = UNSET
    temperature: float | UnsetType = UNSET
    top_p: float | UnsetType = UNSET
    top_k: int | UnsetType = UNSET
    stop_sequences: tuple[str, ...] | UnsetType = UNSET
    metadata: Metadata | UnsetType = UNSET
    service_tier: Literal["auto", "standard_only"] | UnsetType = UNSET
    stream: Literal[True] | UnsetType = UNSET
    cache_control: CacheControl | UnsetType = UNSET


# What we read.


class OutputDetails(Struct, frozen=True):
    thinking_tokens: int | None = None


class WireUsage(Struct, frozen=True):
    """In `message_delta` cumulative, and with only some of the figures."""

    input_tokens: int | None = None
    output_tokens: int | None = None
    cache_creation_input_tokens: int | None = None
    cache_read_input_tokens: int | None = None
    output_tokens_details: OutputDetails | None = None


class ContentBlock(Struct, frozen=True):
    type: str = ""
    text: str = ""
    thinking: str = ""
    signature: str = ""
    data: str = ""
    id: str = ""
    name: str = ""
    input: Raw = Raw(b"{}")
    citations: list[dict[str, Any]] | None = None  # Any: passed on as it came


class StopDetails(Struct, frozen=True):
    """Why the model would not answer; `explanation` is for people."""

    explanation: str | None = None


class WholeMessage(Struct, frozen=True):
    """`content` keeps its blocks unread, for those that pass as they came."""

    content: list[Raw]
    id: str = ""
    model: str = ""
    stop_reason: str | None = None
    stop_sequence: str | None = None
    stop_details: StopDetails | None = None
    usage: WireUsage | None = None


class PassingMessage(Struct, frozen=True):
    """What is read of a message that passes."""

    content: Raw
    id: str = ""
    model: str = ""
    stop_reason: str | None = None
    stop_sequence: str | None = None
    usage: WireUsage | None = None


class StartedMessage(Struct, frozen=True):
    id: str = ""
    model: str = ""
    usage: WireUsage | None = None


class MessageStart(Struct, frozen=True):
    message: StartedMessage


class BlockStart(Struct, frozen=True):
    index: int
    content_block: Raw


class Delta(Struct, frozen=True):
    type: str = ""
    text: str = ""
    partial_json: str = ""
    thinking: str = ""
    signature: str = ""
    citation: dict[str, Any] | None = None  # Any: as above


class BlockDelta(Struct, frozen=True):
    index: int
    delta: Delta


class BlockStop(Struct, frozen=True):
    index: int


class FinalDelta(Struct, frozen=True):
    stop_reason: str | None = None
    stop_sequence: str | None = None
    stop_details: StopDetails | None = None


class MessageDelta(Struct, frozen=True):
    delta: FinalDelta
    usage: WireUsage | None = None


class EventType(Struct, frozen=True):
    type: str = ""


class ErrorDetail(Struct, frozen=True, rename="camel"):
    """Of Google's many kinds of detail only RetryInfo has this member."""

    retry_delay: str = ""


class ErrorBody(Struct, frozen=True):
    """Anthropic's (`type`, `message`) and Google's (`code`, `status`, `message`) in one."""

    message: str = ""
    type: str = ""
    status: str = ""
    details: Raw | UnsetType = UNSET


class ErrorEnvelope(Struct, frozen=True):
    error: ErrorBody
    request_id: str | None = None
