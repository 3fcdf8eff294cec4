"""Embeddings in Cohere's API v2, and back.

A text that is too long is an error, as it is at OpenAI: nothing is cut to fit. Source: Cohere's
API reference, POST /v2/embed (November 2026); what the vectors are for must be said from v3 on.
"""

from typing import Final

import msgspec
from msgspec import UNSET, Raw, Struct, UnsetType

from ...domain.capabilities import Capabilities
from ...domain.embedding import EmbeddingAsk
from ...domain.errors import UnsupportedFeature
from ...domain.events import StreamEvent
from ..transport.embedding_answers import decode_vector, embedding_events

_USUAL_TASK: Final = "search_document"

# What we write.


class _Embed(Struct, frozen=True):
    model: str
    texts: list[str]
    input_type: str
    output_dimension: int | UnsetType = UNSET
    embedding_types: tuple[str, ...] = ("float",)
    truncate: str = "NONE"


# What we read.


class _Embeddings(Struct, frozen=True, rename={"floats": "float"}):
    floats: list[Raw]


class _Billed(Struct, frozen=True):
    input_tokens: float | None = None


class _Meta(Struct, frozen=True):
    billed_units: _Billed | None = None


class _Embedded(Struct, frozen=True):
    embeddings: _Embeddings
    id: str = ""
    meta: _Meta | None = None


_encode: Final = msgspec.json.Encoder().encode
_decode: Final = msgspec.json.Decoder(_Embedded).decode


def encode_embedding(ask: EmbeddingAsk, *, model: str, capabilities: Capabilities) -> bytes:
    """Return the body that asks `model` for `ask`.

    Raises:
        UnsupportedFeature: an input is no text.
    """
    texts = [one for one in ask.inputs if isinstance(one, str)]
    if len(texts) != len(ask.inputs):
        raise UnsupportedFeature("The model takes text alone.", param="input")
    return _encode(
        _Embed(
            model,
            texts,
            capabilities.embedding_task or _USUAL_TASK,
            UNSET if ask.dimensions is None else ask.dimensions,
        )
    )


def decode_embedding(body: bytes, *, model: str) -> list[StreamEvent]:
    """Return the events of a whole answer of `model`.

    Raises:
        msgspec.DecodeError, ProviderProtocolBroken: it is none.
    """
    answer = _decode(body)
    billed = answer.meta.billed_units if answer.meta is not None else None
    tokens = billed.input_tokens if billed is not None else None
    return embedding_events(
        model,
        (decode_vector(vector) for vector in answer.embeddings.floats),
        None if tokens is None else int(tokens),
        answer.id,
    )
