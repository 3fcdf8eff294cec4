"""What columns hold of keys and labels, and which text they can hold at all."""

from collections.abc import Mapping

import msgspec
from sqlalchemy import Row

from ...application.keys import HeldKey
from ...application.ports import KeyRecord
from ...domain.errors import StoreError

_encoder = msgspec.msgpack.Encoder()
_tags_decoder = msgspec.msgpack.Decoder(tuple[str, ...])
_metadata_decoder = msgspec.msgpack.Decoder(dict[str, str])


def encode_metadata(metadata: Mapping[str, str]) -> bytes:
    """Return the labels of a conversation.

    Raises:
        StoreError: a text holds half a surrogate pair.
    """
    try:
        return _encoder.encode(dict(metadata))
    except UnicodeEncodeError as error:
        raise StoreError("Metadata is not text and cannot be kept.", detail=str(error)) from error


def decode_metadata(value: bytes) -> dict[str, str]:
    """Return the labels of a conversation.

    Raises:
        StoreError: something else wrote them.
    """
    try:
        return _metadata_decoder.decode(value)
    except ValueError as error:
        raise StoreError("What is stored cannot be read.", detail=str(error)) from error


def is_storable(text: str) -> bool:
    """Whether a column of text can hold it: callers may ask for anything."""
    if "\0" in text:
        return False
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def encode_tags(tags: tuple[str, ...]) -> bytes | None:
    """Return the tags of a key; most have none."""
    return _encoder.encode(tags) if tags else None


def held_key(row: Row[str, str, str, bytes, float, float | None, bytes | None]) -> HeldKey:
    """Return a key from its row, columns as in the schema.

    Raises:
        StoreError: something else wrote its tags.
    """
    key_id, name, tenant, digest, created_at, revoked_at, written = row
    try:
        tags = () if written is None else _tags_decoder.decode(written)
    except ValueError as error:
        raise StoreError("What is stored cannot be read.", detail=str(error)) from error
    return HeldKey(KeyRecord(key_id, name, tenant, created_at, revoked_at, tags), digest)
