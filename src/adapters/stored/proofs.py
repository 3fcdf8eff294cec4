"""What a vault keeps for a tool call, as bytes."""

import hashlib

import msgspec

from ...application.ports import KeptProof
from ...domain.conversation import Reasoning
from ...domain.errors import StoreError
from .items import StoredProof, domain_proof, stored_proof


class StoredThought(msgspec.Struct, frozen=True, array_like=True, gc=False):
    text: str
    proof: StoredProof | None = None


class StoredKept(msgspec.Struct, frozen=True, array_like=True, gc=False):
    thoughts: tuple[StoredThought, ...]
    proof: StoredProof | None = None


_MAX_BYTES = 8 * 2**20

_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(StoredKept)


def encode_kept(kept: KeptProof) -> bytes:
    """Return the stored form.

    Raises:
        StoreError: a text holds half a surrogate pair, or it is too large.
    """
    thoughts = [StoredThought(one.text, stored_proof(one.proof)) for one in kept.reasoning]
    try:
        value = _encoder.encode(StoredKept(tuple(thoughts), stored_proof(kept.proof)))
    except UnicodeEncodeError as error:
        raise StoreError("A proof is not text and cannot be kept.", detail=str(error)) from error
    if len(value) > _MAX_BYTES:
        raise StoreError("A proof is too large to be kept.", detail=f"{len(value)} bytes")
    return value


def decode_kept(value: bytes) -> KeptProof | None:
    """Return what was kept; None for what a later modelmux wrote in its own way."""
    try:
        stored = _decoder.decode(value)
    except ValueError:
        return None
    thoughts = [Reasoning(one.text, domain_proof(one.proof)) for one in stored.thoughts]
    return KeptProof(tuple(thoughts), domain_proof(stored.proof))


def call_digest(call_id: str) -> bytes:
    """Return what stands for a call id, whose length and letters are somebody else's choice."""
    return hashlib.sha256(call_id.encode("utf-8", "surrogatepass")).digest()
