"""The shapes of the Responses API as callers send them.

Source: OpenAI's API reference for POST /v1/responses and Open Responses 2026-04-24. Clients send
our output items back as they got them, so what those hold is named here even where it says
nothing. Members without a name are noted, and told if they are lost.
"""

from typing import Annotated, Any, Literal, TypeAlias

from msgspec import Meta, Raw, Struct, field

from ...domain.effort import Effort
from ..attachments import CacheBreakpoint

# Any: JSON Schema, annotations and the like, not looked into.
_Object: TypeAlias = dict[str, Any]
_Name = Annotated[str, Meta(min_length=1, max_length=256)]
_Id = Annotated[str, Meta(min_length=1, max_length=512)]
_Label = Annotated[str, Meta(max_length=512)]
_Count = Annotated[int, Meta(ge=1, le=2**63 - 1)]
_Penalty = Annotated[float, Meta(ge=-2, le=2)]
ModelName: TypeAlias = Annotated[str, Meta(min_length=1, max_length=512)]
Summary: TypeAlias = Literal["auto", "concise", "detailed"]
Verbosity: TypeAlias = Literal["low", "medium", "high"]
Includable: TypeAlias = Literal[
    "code_interpreter_call.outputs",
    "computer_call_output.output.image_url",
    "file_search_call.results",
    "message.input_image.image_url",
    "message.output_text.logprobs",
    "reasoning.encrypted_content",
    "web_search_call.action.sources",
    "web_search_call.results",
]


# The members whose values are small.


class StreamOptions(Struct, frozen=True):
    include_obfuscation: bool | None = None


class ConversationShape(Struct, frozen=True):
    id: _Id


class ReasoningEnvelope(Struct, frozen=True):
    effort: Effort | None = None
    summary: Summary | None = None
    generate_summary: Summary | None = None


class SmallMembers(Struct, frozen=True):
    previous_response_id: _Id | None = None
    conversation: _Id | ConversationShape | None = None
    store: bool | None = None
    background: bool | None = None
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    include: Annotated[list[Includable], Meta(max_length=64)] | None = None
    max_output_tokens: _Count | None = None
    max_tool_calls: _Count | None = None
    parallel_tool_calls: bool | None = None
    reasoning: ReasoningEnvelope | None = None
    temperature: Annotated[float, Meta(ge=0, le=2)] | None = None
    top_p: Annotated[float, Meta(ge=0, le=1)] | None = None
    presence_penalty: _Penalty | None = None
    frequency_penalty: _Penalty | None = None
    top_logprobs: Annotated[int, Meta(ge=0, le=20)] | None = None
    truncation: Literal["auto", "disabled"] | None = None
    metadata: (
        Annotated[
            dict[Annotated[str, Meta(max_length=64)], Annotated[str, Meta(max_length=512)]],
            Meta(max_length=16),
        ]
        | None
    ) = None
    service_tier: _Label | None = None
    user: _Label | None = None
    safety_identifier: _Label | None = None
    prompt_cache_key: _Label | None = None
    prompt_cache_retention: _Label | None = None
    prompt_cache_options: _Object | None = None


class Sent(Struct, frozen=True, forbid_unknown_fields=True):
    """What callers send; `decode_noting` notes members that have no name here."""


class Kind(Struct, frozen=True):
    """As much of an item or a tool as tells how to read the rest."""

    type: Annotated[str, Meta(min_length=1, max_length=128)] | None = None
    role: str | None = None
    id: str | None = None


class SealedItem(Struct, frozen=True):
    """As much of an item as tells whether it is thoughts without their proof."""

    type: str | None = None
    encrypted_content: str | None = None


# The parts of a message's content, and of a tool's output.


class InputText(Sent, frozen=True, tag_field="type", tag="input_text"):
    text: str
    prompt_cache_breakpoint: CacheBreakpoint | None = None


class OutputText(Sent, frozen=True, tag_field="type", tag="output_text"):
    text: str
    annotations: list[_Object] | None = None
    logprobs: Any = None  # Any: an echo of ours, not read
    parsed: Any = None  # Any: the SDK's reading of the text, not read


class OtherText(Sent, frozen=True, tag_field="type", tag="text"):
    text: str


class SummaryText(Sent, frozen=True, tag_field="type", tag="summary_text"):
    text: str


class ReasoningText(Sent, frozen=True, tag_field="type", tag="reasoning_text"):
    text: str


class RefusalPart(Sent, frozen=True, tag_field="type", tag="refusal"):
    refusal: str


class ImagePart(Sent, frozen=True, tag_field="type", tag="input_image"):
    image_url: str | None = None
    file_id: _Id | None = None
    detail: Literal["auto", "low", "high", "original"] | None = None
    prompt_cache_breakpoint: CacheBreakpoint | None = None


class FilePart(Sent, frozen=True, tag_field="type", tag="input_file"):
    file_data: str | None = None
    file_id: _Id | None = None
    file_url: str | None = None
    filename: str | None = None
    prompt_cache_breakpoint: CacheBreakpoint | None = None


class Sound(Sent, frozen=True):
    data: str
    format: Literal["wav", "mp3"]


class SoundPart(Sent, frozen=True, tag_field="type", tag="input_audio"):
    input_audio: Sound


TextPart: TypeAlias = InputText | OutputText | OtherText | SummaryText | ReasoningText
ContentPart: TypeAlias = TextPart | RefusalPart | ImagePart | FilePart | SoundPart
Content: TypeAlias = str | list[ContentPart]


# Items, told apart by `Kind`.


class ItemShape(Sent, frozen=True):
    """What any item of ours comes back with."""

    type: str | None = None
    id: str | None = None
    status: str | None = None
    created_by: Any = None  # Any: of no account here


class MessageItem(ItemShape, frozen=True, kw_only=True):
    role: Literal["user", "assistant", "system", "developer"]
    content: Content
    phase: Annotated[str, Meta(max_length=64)] | None = None


class _CallShape(ItemShape, frozen=True, kw_only=True):
    call_id: _Id
    # Any: who called, and how; only OpenAI's own programs make something of it.
    caller: Any = None
    async_: Any = field(default=None, name="async")


class FunctionCallItem(_CallShape, frozen=True, kw_only=True):
    name: _Name
    arguments: str
    namespace: _Name | None = None
    parsed_arguments: Any = None  # Any: the SDK's reading of the arguments, not read


class CustomCallItem(_CallShape, frozen=True, kw_only=True):
    name: _Name
    input: str
    namespace: _Name | None = None


class OutputItem(_CallShape, frozen=True, kw_only=True):
    output: Content
    name: str | None = None
    namespace: str | None = None


class Thought(Sent, frozen=True):
    text: str
    type: str | None = None


class ReasoningItem(ItemShape, frozen=True, kw_only=True):
    summary: list[Thought] | None = None
    content: list[Thought] | None = None
    encrypted_content: str | None = None


class CompactionItem(ItemShape, frozen=True, kw_only=True):
    encrypted_content: str


class ReferenceItem(Struct, frozen=True):
    id: _Id


class AdditionalToolsItem(Struct, frozen=True):
    tools: Raw


# Tools, the choice among them, the form of the answer.

MAX_TOOLS = 2048


class FunctionShape(Sent, frozen=True, kw_only=True):
    """The last three are for OpenAI's own servers."""

    type: str
    name: _Name
    description: str | None = None
    parameters: _Object | None = None
    strict: bool | None = None
    allowed_callers: list[str] | None = None
    defer_loading: bool | None = None
    output_schema: _Object | None = None


class TextFormat(Sent, frozen=True, tag_field="type", tag="text"):
    pass


class GrammarFormat(Sent, frozen=True, tag_field="type", tag="grammar"):
    syntax: Literal["lark", "regex"]
    definition: str


class CustomShape(Sent, frozen=True, kw_only=True):
    type: str
    name: _Name
    description: str | None = None
    format: TextFormat | GrammarFormat | None = None


class NamespaceShape(Struct, frozen=True):
    name: _Name
    tools: Raw
    description: str | None = None


class Named(Sent, frozen=True):
    type: str
    name: _Name


class AllowedTool(Struct, frozen=True):
    type: Annotated[str, Meta(min_length=1, max_length=128)]
    name: _Name | None = None


class AllowedShape(Sent, frozen=True):
    type: str
    mode: Literal["auto", "required"]
    tools: Annotated[list[AllowedTool], Meta(min_length=1, max_length=MAX_TOOLS)]


class JsonObjectFormat(Sent, frozen=True, tag_field="type", tag="json_object"):
    pass


class JsonSchemaFormat(Sent, frozen=True, tag_field="type", tag="json_schema"):
    name: Annotated[str, Meta(pattern=r"^[A-Za-z0-9_-]{1,64}$")]
    schema: _Object
    strict: bool | None = None
    description: str | None = None


FormatShape: TypeAlias = TextFormat | JsonObjectFormat | JsonSchemaFormat


class TextShape(Sent, frozen=True):
    format: FormatShape | None = None
    verbosity: Verbosity | None = None


class ReasoningShape(Sent, frozen=True):
    """`context` and `mode` are OpenAI's own; their defaults say nothing."""

    effort: Effort | None = None
    summary: Summary | None = None
    generate_summary: Summary | None = None
    context: str | None = None
    mode: str | None = None
