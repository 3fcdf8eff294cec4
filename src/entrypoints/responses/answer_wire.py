"""The shapes of the Responses API as callers receive them.

Sources: OpenAI's API reference for /v1/responses and /v1/conversations; the Open Responses
document of 2026-04-24, which wants more members to be there. What we send satisfies both.
"""

from collections.abc import Sequence
from typing import Literal, TypeAlias

from msgspec import UNSET, Struct, UnsetType

from ...domain.json_values import JsonObject

ItemStatus: TypeAlias = Literal["in_progress", "completed", "incomplete"]


class TopLogprob(Struct, frozen=True):
    token: str
    logprob: float
    bytes: Sequence[int]


class Logprob(Struct, frozen=True):
    token: str
    logprob: float
    bytes: Sequence[int]
    top_logprobs: list[TopLogprob]


class OutputText(Struct, frozen=True, tag="output_text"):
    text: str
    annotations: Sequence[JsonObject] = ()
    logprobs: Sequence[Logprob] = ()


class RefusalPart(Struct, frozen=True, tag="refusal"):
    refusal: str


class SummaryText(Struct, frozen=True, tag="summary_text"):
    text: str


class Breakpoint(Struct, frozen=True):
    mode: str = "explicit"
    ttl: str | UnsetType = UNSET


class InputText(Struct, frozen=True, tag="input_text"):
    text: str
    prompt_cache_breakpoint: Breakpoint | UnsetType = UNSET


class InputImage(Struct, frozen=True, tag="input_image"):
    image_url: str | None
    detail: str
    file_id: str | UnsetType = UNSET
    prompt_cache_breakpoint: Breakpoint | UnsetType = UNSET


class InputFile(Struct, frozen=True, kw_only=True, tag="input_file"):
    file_id: str | UnsetType = UNSET
    file_url: str | UnsetType = UNSET
    file_data: str | UnsetType = UNSET
    filename: str | UnsetType = UNSET
    prompt_cache_breakpoint: Breakpoint | UnsetType = UNSET


class Sound(Struct, frozen=True):
    data: str
    format: str


class InputAudio(Struct, frozen=True, tag="input_audio"):
    input_audio: Sound


InputPart: TypeAlias = InputText | InputImage | InputFile | InputAudio
OutputPart: TypeAlias = OutputText | RefusalPart


class MessageItem(Struct, frozen=True, tag="message"):
    id: str
    status: ItemStatus
    role: str
    content: Sequence[InputPart | OutputPart]
    phase: str | UnsetType = UNSET


class ReasoningItem(Struct, frozen=True, tag="reasoning"):
    id: str
    status: ItemStatus
    summary: Sequence[SummaryText]
    encrypted_content: str | UnsetType = UNSET


class FunctionCallItem(Struct, frozen=True, tag="function_call"):
    id: str
    status: ItemStatus
    arguments: str
    call_id: str
    name: str
    namespace: str | UnsetType = UNSET


class CustomCallItem(Struct, frozen=True, tag="custom_tool_call"):
    id: str
    status: ItemStatus
    input: str
    call_id: str
    name: str
    namespace: str | UnsetType = UNSET


class FunctionOutputItem(Struct, frozen=True, tag="function_call_output"):
    id: str
    status: ItemStatus
    call_id: str
    output: str | list[InputPart]


class CustomOutputItem(Struct, frozen=True, tag="custom_tool_call_output"):
    id: str
    status: ItemStatus
    call_id: str
    output: str | list[InputPart]


class CompactionItem(Struct, frozen=True, tag="compaction"):
    id: str
    encrypted_content: str


ItemShape: TypeAlias = (
    MessageItem
    | ReasoningItem
    | FunctionCallItem
    | CustomCallItem
    | FunctionOutputItem
    | CustomOutputItem
    | CompactionItem
    | JsonObject
)


class InputDetails(Struct, frozen=True):
    cached_tokens: int
    cache_write_tokens: int


class OutputDetails(Struct, frozen=True):
    reasoning_tokens: int


class UsageShape(Struct, frozen=True):
    input_tokens: int
    input_tokens_details: InputDetails
    output_tokens: int
    output_tokens_details: OutputDetails
    total_tokens: int


class ErrorShape(Struct, frozen=True):
    code: str
    message: str


class IncompleteDetails(Struct, frozen=True):
    reason: Literal["max_output_tokens", "content_filter"]


class ConversationName(Struct, frozen=True):
    id: str


class ResponseShape(Struct, frozen=True, kw_only=True):
    """What a response says of itself; what it repeats of its request is put behind it."""

    id: str
    object: Literal["response"] = "response"
    created_at: int
    status: str
    completed_at: int | None
    error: ErrorShape | None
    incomplete_details: IncompleteDetails | None
    output: Sequence[ItemShape]
    previous_response_id: str | None
    conversation: ConversationName | UnsetType = UNSET
    store: bool
    background: bool
    usage: UsageShape | None
