"""Ollama's embeddings: what asks for vectors, and how they are read.

Source: Ollama's API documentation, POST /api/embed.
"""

from typing import Final

import msgspec
from msgspec import UNSET

from ...domain.embedding import EmbeddingAsk
from ...domain.errors import UnsupportedFeature
from ...domain.events import StreamEvent
from ..transport.embedding_answers import decode_vector, embedding_events
from . import wire
from .encode import NO_DEFAULTS, Defaults, encode_options

_encode: Final = msgspec.json.Encoder().encode
_decode: Final = msgspec.json.Decoder(wire.EmbedAnswer).decode


def encode_embed(ask: EmbeddingAsk, *, model: str, defaults: Defaults = NO_DEFAULTS) -> bytes:
    """Return the body that asks `model` for a vector of each input.

    Raises:
        UnsupportedFeature: an input is tokens, which only their own vocabulary can read.
    """
    texts = tuple(one for one in ask.inputs if isinstance(one, str))
    if len(texts) < len(ask.inputs):
        raise UnsupportedFeature("The model takes texts, not tokens.", param="input")
    return _encode(
        wire.EmbedRequest(
            model,
            texts,
            UNSET if ask.dimensions is None else ask.dimensions,
            encode_options(defaults) or UNSET,
            UNSET if defaults.keep_alive is None else defaults.keep_alive,
        )
    )


def decode_embed(body: bytes, *, model: str) -> list[StreamEvent]:
    """Return the events of an answer.

    Raises:
        msgspec.DecodeError, ProviderProtocolBroken: it is none.
    """
    answer = _decode(body)
    vectors = [decode_vector(raw) for raw in answer.embeddings]
    return embedding_events(answer.model or model, vectors, answer.prompt_eval_count)
