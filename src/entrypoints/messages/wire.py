"""The shapes of Messages as callers send them.

Source: the platform documentation of versions 2023-06-01 and 2026-10-21. Members without a name
here are noted, and told if they are lost; where a member is required, so it is at Anthropic.
"""

from typing import Annotated, Any, Literal, TypeAlias

from msgspec import Meta, Raw, Struct

MAX_STOPS = 8191
MAX_TOOLS = 2048
LEAST_BUDGET = 1024
ModelName: TypeAlias = Annotated[str, Meta(min_length=1, max_length=512)]
_Name = Annotated[str, Meta(min_length=1, max_length=256)]
_Id = Annotated[str, Meta(min_length=1)]


class Kind(Struct, frozen=True):
    """What a block, a source or a tool says of itself before it is read."""

    type: str | None = None


class Sent(Struct, frozen=True, forbid_unknown_fields=True):
    """What callers send; `decode_noting` notes members that have no name here."""


# What callers send: the members whose values are small.


class CacheControl(Sent, frozen=True):
    type: Literal["ephemeral"]
    ttl: Literal["5m", "1h"] | None = None


class ThinkingShape(Sent, frozen=True):
    """One form for all four, so that a budget on the wrong one is found and not left out."""

    type: str
    budget_tokens: int | None = None
    display: str | None = None


class Metadata(Sent, frozen=True):
    user_id: str | None = None


class SmallMembers(Struct, frozen=True):
    max_tokens: Annotated[int, Meta(ge=0)]
    stream: bool | None = None
    temperature: Annotated[float, Meta(ge=0, le=1)] | None = None
    top_p: Annotated[float, Meta(ge=0, le=1)] | None = None
    top_k: Annotated[int, Meta(ge=0)] | None = None
    stop_sequences: (
        Annotated[list[Annotated[str, Meta(min_length=1)]], Meta(max_length=MAX_STOPS)] | None
    ) = None
    service_tier: str | None = None


# What callers send: the parts of a message's content.


class TextBlock(Sent, frozen=True, tag_field="type", tag="text"):
    text: str
    cache_control: CacheControl | None = None
    citations: list[dict[str, Any]] | None = None  # Any: given back as they came


class SystemText(Sent, frozen=True, tag_field="type", tag="text"):
    text: str
    cache_control: CacheControl | None = None


class ImageBlock(Sent, frozen=True, tag_field="type", tag="image"):
    source: Raw
    cache_control: CacheControl | None = None


class Citations(Sent, frozen=True):
    enabled: bool | None = None


class DocumentBlock(Sent, frozen=True, tag_field="type", tag="document"):
    source: Raw
    title: str | None = None
    context: str | None = None
    citations: Citations | None = None
    cache_control: CacheControl | None = None


class ImageBytes(Sent, frozen=True, tag_field="type", tag="base64"):
    media_type: Literal["image/jpeg", "image/png", "image/gif", "image/webp"]
    data: str


class DocumentBytes(Sent, frozen=True, tag_field="type", tag="base64"):
    media_type: Literal["application/pdf"]
    data: str


class PlainTextSource(Sent, frozen=True, tag_field="type", tag="text"):
    media_type: Literal["text/plain"]
    data: str


class UrlSource(Sent, frozen=True, tag_field="type", tag="url"):
    url: str


class FileSource(Sent, frozen=True, tag_field="type", tag="file"):
    file_id: _Id


class ToolUseBlock(Sent, frozen=True, tag_field="type", tag="tool_use"):
    """`input` stays as it was written: it is the model's text, and may be large."""

    id: _Id
    name: _Name
    input: Raw
    cache_control: CacheControl | None = None
    caller: Kind | None = None
    toolset_name: str | None = None


class ToolResultBlock(Sent, frozen=True, tag_field="type", tag="tool_result"):
    tool_use_id: _Id
    content: str | list[Raw] | None = None
    is_error: bool | None = None
    cache_control: CacheControl | None = None
    toolset_name: str | None = None


class ThinkingBlock(Sent, frozen=True, tag_field="type", tag="thinking"):
    thinking: str
    signature: str | None = None


class RedactedThinkingBlock(Sent, frozen=True, tag_field="type", tag="redacted_thinking"):
    data: _Id


class MessageShape(Sent, frozen=True):
    role: Literal["user", "assistant", "system"]
    content: str | list[Raw]


KnownBlock: TypeAlias = (
    TextBlock | ToolUseBlock | ToolResultBlock | ThinkingBlock | RedactedThinkingBlock
)


class KnownMessage(Sent, frozen=True):
    """What most messages are: it is read in one go, and any other block by block."""

    role: Literal["user", "assistant"]
    content: str | list[KnownBlock]


SystemShape: TypeAlias = str | list[Raw] | None


# What callers send: tools, the choice among them, the form of the answer.


class ToolShape(Sent, frozen=True):
    """The last four are for Anthropic's own servers."""

    name: _Name
    input_schema: dict[str, Any]  # Any: JSON Schema
    description: str | None = None
    type: Literal["custom"] | None = None
    strict: bool | None = None
    cache_control: CacheControl | None = None
    allowed_callers: list[str] | None = None
    defer_loading: bool | None = None
    eager_input_streaming: bool | None = None
    input_examples: list[dict[str, Any]] | None = None  # Any: inputs as the schema has them


class ChoiceShape(Sent, frozen=True):
    type: Literal["auto", "any", "tool", "none"]
    name: str | None = None
    disable_parallel_tool_use: bool | None = None


class JsonSchemaFormat(Sent, frozen=True, tag_field="type", tag="json_schema"):
    schema: dict[str, Any]  # Any: JSON Schema


class OutputConfig(Sent, frozen=True):
    effort: Literal["low", "medium", "high", "xhigh", "max"] | None = None
    format: JsonSchemaFormat | None = None


class FormatGiven(Struct, frozen=True):
    """`OutputConfig` for who only wants to know whether there is a format in it."""

    format: dict[str, Raw] | None = None
