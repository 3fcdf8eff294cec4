"""Whole answers as their events, as bytes: a version, then MessagePack.

Apart from the domain's shapes, as `items.py` is. Here nothing is for ever: what another release
wrote is a miss, so a field may also go, with another `VERSION`.
"""

import sys
from array import array
from collections.abc import Sequence
from typing import Final, TypeAlias, assert_never

import msgspec

from ...application.ports import CachedAnswer
from ...domain.adjustments import Adjustment
from ...domain.conversation import OpaqueItem, ToolKind
from ...domain.dialect import Dialect
from ...domain.events import (
    AnnotationAdded,
    EmbeddingsAdded,
    FinishReason,
    MessageStarted,
    OpaqueItemAdded,
    ReasoningDelta,
    ReasoningFinished,
    RefusalDelta,
    RelayedBytes,
    ResponseFinished,
    ResponseStarted,
    StreamEvent,
    TextDelta,
    ToolCallDelta,
    ToolCallStarted,
)
from .items import StoredProof, domain_proof, stored_proof
from .json_text import decode_object, json_text
from .records import (
    StoredLogprob,
    StoredUsage,
    domain_logprob,
    domain_usage,
    stored_logprob,
    stored_usage,
)

VERSION = 1

_FRONT = bytes([VERSION])


class StoredStart(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=0):
    id: str
    model: str


class StoredMessageStart(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=1):
    phase: str | None
    choice: int


class StoredTextDelta(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=2):
    text: str
    choice: int
    logprobs: tuple[StoredLogprob, ...]


class StoredAnnotation(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=3):
    annotation: bytes
    choice: int


class StoredRefusalDelta(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=4):
    text: str
    choice: int


class StoredThought(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=5):
    text: str
    choice: int


class StoredThoughtEnd(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=6):
    proof: StoredProof | None
    choice: int


class StoredCallStart(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=7):
    index: int
    id: str
    name: str
    kind: ToolKind
    proof: StoredProof | None
    choice: int
    namespace: str | None


class StoredCallDelta(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=8):
    index: int
    arguments: str
    choice: int


class StoredOpaqueItem(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=9):
    name: str
    value: bytes
    dialect: Dialect
    choice: int


class StoredVectors(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=10):
    """Each vector is its numbers as little-endian float64."""

    vectors: tuple[bytes, ...]


class StoredBytes(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=11):
    data: bytes


class StoredFinish(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=12):
    reasons: tuple[FinishReason, ...]
    usage: StoredUsage | None
    matched_stop: str | None


StoredEvent: TypeAlias = (
    StoredStart
    | StoredMessageStart
    | StoredTextDelta
    | StoredAnnotation
    | StoredRefusalDelta
    | StoredThought
    | StoredThoughtEnd
    | StoredCallStart
    | StoredCallDelta
    | StoredOpaqueItem
    | StoredVectors
    | StoredBytes
    | StoredFinish
)


class StoredAdjustment(msgspec.Struct, frozen=True, array_like=True, gc=False):
    param: str
    action: str
    detail: str


class StoredAnswer(msgspec.Struct, frozen=True, array_like=True, gc=False):
    provider: str
    model: str
    kept_at: float
    events: tuple[StoredEvent, ...]
    told: tuple[StoredAdjustment, ...]


_encoder: Final = msgspec.msgpack.Encoder()
_decoder: Final = msgspec.msgpack.Decoder(StoredAnswer)


def encode_answer(answer: CachedAnswer) -> bytes | None:
    """Return the stored form; None for what cannot be written, such as half a surrogate pair."""
    stored = StoredAnswer(
        answer.provider,
        answer.model,
        answer.kept_at,
        tuple([_stored(event) for event in answer.events]),
        tuple([StoredAdjustment(one.param, one.action, one.detail) for one in answer.told]),
    )
    try:
        return _FRONT + _encoder.encode(stored)
    except (ValueError, OverflowError, RecursionError):
        return None


def decode_answer(value: bytes) -> CachedAnswer | None:
    """Return the answer; None for what another release wrote, or something else."""
    if value[:1] != _FRONT:
        return None
    try:
        stored = _decoder.decode(memoryview(value)[1:])
        events = tuple([_domain(event) for event in stored.events])
    except (ValueError, RecursionError):
        return None
    if not (events and _is_whole(events)):
        return None
    return CachedAnswer(
        events,
        stored.provider,
        stored.model,
        stored.kept_at,
        tuple([Adjustment(one.param, one.action, one.detail) for one in stored.told]),
    )


def _is_whole(events: Sequence[StreamEvent]) -> bool:
    return type(events[0]) is ResponseStarted and type(events[-1]) is ResponseFinished


def _stored(event: StreamEvent) -> StoredEvent:
    match event:
        case TextDelta():
            logprobs = tuple([stored_logprob(one) for one in event.logprobs])
            return StoredTextDelta(event.text, event.choice, logprobs)
        case ResponseStarted():
            return StoredStart(event.id, event.model)
        case ResponseFinished():
            usage = None if event.usage is None else stored_usage(event.usage)
            return StoredFinish(event.reasons, usage, event.matched_stop)
        case MessageStarted():
            return StoredMessageStart(event.phase, event.choice)
        case AnnotationAdded():
            return StoredAnnotation(json_text(event.annotation), event.choice)
        case RefusalDelta():
            return StoredRefusalDelta(event.text, event.choice)
        case ReasoningDelta():
            return StoredThought(event.text, event.choice)
        case ReasoningFinished():
            return StoredThoughtEnd(stored_proof(event.proof), event.choice)
        case ToolCallStarted():
            return StoredCallStart(
                event.index,
                event.id,
                event.name,
                event.kind,
                stored_proof(event.proof),
                event.choice,
                event.namespace,
            )
        case ToolCallDelta():
            return StoredCallDelta(event.index, event.arguments, event.choice)
        case OpaqueItemAdded():
            item = event.item
            return StoredOpaqueItem(item.type, json_text(item.value), item.dialect, event.choice)
        case EmbeddingsAdded():
            return StoredVectors(tuple([_packed(vector) for vector in event.vectors]))
        case RelayedBytes():
            return StoredBytes(event.data)
        case _:
            assert_never(event)


def _domain(event: StoredEvent) -> StreamEvent:
    """Return the event again.

    Raises:
        ValueError: the JSON text, or the numbers, in it are none.
    """
    match event:
        case StoredTextDelta():
            logprobs = tuple([domain_logprob(one) for one in event.logprobs])
            return TextDelta(event.text, event.choice, logprobs)
        case StoredStart():
            return ResponseStarted(event.id, event.model)
        case StoredFinish():
            usage = None if event.usage is None else domain_usage(event.usage)
            return ResponseFinished(event.reasons, usage, event.matched_stop)
        case StoredMessageStart():
            return MessageStarted(event.phase, event.choice)
        case StoredAnnotation():
            return AnnotationAdded(decode_object(event.annotation), event.choice)
        case StoredRefusalDelta():
            return RefusalDelta(event.text, event.choice)
        case StoredThought():
            return ReasoningDelta(event.text, event.choice)
        case StoredThoughtEnd():
            return ReasoningFinished(domain_proof(event.proof), event.choice)
        case StoredCallStart():
            return ToolCallStarted(
                event.index,
                event.id,
                event.name,
                event.kind,
                domain_proof(event.proof),
                event.choice,
                event.namespace,
            )
        case StoredCallDelta():
            return ToolCallDelta(event.index, event.arguments, event.choice)
        case StoredOpaqueItem():
            item = OpaqueItem(event.name, decode_object(event.value), event.dialect)
            return OpaqueItemAdded(item, event.choice)
        case StoredVectors():
            return EmbeddingsAdded(tuple([_numbers(packed) for packed in event.vectors]))
        case StoredBytes():
            return RelayedBytes(event.data)
        case _:
            assert_never(event)


def _packed(vector: Sequence[float]) -> bytes:
    return _little(array("d", vector)).tobytes()


def _numbers(packed: bytes) -> Sequence[float]:
    numbers = array("d")
    numbers.frombytes(packed)
    return _little(numbers)


def _little(numbers: "array[float]") -> "array[float]":
    """Return the numbers from, or for, little-endian memory."""
    if sys.byteorder == "big":
        numbers.byteswap()
    return numbers
