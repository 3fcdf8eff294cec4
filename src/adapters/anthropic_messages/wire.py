"""The shapes of the Messages API: what we write, and what we read of its answers.

Source: anthropic 2.10 (types), platform documentation of versions 2023-06-01 and 2026-10-21.
What is read is flat on purpose: one struct with the fields of every block or delta we know makes
unknown kinds of tomorrow pass as blocks without content, and is the quickest to decode.
"""

from typing import Literal, TypeAlias

from msgspec import UNSET, Raw, Struct, UnsetType

from ...domain.json_values import JsonObject

# What we write.


class TextBlock(Struct, frozen=True, tag_field="type", tag="text"):
    text: str


class Base64Source(Struct, frozen=True, tag_field="type", tag="base64"):
    media_type: str
    data: str


class UrlSource(Struct, frozen=True, tag_field="type", tag="url"):
    url: str


class TextSource(Struct, frozen=True, tag_field="type", tag="text"):
    media_type: str
    data: str


class ImageBlock(Struct, frozen=True, tag_field="type", tag="image"):
    source: Base64Source | UrlSource


class DocumentBlock(Struct, frozen=True, tag_field="type", tag="document"):
    source: Base64Source | TextSource
    title: str | UnsetType = UNSET


class ToolUseBlock(Struct, frozen=True, tag_field="type", tag="tool_use"):
    id: str
    name: str
    input: Raw


ResultBlock: TypeAlias = TextBlock | ImageBlock | DocumentBlock


class ToolResultBlock(Struct, frozen=True, tag_field="type", tag="tool_result"):
    tool_use_id: str
    content: str | list[ResultBlock] | UnsetType = UNSET
    is_error: bool | UnsetType = UNSET


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
)
TurnRole: TypeAlias = Literal["user", "assistant"]


class Turn(Struct, frozen=True):
    role: TurnRole
    content: str | list[Block]


class Tool(Struct, frozen=True):
    name: str
    input_schema: JsonObject
    description: str | UnsetType = UNSET
    strict: bool | UnsetType = UNSET


class ToolChoice(Struct, frozen=True):
    type: Literal["auto", "any", "tool", "none"]
    name: str | UnsetType = UNSET
    disable_parallel_tool_use: bool | UnsetType = UNSET


class ThinkingConfig(Struct, frozen=True):
    type: Literal["enabled", "adaptive", "disabled"]
    budget_tokens: int | UnsetType = UNSET
    display: Literal["summarized"] | UnsetType = UNSET


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
    model: str | UnsetType = UNSET
    system: str | UnsetType = UNSET
    tools: list[Tool] | UnsetType = UNSET
    tool_choice: ToolChoice | UnsetType = UNSET
    thinking: ThinkingConfig | UnsetType = UNSET
    output_config: OutputConfig | UnsetType = UNSET
    temperature: float | UnsetType = UNSET
    top_p: float | UnsetType = UNSET
    stop_sequences: tuple[str, ...] | UnsetType = UNSET
    metadata: Metadata | UnsetType = UNSET
    service_tier: Literal["auto", "standard_only"] | UnsetType = UNSET
    stream: Literal[True] | UnsetType = UNSET


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


class WholeMessage(Struct, frozen=True):
    content: list[ContentBlock]
    id: str = ""
    model: str = ""
    stop_reason: str | None = None
    usage: WireUsage | None = None


class StartedMessage(Struct, frozen=True):
    id: str = ""
    model: str = ""
    usage: WireUsage | None = None


class MessageStart(Struct, frozen=True):
    message: StartedMessage


class BlockStart(Struct, frozen=True):
    index: int
    content_block: ContentBlock


class Delta(Struct, frozen=True):
    type: str = ""
    text: str = ""
    partial_json: str = ""
    thinking: str = ""
    signature: str = ""


class BlockDelta(Struct, frozen=True):
    index: int
    delta: Delta


class BlockStop(Struct, frozen=True):
    index: int


class FinalDelta(Struct, frozen=True):
    stop_reason: str | None = None


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
