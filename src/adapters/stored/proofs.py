"""What a vault keeps for a tool call, as bytes."""

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


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(StoredKept)


def encode_kept(kept: KeptProof) -> bytes:
    """Return the stored form.

    Raises:
        StoreError: a text holds half a surrogate pair.
    """
    thoughts = [StoredThought(one.text, stored_proof(one.proof)) for one in kept.reasoning]
    try:
        return _encoder.encode(StoredKept(tuple(thoughts), stored_proof(kept.proof)))
    except UnicodeEncodeError as error:
        raise StoreError("A proof is not text and cannot be kept.", detail=str(error)) from error


def decode_kept(value: bytes) -> KeptProof | None:
    """Return what was kept; None for what a later modelmux wrote in its own way."""
    try:
        stored = _decoder.decode(value)
    except ValueError:
        return None
    thoughts = [Reasoning(one.text, domain_proof(one.proof)) for one in stored.thoughts]
    return KeptProof(tuple(thoughts), domain_proof(stored.proof))
