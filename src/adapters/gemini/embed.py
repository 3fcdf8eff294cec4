"""Embeddings by Google's models, in the three forms they are asked for, and back.

Nothing is cut to fit where that can be forbidden: a text that is too long is an error, as it is
at OpenAI. Source: Vertex documentation (text embeddings API); google-genai 3.4 (verbs, types).
"""

from collections.abc import Mapping, Sequence
from enum import StrEnum
from fnmatch import fnmatchcase

import msgspec
from msgspec import UNSET, Raw, Struct, UnsetType

from ...domain.capabilities import Capabilities
from ...domain.embedding import EmbeddingAsk
from ...domain.errors import UnsupportedFeature
from ...domain.events import StreamEvent
from ..transport.embedding_answers import decode_vector, embedding_events, unit
from .capabilities import UNEVEN_WHEN_SHORT


class EmbeddingVerb(StrEnum):
    """`predict` takes several texts, `embedContent` one, `batchEmbedContents` several again."""

    PREDICT = "predict"
    EMBED = "embedContent"
    BATCH = "batchEmbedContents"


# Which of Vertex's models is asked by which, by its name; the first pattern that fits counts.
VERTEX_VERBS: tuple[tuple[str, EmbeddingVerb], ...] = (
    ("gemini*", EmbeddingVerb.EMBED),
    ("*maas*", EmbeddingVerb.EMBED),
    ("*", EmbeddingVerb.PREDICT),
)


def vertex_verb(model: str, others: Mapping[str, EmbeddingVerb]) -> EmbeddingVerb:
    """Return the verb for `model`; patterns in `others` go before the usual ones."""
    return next(
        verb for pattern, verb in (*others.items(), *VERTEX_VERBS) if fnmatchcase(model, pattern)
    )


# What we write.


class _Instance(Struct, frozen=True):
    content: str
    task_type: str | UnsetType = UNSET


class _Parameters(Struct, frozen=True, rename="camel"):
    output_dimensionality: int | UnsetType = UNSET
    auto_truncate: bool = False


class _Predict(Struct, frozen=True):
    instances: list[_Instance]
    parameters: _Parameters


class _Part(Struct, frozen=True):
    text: str


class _Content(Struct, frozen=True):
    parts: list[_Part]


class _EmbedConfig(Struct, frozen=True, rename="camel"):
    task_type: str | UnsetType = UNSET
    output_dimensionality: int | UnsetType = UNSET
    auto_truncate: bool = False


class _Embed(Struct, frozen=True, rename="camel"):
    content: _Content
    embed_content_config: _EmbedConfig


class _OneOfBatch(Struct, frozen=True, rename="camel"):
    model: str
    content: _Content
    task_type: str | UnsetType = UNSET
    output_dimensionality: int | UnsetType = UNSET


class _Batch(Struct, frozen=True):
    requests: list[_OneOfBatch]


# What we read.


class _Statistics(Struct, frozen=True):
    token_count: float | None = None


class _Predicted(Struct, frozen=True):
    values: Raw
    statistics: _Statistics = _Statistics()


class _Prediction(Struct, frozen=True):
    embeddings: _Predicted


class _Predictions(Struct, frozen=True):
    predictions: list[_Prediction]


class _Values(Struct, frozen=True):
    values: Raw


class _Usage(Struct, frozen=True, rename="camel"):
    prompt_token_count: int | None = None


class _Embedded(Struct, frozen=True, rename="camel"):
    embedding: _Values
    usage_metadata: _Usage = _Usage()


class _Embeddings(Struct, frozen=True, rename="camel"):
    embeddings: list[_Values]
    usage_metadata: _Usage = _Usage()


_encode = msgspec.json.Encoder().encode
_predictions = msgspec.json.Decoder(_Predictions).decode
_embedded = msgspec.json.Decoder(_Embedded).decode
_embeddings = msgspec.json.Decoder(_Embeddings).decode


def encode_embedding(
    ask: EmbeddingAsk, *, model: str, verb: EmbeddingVerb, capabilities: Capabilities
) -> bytes:
    """Return the body that asks for `ask`; `model` is its bare name.

    Raises:
        UnsupportedFeature: an input is no text, or there are several for a verb that takes one.
    """
    texts = [_text(one) for one in ask.inputs]
    task = capabilities.embedding_task or UNSET
    dimensions = UNSET if ask.dimensions is None else ask.dimensions
    if verb is EmbeddingVerb.PREDICT:
        return _encode(_Predict([_Instance(text, task) for text in texts], _Parameters(dimensions)))
    contents = [_Content([_Part(text)]) for text in texts]
    if verb is EmbeddingVerb.BATCH:
        named = f"models/{model}"
        return _encode(
            _Batch([_OneOfBatch(named, content, task, dimensions) for content in contents])
        )
    if len(contents) != 1:
        raise UnsupportedFeature("The model takes one input a call.", param="input")
    return _encode(_Embed(contents[0], _EmbedConfig(task, dimensions)))


class EmbeddingDecoder:
    """Reads the answer to `ask`, asked of `model` by `verb`."""

    def __init__(self, ask: EmbeddingAsk, model: str, verb: EmbeddingVerb) -> None:
        self._model = model
        self._read = {
            EmbeddingVerb.PREDICT: _read_predictions,
            EmbeddingVerb.EMBED: _read_embedded,
            EmbeddingVerb.BATCH: _read_embeddings,
        }[verb]
        uneven = any(fnmatchcase(model, pattern) for pattern in UNEVEN_WHEN_SHORT)
        self._evens = uneven and ask.dimensions is not None

    def __call__(self, body: bytes) -> list[StreamEvent]:
        """Return the events of the whole answer.

        Raises:
            msgspec.DecodeError, ProviderProtocolBroken: it is none.
        """
        raw, tokens = self._read(body)
        vectors: Sequence[Sequence[float]] = [decode_vector(values) for values in raw]
        if self._evens:
            vectors = [unit(vector) for vector in vectors]
        return embedding_events(self._model, vectors, tokens)


def _read_predictions(body: bytes) -> tuple[list[Raw], int | None]:
    found = [one.embeddings for one in _predictions(body).predictions]
    counts = [one.statistics.token_count for one in found]
    told = [count for count in counts if count is not None]
    return [one.values for one in found], int(sum(told)) if told else None


def _read_embedded(body: bytes) -> tuple[list[Raw], int | None]:
    answer = _embedded(body)
    return [answer.embedding.values], answer.usage_metadata.prompt_token_count


def _read_embeddings(body: bytes) -> tuple[list[Raw], int | None]:
    answer = _embeddings(body)
    return [one.values for one in answer.embeddings], answer.usage_metadata.prompt_token_count


def _text(one: str | tuple[int, ...]) -> str:
    if not isinstance(one, str):
        raise UnsupportedFeature("The model takes text alone.", param="input")
    return one
