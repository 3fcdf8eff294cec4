"""Embeddings by InvokeModel: Amazon's Titan, one text a call, and Cohere's models.

Source: the Bedrock guide, inference parameters of Titan Embeddings and Cohere Embed.
"""

from collections.abc import Callable, Sequence
from fnmatch import fnmatchcase
from typing import Final

import msgspec
from msgspec import UNSET, Raw, Struct, UnsetType

from ...domain.capabilities import Capabilities
from ...domain.embedding import EmbeddingAsk
from ...domain.errors import UnsupportedFeature
from ...domain.events import StreamEvent
from ..converse.capabilities import model_name
from ..transport.embedding_answers import decode_vector, embedding_events

_COHERE: Final = "cohere.embed-*"
_TITAN: Final = "amazon.titan-embed-text-*"
_USUAL_TASK: Final = "search_document"
_COHERE_BATCH: Final = 96
# By the models' own names; the first match counts. None else makes embeddings.
_RECORDS: Final[tuple[tuple[str, int, bool], ...]] = (
    ("amazon.titan-embed-text-v1*", 1, False),
    (_TITAN, 1, True),
    ("cohere.embed-v4*", _COHERE_BATCH, True),
    (_COHERE, _COHERE_BATCH, False),
)


class _TitanAsk(Struct, frozen=True, rename="camel"):
    input_text: str
    dimensions: int | UnsetType = UNSET


class _TitanSaid(Struct, frozen=True, rename="camel"):
    embedding: Raw
    input_text_token_count: int | None = None


class _CohereAsk(Struct, frozen=True):
    texts: list[str]
    input_type: str
    output_dimension: int | UnsetType = UNSET
    embedding_types: tuple[str, ...] = ("float",)
    truncate: str = "NONE"


class _CohereVectors(Struct, frozen=True, rename={"floats": "float"}):
    floats: list[Raw]


class _CohereSaid(Struct, frozen=True):
    """Older models give the list alone, whatever kind is asked for."""

    embeddings: Raw
    id: str = ""


_encode: Final = msgspec.json.Encoder().encode
_decode_titan: Final = msgspec.json.Decoder(_TitanSaid).decode
_decode_cohere: Final = msgspec.json.Decoder(_CohereSaid).decode
_decode_kinds: Final = msgspec.json.Decoder(_CohereVectors).decode
_decode_list: Final = msgspec.json.Decoder(list[Raw]).decode


def embedding_record(model: str) -> Capabilities | None:
    """Return what a model that makes embeddings can do; None for any other."""
    name = model_name(model)
    for pattern, batch, dimensions in _RECORDS:
        if fnmatchcase(name, pattern):
            return _record(batch, dimensions)
    return None


def _record(batch: int, takes_dimensions: bool) -> Capabilities:
    return Capabilities(
        dialects=frozenset(),
        restrictions=True,
        tools=False,
        embedding_batch=batch,
        embedding_tokens=False,
        embedding_dimensions=takes_dimensions,
    )


def encode_embedding(ask: EmbeddingAsk, *, model: str, capabilities: Capabilities) -> bytes:
    """Return the body that asks `model` for `ask`.

    Raises:
        UnsupportedFeature: it is no model that makes embeddings, or takes no tokens' numbers.
    """
    texts = [text for text in ask.inputs if isinstance(text, str)]
    if len(texts) < len(ask.inputs):
        raise UnsupportedFeature("The model takes text alone.", param="input")
    name = model_name(model)
    dimensions = UNSET if ask.dimensions is None else ask.dimensions
    if fnmatchcase(name, _COHERE):
        task = capabilities.embedding_task or _USUAL_TASK
        return _encode(_CohereAsk(texts, task, dimensions))
    if fnmatchcase(name, _TITAN) and len(texts) == 1:
        return _encode(_TitanAsk(texts[0], dimensions))
    raise UnsupportedFeature("The model makes no embeddings.", param="model")


def embedding_decoder(model: str) -> Callable[[bytes], Sequence[StreamEvent]]:
    """Return what reads the answer of `model`; it raises `msgspec.DecodeError` at what is none."""
    cohere = fnmatchcase(model_name(model), _COHERE)

    def decode(body: bytes) -> Sequence[StreamEvent]:
        if not cohere:
            said = _decode_titan(body)
            vector = decode_vector(said.embedding)
            return embedding_events(model, [vector], said.input_text_token_count)
        told = _decode_cohere(body)
        listed = bytes(told.embeddings).lstrip().startswith(b"[")
        raw = _decode_list(told.embeddings) if listed else _decode_kinds(told.embeddings).floats
        return embedding_events(model, [decode_vector(one) for one in raw], None, told.id)

    return decode
