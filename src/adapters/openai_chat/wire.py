"""The shapes of chat completions as upstreams send them; only what we read.

Source: OpenAI's API reference, chat completion object and chunk object (November 2026), and the
documents of the servers that resemble it. They resemble it loosely, so every member may be absent
or null, and an answer and a chunk of one have a common shape: they differ in `message` and
`delta` alone.
"""

from typing import Any, TypeAlias

import msgspec

JsonText: TypeAlias = str | dict[str, Any] | list[Any] | None  # Any: a JSON value, written back


class WireText(msgspec.Struct, frozen=True, gc=False):
    text: str | None = None


class WirePart(msgspec.Struct, frozen=True):
    """A part of a content that is a list: Mistral's way, and the answer form of OpenAI's parts."""

    type: str = ""
    text: str | None = None
    refusal: str | None = None
    thinking: str | tuple[WireText, ...] | None = None


class WireFunction(msgspec.Struct, frozen=True):
    """`arguments` is text with OpenAI, at times an object with Mistral and small servers."""

    name: str | None = None
    arguments: JsonText = None


class WireCustom(msgspec.Struct, frozen=True, gc=False):
    name: str | None = None
    input: str | None = None


class WireToolCall(msgspec.Struct, frozen=True):
    index: int | None = None
    id: str | None = None
    function: WireFunction | None = None
    custom: WireCustom | None = None


class WireMessage(msgspec.Struct, frozen=True):
    """A message, or a delta of one."""

    content: str | tuple[WirePart, ...] | None = None
    reasoning_content: str | None = None
    reasoning: str | None = None
    refusal: str | None = None
    tool_calls: tuple[WireToolCall, ...] | None = None
    function_call: WireFunction | None = None


class WireLogprob(msgspec.Struct, frozen=True):
    token: str = ""
    logprob: float = 0.0
    bytes: tuple[int, ...] | None = None
    top_logprobs: "tuple[WireLogprob, ...] | None" = None


class WireLogprobs(msgspec.Struct, frozen=True):
    content: tuple[WireLogprob, ...] | None = None


class WireChoice(msgspec.Struct, frozen=True):
    """`stop_reason` is vLLM's: the stop sequence that was met, or the number of a token."""

    index: int | None = None
    delta: WireMessage | None = None
    message: WireMessage | None = None
    finish_reason: str | None = None
    logprobs: WireLogprobs | None = None
    stop_reason: Any = None  # Any: other servers mean other things by it


class WirePromptDetails(msgspec.Struct, frozen=True, gc=False):
    cached_tokens: int | None = None
    cache_write_tokens: int | None = None


class WireCompletionDetails(msgspec.Struct, frozen=True, gc=False):
    reasoning_tokens: int | None = None


class WireUsage(msgspec.Struct, frozen=True):
    """`prompt_cache_hit_tokens` is DeepSeek's name for cached tokens."""

    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    total_tokens: int | None = None
    prompt_tokens_details: WirePromptDetails | None = None
    completion_tokens_details: WireCompletionDetails | None = None
    prompt_cache_hit_tokens: int | None = None


class WireChunk(msgspec.Struct, frozen=True):
    """A whole answer, or a chunk of one; `error` in it is a failure in spite of status 200."""

    id: str | None = None
    created: float | None = None
    model: str | None = None
    choices: tuple[WireChoice, ...] | None = None
    usage: WireUsage | None = None
    error: Any = None  # Any: an object, a text or whatever a server thinks an error is


class WireReason(msgspec.Struct, frozen=True, gc=False):
    """What a relay reads of a choice."""

    index: int | None = None
    finish_reason: str | None = None


class WirePassing(msgspec.Struct, frozen=True):
    """What a relay reads of a frame, or of a whole body, that says more than text."""

    id: str | None = None
    model: str | None = None
    choices: tuple[WireReason, ...] | None = None
    usage: WireUsage | None = None
    error: Any = None  # Any: as in WireChunk


class WireEmbeddings(msgspec.Struct, frozen=True):
    """What a relay reads of embeddings."""

    model: str | None = None
    data: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    usage: WireUsage | None = None


decode_chunk = msgspec.json.Decoder(WireChunk).decode
decode_passing = msgspec.json.Decoder(WirePassing).decode
decode_embeddings = msgspec.json.Decoder(WireEmbeddings).decode
