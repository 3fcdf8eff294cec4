"""Embeddings by InvokeModel: Amazon's Titan, one text a call, and Cohere's models.

Source: the Bedrock guide, inference parameters of Titan Embeddings and Cohere Embed.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import partial
from typing import Final

import msgspec
from msgspec import UNSET, Raw, Struct, UnsetType

from ...domain.capabilities import Capabilities, CapabilityRule
from ...domain.embedding import EmbeddingAsk
from ...domain.errors import UnsupportedFeature
from ...domain.events import StreamEvent
from ..converse.capabilities import model_name
from ..transport.embedding_answers import decode_vector, embedding_events

_COHERE: Final = "cohere.embed-*"
_TITAN: Final = "amazon.titan-embed-text-*"
_USUAL_TASK: Final = "search_document"
_ONE: Final[Mapping[str, object]] = {"embedding_batch": 1, "embedding_tokens": False}
_MANY: Final[Mapping[str, object]] = {"embedding_batch": 96, "embedding_tokens": False}
# By the models' own names; a later rule refines those before it. No others make embeddings.
EMBEDDING_RULES: Final[tuple[CapabilityRule, ...]] = (
    CapabilityRule(_TITAN, _ONE),
    CapabilityRule("amazon.titan-embed-text-v1*", {"embedding_dimensions": False}),
    CapabilityRule(_COHERE, {**_MANY, "embedding_dimensions": False}),
    CapabilityRule("cohere.embed-v4*", {"embedding_dimensions": True}),
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


@dataclass(frozen=True, slots=True)
class Embedding:
    """The body of a call, and how its answer is read; `msgspec.DecodeError`: it is none."""

    body: bytes
    read: Callable[[bytes], Sequence[StreamEvent]]


def embedding_of(model: str, ask: EmbeddingAsk, capabilities: Capabilities) -> Embedding:
    """Return how `model` is asked for `ask`.

    Raises:
        UnsupportedFeature: it makes no embeddings, or not of this.
    """
    texts = [text for text in ask.inputs if isinstance(text, str)]
    if len(texts) < len(ask.inputs):
        raise UnsupportedFeature("The model takes text alone.", param="input")
    name = model_name(model)
    dimensions = UNSET if ask.dimensions is None else ask.dimensions
    if fnmatchcase(name, _COHERE):
        task = capabilities.embedding_task or _USUAL_TASK
        body = _encode(_CohereAsk(texts, task, dimensions))
        return Embedding(body, partial(_read_cohere, model))
    if not fnmatchcase(name, _TITAN):
        raise UnsupportedFeature("The model makes no embeddings.", param="model")
    if len(texts) != 1:
        raise UnsupportedFeature("The model takes one text a call.", param="input")
    return Embedding(_encode(_TitanAsk(texts[0], dimensions)), partial(_read_titan, model))


def _read_titan(model: str, body: bytes) -> Sequence[StreamEvent]:
    said = _decode_titan(body)
    vector = decode_vector(said.embedding)
    return embedding_events(model, [vector], said.input_text_token_count)


def _read_cohere(model: str, body: bytes) -> Sequence[StreamEvent]:
    told = _decode_cohere(body)
    listed = bytes(told.embeddings).lstrip().startswith(b"[")
    raw = _decode_list(told.embeddings) if listed else _decode_kinds(told.embeddings).floats
    return embedding_events(model, [decode_vector(one) for one in raw], None, told.id)
