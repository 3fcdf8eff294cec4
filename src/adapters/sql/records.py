"""What rows hold, apart from the domain's shapes: those may be renamed, stored ones may not."""

import hashlib
from collections.abc import Mapping

import msgspec
from sqlalchemy import Row

from ...application.keys import HeldKey
from ...application.ports import KeptProof, KeyRecord
from ...domain.conversation import Proof, Reasoning, Vendor
from ...domain.errors import StoreError


class StoredProof(msgspec.Struct, frozen=True, array_like=True):
    vendor: str
    model: str
    kind: str
    value: str
    item_id: str | None = None


class StoredThought(msgspec.Struct, frozen=True, array_like=True):
    text: str
    proof: StoredProof | None = None


class StoredKept(msgspec.Struct, frozen=True, array_like=True):
    thoughts: tuple[StoredThought, ...]
    proof: StoredProof | None = None


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(StoredKept)
_metadata_decoder = msgspec.msgpack.Decoder(dict[str, str])


def encode_kept(kept: KeptProof) -> bytes:
    """Return the stored form.

    Raises:
        UnicodeEncodeError: a text holds half a surrogate pair.
    """
    return _encoder.encode(
        StoredKept(
            tuple(
                StoredThought(thought.text, _stored(thought.proof)) for thought in kept.reasoning
            ),
            _stored(kept.proof),
        )
    )


def decode_kept(value: bytes) -> KeptProof | None:
    """Return what was kept; None for a row that a later modelmux wrote in its own way."""
    try:
        stored = _decoder.decode(value)
        return KeptProof(
            tuple(Reasoning(thought.text, _proof(thought.proof)) for thought in stored.thoughts),
            _proof(stored.proof),
        )
    except ValueError:
        return None


def call_digest(call_id: str) -> bytes:
    return hashlib.sha256(call_id.encode("utf-8", "surrogatepass")).digest()


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


def _stored(proof: Proof | None) -> StoredProof | None:
    if proof is None:
        return None
    return StoredProof(proof.vendor.value, proof.model, proof.kind, proof.value, proof.item_id)


def _proof(stored: StoredProof | None) -> Proof | None:
    if stored is None:
        return None
    return Proof(Vendor(stored.vendor), stored.model, stored.kind, stored.value, stored.item_id)
