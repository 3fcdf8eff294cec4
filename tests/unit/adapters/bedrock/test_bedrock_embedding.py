"""Embeddings on Bedrock: bodies, records, answers; and where they are asked for."""

import json
from collections.abc import Sequence
from dataclasses import replace

import pytest

from modelmux.adapters.bedrock.embedding import embedding_of
from modelmux.adapters.bedrock.ways import Way, capabilities_of
from modelmux.domain.capabilities import Capabilities
from modelmux.domain.deferred import Deferred
from modelmux.domain.dialect import Dialect
from modelmux.domain.embedding import EmbeddingAsk
from modelmux.domain.errors import ProviderError, UnsupportedFeature
from modelmux.domain.events import EmbeddingsAdded, ResponseFinished, StreamEvent, Usage
from tests.contracts.llm_provider import read_all
from tests.support.asking import asking
from tests.support.bedrock_asking import bedrock_at
from tests.support.raw_server import RawPeer, raw_server, response

TITAN = "amazon.titan-embed-text-v2:0"
COHERE = "us.cohere.embed-v4:0"


def record(model: str) -> Capabilities:
    return capabilities_of(model, Way.CONVERSE, "")


def vectors_of(events: Sequence[StreamEvent]) -> list[list[float]]:
    (added,) = (event for event in events if isinstance(event, EmbeddingsAdded))
    return [list(vector) for vector in added.vectors]


def usage_of(events: Sequence[StreamEvent]) -> Usage | None:
    finished = events[-1]
    assert isinstance(finished, ResponseFinished)
    return finished.usage


@pytest.mark.parametrize(
    ("model", "batch", "dimensions"),
    [
        (TITAN, 1, True),
        ("amazon.titan-embed-text-v1", 1, False),
        (COHERE, 96, True),
        ("cohere.embed-english-v3", 96, False),
    ],
)
def test_records_tell_what_a_call_may_hold(model: str, batch: int, dimensions: bool) -> None:
    can = record(model)
    assert (can.embedding_batch, can.embedding_dimensions) == (batch, dimensions)
    assert not can.embedding_tokens


def test_titan_is_asked_for_one_text() -> None:
    made = embedding_of(TITAN, EmbeddingAsk(("a",), dimensions=256), record(TITAN))
    assert json.loads(made.body) == {"inputText": "a", "dimensions": 256}
    events = made.read(b'{"embedding":[0.5,1],"inputTextTokenCount":3,"embeddingsByType":{}}')
    assert vectors_of(events) == [[0.5, 1.0]]
    assert usage_of(events) == Usage(input_tokens=3)
    with pytest.raises(UnsupportedFeature, match="one text"):
        embedding_of(TITAN, EmbeddingAsk(("a", "b")), record(TITAN))


def test_coheres_body_names_no_model() -> None:
    can = replace(record(COHERE), embedding_task="search_query")
    made = embedding_of(COHERE, EmbeddingAsk(("a", "b")), can)
    assert json.loads(made.body) == {
        "texts": ["a", "b"],
        "input_type": "search_query",
        "embedding_types": ["float"],
        "truncate": "NONE",
    }
    events = made.read(b'{"id":"e","embeddings":{"float":[[1],[2]]},"texts":["a","b"]}')
    assert vectors_of(events) == [[1.0], [2.0]]
    assert usage_of(events) is None


def test_other_models_make_none() -> None:
    with pytest.raises(UnsupportedFeature, match="makes no embeddings"):
        embedding_of("amazon.nova-pro-v1:0", EmbeddingAsk(("a",)), record("amazon.nova-pro-v1:0"))


async def test_a_model_is_invoked_and_its_refusal_told() -> None:
    replies = [
        response(b'{"embedding":[1.5],"inputTextTokenCount":1}'),
        response(b'{"message":"Too many input tokens."}', status=400),
    ]

    async def script(peer: RawPeer) -> None:
        for reply in replies:
            await peer.request()
            await peer.send(reply)

    async with raw_server(script) as server:
        provider = bedrock_at(server.base_url)
        request = replace(
            asking(model=TITAN),
            dialect=Dialect.EMBEDDINGS,
            stream=False,
            embedding=Deferred.of(EmbeddingAsk(("a",))),
            capabilities=provider.capabilities(TITAN),
        )
        assert vectors_of(await read_all(provider, request)) == [[1.5]]
        with pytest.raises(ProviderError, match="Too many input tokens"):
            await provider.open(request)
        await provider.aclose()
    assert server.requests[0].target == "/model/amazon.titan-embed-text-v2%3A0/invoke"
