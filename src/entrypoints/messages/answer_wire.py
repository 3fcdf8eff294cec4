"""The shapes of messages as callers receive them.

Source: anthropic 2.12 (types), platform documentation of versions 2023-06-01 and 2026-10-21.
"""

from typing import Literal, TypeAlias

from msgspec import UNSET, Raw, Struct, UnsetType

from ...domain.json_values import JsonObject


class TextBlock(Struct, frozen=True, tag_field="type", tag="text"):
    text: str
    citations: list[JsonObject] | UnsetType = UNSET


class ThinkingBlock(Struct, frozen=True, tag_field="type", tag="thinking"):
    thinking: str
    signature: str


class RedactedBlock(Struct, frozen=True, tag_field="type", tag="redacted_thinking"):
    data: str


class ToolUseBlock(Struct, frozen=True, tag_field="type", tag="tool_use"):
    id: str
    name: str
    input: Raw


class UnparsedInput(Struct, frozen=True):
    """An input for arguments that are no JSON object: the model's own words are not lost."""

    unparsed_arguments: str


class CustomInput(Struct, frozen=True):
    """The input of a custom tool, which takes a text."""

    input: str


ContentBlock: TypeAlias = TextBlock | ThinkingBlock | RedactedBlock | ToolUseBlock | JsonObject


class OutputDetails(Struct, frozen=True):
    thinking_tokens: int


class UsageShape(Struct, frozen=True):
    """`input_tokens` leaves out what was read from a cache or written to one."""

    input_tokens: int
    cache_creation_input_tokens: int
    cache_read_input_tokens: int
    output_tokens: int
    output_tokens_details: OutputDetails


class StopDetails(Struct, frozen=True, tag_field="type", tag="refusal"):
    category: None = None
    explanation: str | None = None


class Stop(Struct, frozen=True):
    """Why an answer ended, as the whole message and the last delta tell it."""

    stop_reason: str
    stop_sequence: str | None = None
    stop_details: StopDetails | UnsetType = UNSET


class WholeMessage(Struct, frozen=True, kw_only=True, tag_field="type", tag="message"):
    id: str
    role: Literal["assistant"] = "assistant"
    model: str
    content: list[ContentBlock]
    stop_reason: str
    stop_sequence: str | None
    stop_details: StopDetails | UnsetType
    usage: UsageShape
