"""Responses and conversations' items as bytes: a version, then MessagePack.

What a store must look up (tenant, id, ...) it keeps beside these; only tenant and id are not
among them.
"""

import msgspec

from ...domain.conversation import Item
from ...domain.errors import StoreError
from ...domain.events import FinishReason, TokenLogprob, Usage
from ...domain.turn import Failure, ResponseRecord, Status
from .items import StoredItem, domain_item, stored_item

VERSION = 1

_FRONT = bytes([VERSION])


class StoredLogprob(msgspec.Struct, frozen=True, array_like=True, gc=False):
    token: str
    logprob: float
    bytes: tuple[int, ...] | None = None
    top: tuple["StoredLogprob", ...] = ()


class StoredUsage(msgspec.Struct, frozen=True, array_like=True, gc=False):
    input_tokens: int
    output_tokens: int
    cached_tokens: int
    cache_write_tokens: int
    reasoning_tokens: int


class StoredFailure(msgspec.Struct, frozen=True, array_like=True, gc=False):
    code: str
    message: str


class StoredRecord(msgspec.Struct, frozen=True, array_like=True, gc=False):
    status: Status
    created_at: float
    settings: bytes
    input: tuple[StoredItem, ...]
    output: tuple[StoredItem, ...]
    logprobs: tuple[StoredLogprob, ...]
    previous: str | None
    conversation: str | None
    store: bool
    background: bool
    streamed: bool
    completed_at: float | None
    reason: FinishReason | None
    usage: StoredUsage | None
    failure: StoredFailure | None
    verdict: str | None = None  # later than the others: what was written before has none


_encoder = msgspec.msgpack.Encoder()
_record_decoder = msgspec.msgpack.Decoder(StoredRecord)
_item_decoder: msgspec.msgpack.Decoder[StoredItem] = msgspec.msgpack.Decoder(StoredItem)


def encode_record(record: ResponseRecord) -> bytes:
    """Return all of a response but its tenant and id.

    Raises:
        StoreError: it holds what cannot be written, such as half a surrogate pair.
    """
    usage, failure = record.usage, record.failure
    try:
        return _FRONT + _encoder.encode(
            StoredRecord(
                record.status,
                record.created_at,
                record.settings,
                tuple([stored_item(item) for item in record.input]),
                tuple([stored_item(item) for item in record.output]),
                tuple([stored_logprob(one) for one in record.logprobs]),
                record.previous,
                record.conversation,
                record.store,
                record.background,
                record.streamed,
                record.completed_at,
                record.reason,
                None if usage is None else stored_usage(usage),
                None if failure is None else StoredFailure(failure.code, failure.message),
                record.verdict,
            )
        )
    except (ValueError, OverflowError, RecursionError) as error:
        raise _unwritable(error) from error


def decode_record(value: bytes, tenant: str, id_: str) -> ResponseRecord:
    """Return the response.

    Raises:
        StoreError: a later modelmux wrote it, or something else did.
    """
    try:
        stored = _record_decoder.decode(_packed(value))
        usage, failure = stored.usage, stored.failure
        return ResponseRecord(
            tenant=tenant,
            id=id_,
            status=stored.status,
            created_at=stored.created_at,
            settings=stored.settings,
            input=tuple([domain_item(item) for item in stored.input]),
            output=tuple([domain_item(item) for item in stored.output]),
            logprobs=tuple([domain_logprob(one) for one in stored.logprobs]),
            previous=stored.previous,
            conversation=stored.conversation,
            store=stored.store,
            background=stored.background,
            streamed=stored.streamed,
            completed_at=stored.completed_at,
            reason=stored.reason,
            usage=None if usage is None else domain_usage(usage),
            failure=None if failure is None else Failure(failure.code, failure.message),
            verdict=stored.verdict,
        )
    except (ValueError, RecursionError) as error:
        raise _unreadable(error) from error


def decode_if_known(value: bytes, tenant: str, id_: str) -> ResponseRecord | None:
    """Return the response; None if a later modelmux wrote it, which then looks after it."""
    try:
        return decode_record(value, tenant, id_)
    except StoreError:
        return None


def encode_item(item: Item) -> bytes:
    """Return an item of a conversation.

    Raises:
        StoreError: it holds what cannot be written, such as half a surrogate pair.
    """
    try:
        return _FRONT + _encoder.encode(stored_item(item))
    except (ValueError, OverflowError, RecursionError) as error:
        raise _unwritable(error) from error


def decode_item(value: bytes) -> Item:
    """Return the item.

    Raises:
        StoreError: a later modelmux wrote it, or something else did.
    """
    try:
        return domain_item(_item_decoder.decode(_packed(value)))
    except (ValueError, RecursionError) as error:
        raise _unreadable(error) from error


def _packed(value: bytes) -> memoryview:
    if value[:1] != _FRONT:
        raise ValueError(f"stored form {value[:1].hex() or 'empty'}, this modelmux knows {VERSION}")
    return memoryview(value)[1:]


def stored_usage(usage: Usage) -> StoredUsage:
    return StoredUsage(
        usage.input_tokens,
        usage.output_tokens,
        usage.cached_tokens,
        usage.cache_write_tokens,
        usage.reasoning_tokens,
    )


def domain_usage(stored: StoredUsage) -> Usage:
    return Usage(
        stored.input_tokens,
        stored.output_tokens,
        stored.cached_tokens,
        stored.cache_write_tokens,
        stored.reasoning_tokens,
    )


def stored_logprob(one: TokenLogprob) -> StoredLogprob:
    top = tuple([stored_logprob(other) for other in one.top])
    return StoredLogprob(one.token, one.logprob, one.bytes, top)


def domain_logprob(stored: StoredLogprob) -> TokenLogprob:
    top = tuple([domain_logprob(other) for other in stored.top])
    return TokenLogprob(stored.token, stored.logprob, stored.bytes, top)


def _unwritable(error: Exception) -> StoreError:
    return StoreError("What was said cannot be written down.", detail=str(error)[:500])


def _unreadable(error: Exception) -> StoreError:
    return StoreError("What is stored cannot be read by this release.", detail=str(error)[:500])
