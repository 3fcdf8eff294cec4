"""The shapes of the Responses API as upstreams send them; only what we read.

Source: OpenAI's API reference, response object and streaming events (November 2026); the Open
Responses document of 2026-04-24; vLLM's documentation for its raw thoughts. Every member may be
absent or null: those who resemble the API do so loosely.
"""

from typing import Any

import msgspec

NOTHING = msgspec.Raw(b"null")


class WireTokens(msgspec.Struct, frozen=True, gc=False):
    cached_tokens: int | None = None
    cache_write_tokens: int | None = None
    reasoning_tokens: int | None = None


class WireUsage(msgspec.Struct, frozen=True):
    input_tokens: int | None = None
    input_tokens_details: WireTokens | None = None
    output_tokens: int | None = None
    output_tokens_details: WireTokens | None = None


class WireIncomplete(msgspec.Struct, frozen=True, gc=False):
    reason: str | None = None


class WireLogprob(msgspec.Struct, frozen=True):
    token: str = ""
    logprob: float = 0.0
    bytes: tuple[int, ...] | None = None
    top_logprobs: "tuple[WireLogprob, ...] | None" = None


class WirePart(msgspec.Struct, frozen=True):
    """A part of a message's content, of a summary, or of raw thoughts."""

    type: str = ""
    text: str | None = None
    refusal: str | None = None
    annotations: tuple[dict[str, Any], ...] | None = None  # Any: JSON that is passed on
    logprobs: tuple[WireLogprob, ...] | None = None


class WireItem(msgspec.Struct, frozen=True):
    """An item of those types that are understood; of the others only the type is read."""

    type: str = ""
    id: str | None = None
    phase: str | None = None
    content: tuple[WirePart, ...] | None = None
    summary: tuple[WirePart, ...] | None = None
    encrypted_content: str | None = None
    call_id: str | None = None
    name: str | None = None
    namespace: str | None = None
    arguments: str | None = None
    input: str | None = None


class WireKind(msgspec.Struct, frozen=True, gc=False):
    type: str = ""


class WireResponse(msgspec.Struct, frozen=True):
    """A response, whole or begun; `object` tells it from any other JSON."""

    object: str | None = None
    id: str | None = None
    model: str | None = None
    status: str | None = None
    error: msgspec.Raw = NOTHING
    incomplete_details: WireIncomplete | None = None
    usage: WireUsage | None = None
    output: tuple[msgspec.Raw, ...] | None = None


class WirePassing(msgspec.Struct, frozen=True):
    """What a relay reads of a response."""

    object: str | None = None
    id: str | None = None
    model: str | None = None
    status: str | None = None
    error: msgspec.Raw = NOTHING
    incomplete_details: WireIncomplete | None = None
    usage: WireUsage | None = None
    output: tuple[WireKind, ...] | None = None


class WireEvent(msgspec.Struct, frozen=True):
    """An event of a stream: all of them in one, told apart by `type`."""

    type: str = ""
    delta: str | None = None
    output_index: int | None = None
    content_index: int | None = None
    summary_index: int | None = None
    item: msgspec.Raw = NOTHING
    annotation: dict[str, Any] | None = None  # Any: JSON that is passed on
    logprobs: tuple[WireLogprob, ...] | None = None
    response: msgspec.Raw = NOTHING
    error: msgspec.Raw = NOTHING


class WireMark(msgspec.Struct, frozen=True):
    """What a relay reads of an event."""

    type: str = ""
    response: WirePassing | None = None
    error: msgspec.Raw = NOTHING


decode_event = msgspec.json.Decoder(WireEvent).decode
decode_item = msgspec.json.Decoder(WireItem).decode
decode_kind = msgspec.json.Decoder(WireKind).decode
decode_object = msgspec.json.Decoder(dict[str, Any]).decode
decode_response = msgspec.json.Decoder(WireResponse).decode
decode_passing = msgspec.json.Decoder(WirePassing).decode
decode_mark = msgspec.json.Decoder(WireMark).decode
