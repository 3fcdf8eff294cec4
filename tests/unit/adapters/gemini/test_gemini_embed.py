"""Embeddings in Google's three forms."""

import json
from dataclasses import replace

import pytest

from modelmux.adapters.gemini.capabilities import VERTEX_BASE, VERTEX_RULES
from modelmux.adapters.gemini.embed import (
    EmbeddingDecoder,
    EmbeddingVerb,
    encode_embedding,
    vertex_verb,
)
from modelmux.domain.capabilities import Capabilities, resolve
from modelmux.domain.embedding import EmbeddingAsk
from modelmux.domain.errors import UnsupportedFeature
from modelmux.domain.events import (
    EmbeddingsAdded,
    FinishReason,
    ResponseFinished,
    ResponseStarted,
    Usage,
)

PREDICT, EMBED, BATCH = EmbeddingVerb.PREDICT, EmbeddingVerb.EMBED, EmbeddingVerb.BATCH
PLAIN = Capabilities()
ASKED = replace(PLAIN, embedding_task="CLUSTERING")


@pytest.mark.parametrize(
    ("model", "verb", "batch"),
    [
        ("text-embedding-005", PREDICT, 32),
        ("text-multilingual-embedding-002", PREDICT, 32),
        ("gemini-embedding-001", EMBED, 1),
        ("gemini-embedding-2", EMBED, 1),
        ("gemini-3.6-flash", EMBED, 0),
    ],
)
def test_vertex_asks_each_model_by_its_verb(model: str, verb: EmbeddingVerb, batch: int) -> None:
    assert vertex_verb(model, {}) is verb
    assert resolve(VERTEX_BASE, VERTEX_RULES, model).embedding_batch == batch


def test_configuration_names_another_verb() -> None:
    assert vertex_verb("gemini-embedding-001", {"gemini-*-001": PREDICT}) is PREDICT


def test_several_texts_are_predicted_at_once() -> None:
    ask = EmbeddingAsk(("a", "b"), dimensions=2)
    body = encode_embedding(ask, model="m", verb=PREDICT, capabilities=ASKED)
    assert json.loads(body) == {
        "instances": [
            {"content": "a", "task_type": "CLUSTERING"},
            {"content": "b", "task_type": "CLUSTERING"},
        ],
        "parameters": {"outputDimensionality": 2, "autoTruncate": False},
    }


def test_one_text_is_embedded() -> None:
    body = encode_embedding(EmbeddingAsk(("a",)), model="m", verb=EMBED, capabilities=PLAIN)
    assert json.loads(body) == {
        "content": {"parts": [{"text": "a"}]},
        "embedContentConfig": {"autoTruncate": False},
    }
    with pytest.raises(UnsupportedFeature, match="one input"):
        encode_embedding(EmbeddingAsk(("a", "b")), model="m", verb=EMBED, capabilities=PLAIN)


@pytest.mark.parametrize("verb", EmbeddingVerb)
def test_tokens_are_no_text(verb: EmbeddingVerb) -> None:
    with pytest.raises(UnsupportedFeature) as caught:
        encode_embedding(EmbeddingAsk(((1, 2),)), model="m", verb=verb, capabilities=PLAIN)
    assert caught.value.param == "input"


@pytest.mark.parametrize(
    ("verb", "body", "tokens"),
    [
        (
            PREDICT,
            b'{"predictions":[{"embeddings":{"values":[1,2.5],"statistics":{"token_count":3.0}}},'
            b'{"embeddings":{"values":[0,1],"statistics":{"token_count":4,"truncated":false}}}]}',
            7,
        ),
        (PREDICT, b'{"predictions":[{"embeddings":{"values":[1]}}]}', None),
        (EMBED, b'{"embedding":{"values":[1]},"usageMetadata":{"promptTokenCount":5}}', 5),
        (EMBED, b'{"embedding":{"values":[1]}}', None),
        (BATCH, b'{"embeddings":[{"values":[1]},{"values":[2]}]}', None),
    ],
)
def test_answers_are_vectors_and_tokens(
    verb: EmbeddingVerb, body: bytes, tokens: int | None
) -> None:
    started, added, finished = EmbeddingDecoder(EmbeddingAsk(("a",)), "m", verb)(body)
    assert started == ResponseStarted("", "m")
    assert isinstance(added, EmbeddingsAdded)
    assert all(len(vector) for vector in added.vectors)
    usage = None if tokens is None else Usage(input_tokens=tokens)
    assert finished == ResponseFinished((FinishReason.STOP,), usage)


def test_a_vector_of_zeros_has_no_direction_to_keep() -> None:
    read = EmbeddingDecoder(EmbeddingAsk(("a",), dimensions=2), "gemini-embedding-001", EMBED)
    _, added, _ = read(b'{"embedding":{"values":[0,0]}}')
    assert isinstance(added, EmbeddingsAdded)
    assert list(added.vectors[0]) == [0.0, 0.0]
