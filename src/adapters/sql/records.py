"""What columns hold of keys and labels, and which text they can hold at all."""

from collections.abc import Mapping

import msgspec
from sqlalchemy import Row

from ...application.keys import HeldKey
from ...application.ports import KeyRecord
from ...domain.errors import StoreError

_encoder = msgspec.msgpack.Encoder()
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


def held_key(row: Row[str, str, str, bytes, float, float | None]) -> HeldKey:
    """Return a key from its row, columns as in the schema."""
    key_id, name, tenant, digest, created_at, revoked_at = row
    return HeldKey(KeyRecord(key_id, name, tenant, created_at, revoked_at), digest)
