"""Splitting: fits embeddings to their target, and asks for many of them in several calls.

A target that takes fewer inputs in one call than were given is asked again and again, some calls
at once; to the caller it is one answer, in the order of the inputs, or one failure.
"""

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from ...domain.adjustments import Adjustment
from ...domain.capabilities import Capabilities
from ...domain.deferred import Deferred
from ...domain.embedding import EmbeddingAsk, EmbeddingInput
from ...domain.errors import ProviderProtocolBroken, UnsupportedFeature
from ...domain.events import (
    EmbeddingsAdded,
    FinishReason,
    ResponseFinished,
    ResponseStarted,
    StreamEvent,
    Usage,
)
from ...domain.request import GenerationRequest
from ...domain.response import Response, ResponseBuilder
from ..lanes import relays
from ..ports import Answer, LlmProvider
from ..reporting import record

_AT_ONCE = 8


@dataclass(frozen=True, slots=True)
class Splitting(LlmProvider):
    """Acts on embeddings that are translated; stands outside of retrying, so that each part is
    tried again by itself."""

    inner: LlmProvider
    at_once: int = _AT_ONCE

    async def open(self, request: GenerationRequest) -> Answer:
        if request.embedding is None or relays(request):
            return await self.inner.open(request)
        ask = request.embedding.get()
        refuse_unfit(ask, request.capabilities)
        record(request, _left_out(ask))
        size = request.capabilities.embedding_batch or len(ask.inputs)
        asks = [replace(ask, inputs=inputs) for inputs in _portions(ask.inputs, size)]
        return _JoinedAnswer(joined(await self._ask_all(request, asks)))

    async def _ask_all(
        self, request: GenerationRequest, asks: Sequence[EmbeddingAsk]
    ) -> list[Response]:
        """Return the answers to `asks` in their order; a failure ends the others."""
        if len(asks) == 1:
            return [await self._ask(request, asks[0])]
        answers: list[Response | None] = [None] * len(asks)
        left = iter(enumerate(asks))

        async def work() -> None:
            for place, ask in left:
                answers[place] = await self._ask(request, ask)

        workers = [asyncio.create_task(work()) for _ in range(min(self.at_once, len(asks)))]
        try:
            await asyncio.gather(*workers)
        finally:
            for worker in workers:
                worker.cancel()
            await asyncio.gather(*workers, return_exceptions=True)
            # A failure's traceback holds this frame: with its task kept here, it would be a circle.
            workers.clear()
        return [answer for answer in answers if answer is not None]

    async def _ask(self, request: GenerationRequest, ask: EmbeddingAsk) -> Response:
        part = replace(request, embedding=Deferred.of(ask), verbatim=None)
        answer = await self.inner.open(part)
        try:
            builder = ResponseBuilder()
            while events := await answer.read():
                builder.add(events)
                if type(events[-1]) is ResponseFinished:
                    break
            response = builder.build()
        finally:
            await answer.aclose()
        wanted, brought = len(ask.inputs), len(response.vectors)
        if wanted != brought:
            raise ProviderProtocolBroken(
                f"The upstream brought {brought} embeddings for {wanted} inputs.",
                provider=request.journal.provider,
            )
        return response


def refuse_unfit(ask: EmbeddingAsk, can: Capabilities) -> None:
    """Refuse what could only be changed to something else.

    Raises:
        UnsupportedFeature: by name.
    """
    if can.embedding_batch == 0:
        raise UnsupportedFeature("The model makes no embeddings.", param="model")
    if ask.dimensions is not None and not can.embedding_dimensions:
        raise UnsupportedFeature(
            "The model's embeddings have one length: it cannot be asked for another.",
            param="dimensions",
        )
    if not can.embedding_tokens and not all(isinstance(one, str) for one in ask.inputs):
        raise UnsupportedFeature(
            "The model takes text alone: the numbers of tokens mean nothing to it.", param="input"
        )


def joined(answers: Sequence[Response]) -> tuple[StreamEvent, ...]:
    """Return `answers` as the events of one; usage is told if any of them tells it."""
    told = [answer.usage for answer in answers if answer.usage is not None]
    usage = Usage(input_tokens=sum(usage.input_tokens for usage in told)) if told else None
    return (
        ResponseStarted(answers[0].id, answers[0].model),
        *(EmbeddingsAdded(answer.vectors) for answer in answers),
        ResponseFinished((FinishReason.STOP,), usage),
    )


def _portions(
    inputs: tuple[EmbeddingInput, ...], size: int
) -> Iterator[tuple[EmbeddingInput, ...]]:
    for start in range(0, len(inputs), size):
        yield inputs[start : start + size]


def _left_out(ask: EmbeddingAsk) -> list[Adjustment]:
    adjustments: list[Adjustment] = []
    if ask.user is not None:
        adjustments.append(Adjustment("user", "dropped", "the model is not told end users"))
    adjustments += [
        Adjustment(name, "dropped", "unknown to the model's language") for name in ask.ignored
    ]
    return adjustments


class _JoinedAnswer(Answer):
    """All of it is there; the calls are closed already."""

    __slots__ = ("_events",)

    def __init__(self, events: Sequence[StreamEvent]) -> None:
        self._events = events

    async def read(self) -> Sequence[StreamEvent]:
        events = self._events
        self._events = ()
        return events

    async def aclose(self) -> None:
        self._events = ()
