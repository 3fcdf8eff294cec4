import asyncio
from collections.abc import Sequence
from dataclasses import replace
from random import Random

import pytest

from modelmux.adapters.memory.scripted import Script, ScriptedProvider
from modelmux.application.filters.splitting import Splitting
from modelmux.application.ports import Answer, LlmProvider
from modelmux.domain.adjustments import Policy
from modelmux.domain.capabilities import Capabilities
from modelmux.domain.deferred import Deferred
from modelmux.domain.dialect import Dialect
from modelmux.domain.embedding import EmbeddingAsk, EmbeddingInput
from modelmux.domain.errors import (
    ProviderProtocolBroken,
    UnsupportedFeature,
    UpstreamFailed,
    UpstreamRejected,
)
from modelmux.domain.events import (
    EmbeddingsAdded,
    FinishReason,
    ResponseFinished,
    ResponseStarted,
    StreamEvent,
    Usage,
)
from modelmux.domain.request import GenerationRequest, Verbatim
from modelmux.domain.response import Response, ResponseBuilder
from tests.support.asking import HELLO_EVENTS, asking, drain

TRANSLATED = Capabilities(dialects=frozenset(), embedding_batch=1)


def embedding(
    *inputs: EmbeddingInput, can: Capabilities = TRANSLATED, ask: EmbeddingAsk | None = None
) -> GenerationRequest:
    return replace(
        asking(),
        dialect=Dialect.EMBEDDINGS,
        stream=False,
        verbatim=Verbatim(Dialect.EMBEDDINGS, {}),
        embedding=Deferred.of(ask or EmbeddingAsk(inputs)),
        capabilities=can,
    )


class Embedder(LlmProvider):
    """Makes of each text `n` the vector (n,), after a time of its own; `failing` texts fail."""

    def __init__(self, *, failing: frozenset[str] = frozenset(), hangs: bool = False) -> None:
        self.failing = failing
        self.hangs = hangs
        self.sizes: list[int] = []
        self.running = self.most = self.opened = self.closed = 0
        self._random = Random(7)

    async def open(self, request: GenerationRequest) -> Answer:
        assert request.embedding is not None
        assert request.verbatim is None
        inputs = request.embedding.get().inputs
        self.sizes.append(len(inputs))
        self.running += 1
        self.most = max(self.most, self.running)
        try:
            await asyncio.sleep(self._random.random() / 100)
            if self.failing.intersection(map(str, inputs)):
                raise UpstreamFailed("out of order")
        finally:
            self.running -= 1
        self.opened += 1
        vectors = tuple((float(str(one)),) for one in inputs)
        return _Embedded(self, vectors)


class _Embedded(Answer):
    def __init__(self, embedder: Embedder, vectors: tuple[Sequence[float], ...]) -> None:
        self._embedder = embedder
        self._events: list[StreamEvent] = [
            ResponseStarted("", "up"),
            EmbeddingsAdded(vectors),
            ResponseFinished((FinishReason.STOP,), Usage(input_tokens=len(vectors))),
        ]

    async def read(self) -> Sequence[StreamEvent]:
        if self._embedder.hangs:
            await asyncio.Event().wait()
        events, self._events = self._events, []
        return events

    async def aclose(self) -> None:
        self._embedder.closed += 1


async def joined(provider: LlmProvider, request: GenerationRequest) -> Response:
    builder = ResponseBuilder()
    builder.add(await drain(await provider.open(request)))
    return builder.build()


@pytest.mark.parametrize(("count", "batch"), [(1, 1), (7, 3), (250, 1), (2048, 100), (5, None)])
async def test_parts_are_joined_in_order_whenever_they_come(count: int, batch: int | None) -> None:
    embedder = Embedder()
    inputs = [str(number) for number in range(count)]
    can = replace(TRANSLATED, embedding_batch=batch)
    response = await joined(Splitting(embedder), embedding(*inputs, can=can))
    assert [vector[0] for vector in response.vectors] == list(range(count))
    assert response.usage == Usage(input_tokens=count)
    assert sum(embedder.sizes) == count
    assert max(embedder.sizes) <= (batch or count)
    assert embedder.most <= 8
    assert embedder.opened == embedder.closed == len(embedder.sizes)


async def test_a_part_that_fails_fails_the_whole_and_ends_the_others() -> None:
    embedder = Embedder(failing=frozenset({"20"}))
    with pytest.raises(UpstreamFailed):
        await Splitting(embedder).open(embedding(*map(str, range(100))))
    assert embedder.running == 0
    assert embedder.opened == embedder.closed
    assert len(embedder.sizes) < 40


async def test_a_caller_that_goes_closes_every_part() -> None:
    embedder = Embedder(hangs=True)
    before = asyncio.all_tasks()
    opening = asyncio.create_task(Splitting(embedder).open(embedding(*map(str, range(100)))))
    await asyncio.sleep(0.05)
    assert embedder.opened == 8
    opening.cancel()
    with pytest.raises(asyncio.CancelledError):
        await opening
    assert embedder.closed == 8
    assert asyncio.all_tasks() == before


async def test_too_few_vectors_are_no_answer() -> None:
    one = EmbeddingsAdded(((1.0,),))
    script = Script(batches=((ResponseStarted("", "m"), one, HELLO_EVENTS[-1]),))
    can = replace(TRANSLATED, embedding_batch=2)
    with pytest.raises(ProviderProtocolBroken, match="1 embeddings for 2 inputs"):
        await Splitting(ScriptedProvider(script)).open(embedding("a", "b", can=can))


@pytest.mark.parametrize(
    ("ask", "changes", "param"),
    [
        (EmbeddingAsk(((1, 2),)), {"embedding_tokens": False}, "input"),
        (EmbeddingAsk(("a", (1,))), {"embedding_tokens": False}, "input"),
        (EmbeddingAsk(("a",), dimensions=2), {"embedding_dimensions": False}, "dimensions"),
        (EmbeddingAsk(("a",)), {"embedding_batch": 0}, "model"),
    ],
)
async def test_what_would_be_something_else_is_refused_by_name(
    ask: EmbeddingAsk, changes: dict[str, object], param: str
) -> None:
    can = replace(TRANSLATED, **changes)  # type: ignore[arg-type]  # fields, named by the test
    embedder = Embedder()
    with pytest.raises(UnsupportedFeature) as caught:
        await Splitting(embedder).open(embedding(can=can, ask=ask))
    assert caught.value.param == param
    assert not embedder.sizes


async def test_what_is_left_out_is_told() -> None:
    ask = EmbeddingAsk(("1",), user="u", ignored=("store",))
    request = embedding(ask=ask)
    await joined(Splitting(Embedder()), request)
    assert [str(one) for one in request.journal.told] == ["user=dropped", "store=dropped"]
    with pytest.raises(UnsupportedFeature, match="'user'"):
        await Splitting(Embedder()).open(replace(embedding(ask=ask), policy=Policy.REJECT))


async def test_relayed_embeddings_and_all_else_pass_untouched() -> None:
    upstream = ScriptedProvider(Script(batches=(HELLO_EVENTS,)))
    can = Capabilities(dialects=frozenset({Dialect.EMBEDDINGS}), embedding_batch=1)
    relayed = embedding("a", "b", can=can, ask=EmbeddingAsk(("a", "b"), user="u"))
    chat = asking()
    for request in (relayed, chat):
        await drain(await Splitting(upstream).open(request))
    assert upstream.requests == [relayed, chat]
    assert not relayed.journal.told


async def test_a_refusal_is_told_as_it_came() -> None:
    refusal = UpstreamRejected("too long", status=400)
    upstream = ScriptedProvider(Script(open_error=refusal))
    with pytest.raises(UpstreamRejected, match="too long"):
        await Splitting(upstream).open(embedding("a", "b"))
