"""The shapes of chat completions as callers send them.

Source: OpenAI's API reference for POST /v1/chat/completions, with the de-facto `reasoning_content`
and `reasoning`. Members without a name here are noted, and told if they are lost; where a member
is required, so it is at OpenAI.
"""

from typing import Annotated, Any, Literal, TypeAlias

from msgspec import Meta, Struct

from ..attachments import CacheBreakpoint

_Name = Annotated[str, Meta(min_length=1, max_length=256)]


# What callers send: the members whose values are small.

# OpenAI's own models take four; what a target takes is in its capability record.
MAX_STOPS = 64
MAX_CANDIDATES = 128
ModelName: TypeAlias = Annotated[str, Meta(min_length=1, max_length=512)]
_Count = Annotated[int, Meta(ge=1)]
_Penalty = Annotated[float, Meta(ge=-2, le=2)]


class StreamOptions(Struct, frozen=True):
    include_usage: bool | None = None
    include_obfuscation: bool | None = None


class SmallMembers(Struct, frozen=True):
    temperature: Annotated[float, Meta(ge=0, le=2)] | None = None
    top_p: Annotated[float, Meta(ge=0, le=1)] | None = None
    presence_penalty: _Penalty | None = None
    frequency_penalty: _Penalty | None = None
    seed: Annotated[int, Meta(ge=-(2**63), le=2**63 - 1)] | None = None
    n: Annotated[int, Meta(ge=1, le=MAX_CANDIDATES)] | None = None
    stop: str | Annotated[list[str], Meta(max_length=MAX_STOPS)] | None = None
    logit_bias: dict[str, Annotated[float, Meta(ge=-100, le=100)]] | None = None
    logprobs: bool | None = None
    top_logprobs: Annotated[int, Meta(ge=0, le=20)] | None = None
    max_tokens: _Count | None = None
    max_completion_tokens: _Count | None = None
    parallel_tool_calls: bool | None = None
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    store: bool | None = None
    metadata: (
        Annotated[
            dict[Annotated[str, Meta(max_length=64)], Annotated[str, Meta(max_length=512)]],
            Meta(max_length=16),
        ]
        | None
    ) = None
    user: str | None = None
    reasoning_effort: str | None = None
    verbosity: str | None = None
    service_tier: str | None = None


class Sent(Struct, frozen=True, forbid_unknown_fields=True):
    """What callers send; `decode_noting` notes members that have no name here."""


# What callers send: the parts of a message's content.


class TextPart(Sent, frozen=True, tag_field="type", tag="text"):
    text: str
    prompt_cache_breakpoint: CacheBreakpoint | None = None


class RefusalPart(Sent, frozen=True, tag_field="type", tag="refusal"):
    refusal: str


class ImageAddress(Sent, frozen=True):
    url: str
    detail: Literal["auto", "low", "high", "original"] | None = None


class ImagePart(Sent, frozen=True, tag_field="type", tag="image_url"):
    image_url: ImageAddress
    prompt_cache_breakpoint: CacheBreakpoint | None = None


class Sound(Sent, frozen=True):
    data: str
    format: Literal["wav", "mp3"]


class SoundPart(
    Struct, frozen=True, forbid_unknown_fields=True, tag_field="type", tag="input_audio"
):
    input_audio: Sound


class Document(Sent, frozen=True):
    file_data: str | None = None
    file_id: str | None = None
    filename: str | None = None


class DocumentPart(Sent, frozen=True, tag_field="type", tag="file"):
    file: Document
    prompt_cache_breakpoint: CacheBreakpoint | None = None


UserPart: TypeAlias = TextPart | ImagePart | SoundPart | DocumentPart
AssistantPart: TypeAlias = TextPart | RefusalPart


# What callers send: messages, told apart by their role.


class CalledFunction(Sent, frozen=True):
    name: _Name
    arguments: str


class FunctionCall(
    Struct, frozen=True, forbid_unknown_fields=True, tag_field="type", tag="function"
):
    id: Annotated[str, Meta(min_length=1)]
    function: CalledFunction


class CalledCustom(Sent, frozen=True):
    name: _Name
    input: str


class CustomCall(Sent, frozen=True, tag_field="type", tag="custom"):
    id: Annotated[str, Meta(min_length=1)]
    custom: CalledCustom


class SystemMessage(
    Struct, frozen=True, forbid_unknown_fields=True, tag_field="role", tag="system"
):
    content: str | list[TextPart]
    name: str | None = None


class DeveloperMessage(
    Struct, frozen=True, forbid_unknown_fields=True, tag_field="role", tag="developer"
):
    content: str | list[TextPart]
    name: str | None = None


class UserMessage(Sent, frozen=True, tag_field="role", tag="user"):
    content: str | list[UserPart]
    name: str | None = None


class AssistantMessage(
    Struct, frozen=True, forbid_unknown_fields=True, tag_field="role", tag="assistant"
):
    content: str | list[AssistantPart] | None = None
    name: str | None = None
    refusal: str | None = None
    reasoning_content: str | None = None
    reasoning: str | None = None
    tool_calls: list[FunctionCall | CustomCall] | None = None
    function_call: CalledFunction | None = None
    audio: dict[str, Any] | None = None  # Any: refused, whatever stands in it


class ToolMessage(Sent, frozen=True, tag_field="role", tag="tool"):
    content: str | list[TextPart]
    tool_call_id: str


class FunctionMessage(
    Struct, frozen=True, forbid_unknown_fields=True, tag_field="role", tag="function"
):
    name: _Name
    content: str | None = None


ChatMessage: TypeAlias = (
    SystemMessage
    | DeveloperMessage
    | UserMessage
    | AssistantMessage
    | ToolMessage
    | FunctionMessage
)


# What callers send: tools, the choice among them, the form of the answer.


class FunctionShape(Sent, frozen=True):
    name: _Name
    description: str | None = None
    parameters: dict[str, Any] | None = None  # Any: JSON Schema
    strict: bool | None = None


class FunctionToolShape(
    Struct, frozen=True, forbid_unknown_fields=True, tag_field="type", tag="function"
):
    function: FunctionShape


class GrammarShape(Sent, frozen=True):
    syntax: Literal["lark", "regex"]
    definition: str


class TextFormat(Sent, frozen=True, tag_field="type", tag="text"):
    pass


class GrammarFormat(
    Struct, frozen=True, forbid_unknown_fields=True, tag_field="type", tag="grammar"
):
    grammar: GrammarShape


class CustomShape(Sent, frozen=True):
    name: _Name
    description: str | None = None
    format: TextFormat | GrammarFormat | None = None


class CustomToolShape(
    Struct, frozen=True, forbid_unknown_fields=True, tag_field="type", tag="custom"
):
    custom: CustomShape


ToolShape: TypeAlias = FunctionToolShape | CustomToolShape


class Named(Sent, frozen=True):
    name: _Name


class NamedFunction(
    Struct, frozen=True, forbid_unknown_fields=True, tag_field="type", tag="function"
):
    function: Named


class NamedCustom(Sent, frozen=True, tag_field="type", tag="custom"):
    custom: Named


class AllowedShape(Sent, frozen=True):
    mode: Literal["auto", "required"]
    tools: list[NamedFunction | NamedCustom]


class AllowedChoice(
    Struct, frozen=True, forbid_unknown_fields=True, tag_field="type", tag="allowed_tools"
):
    allowed_tools: AllowedShape


ChoiceShape: TypeAlias = NamedFunction | NamedCustom | AllowedChoice
MAX_TOOLS = 2048
Tools: TypeAlias = Annotated[list[ToolShape], Meta(max_length=MAX_TOOLS)] | None
Functions: TypeAlias = Annotated[list[FunctionShape], Meta(max_length=MAX_TOOLS)] | None


class JsonObjectFormat(
    Struct, frozen=True, forbid_unknown_fields=True, tag_field="type", tag="json_object"
):
    pass


class SchemaShape(Sent, frozen=True):
    name: Annotated[str, Meta(pattern=r"^[A-Za-z0-9_-]{1,64}$")]
    schema: dict[str, Any] | None = None  # Any: JSON Schema
    strict: bool | None = None
    description: str | None = None


class JsonSchemaFormat(
    Struct, frozen=True, forbid_unknown_fields=True, tag_field="type", tag="json_schema"
):
    json_schema: SchemaShape


FormatShape: TypeAlias = TextFormat | JsonObjectFormat | JsonSchemaFormat
