"""The laws of the LlmProvider port, for adapters of every kind.

Inherit, give `provider`, and say by `ask` how your upstream is brought to each `Case`; leave out
of `cases` what cannot happen to you. Adapters with a connection say in `until_freed` how one sees
that the upstream is rid of the call.
"""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Sequence
from contextlib import suppress
from enum import StrEnum

import pytest

from modelmux.application.ports import Answer, LlmProvider
from modelmux.domain.errors import ModelmuxError, ProviderError, StreamCut, UpstreamUnreachable
from modelmux.domain.events import (
    ReasoningDelta,
    RefusalDelta,
    ResponseFinished,
    ResponseStarted,
    StreamEvent,
    TextDelta,
    ToolCallDelta,
    ToolCallStarted,
)
from modelmux.domain.request import GenerationRequest


class Case(StrEnum):
    """What an upstream does: answers with text or with calls; begins and says no more; says
    nothing at all; breaks off after its first events; refuses."""

    TEXT = "text"
    CALLS = "calls"
    STUCK = "stuck"
    SILENT = "silent"
    CUT = "cut"
    FAILING = "failing"


class LlmProviderContract(ABC):
    """Run streamed and whole, translated; relays keep the same laws and inherit with their own
    requests."""

    cases: frozenset[Case] = frozenset(Case)
    streams: tuple[bool, ...] = (True, False)

    @pytest.fixture
    @abstractmethod
    def provider(self) -> LlmProvider:
        """Return the adapter."""

    @abstractmethod
    def ask(self, case: Case, *, stream: bool) -> GenerationRequest:
        """Return a request that brings the upstream to `case`."""

    async def until_freed(self) -> None:
        """Return once the upstream sees no call any more; fail in time."""
        await asyncio.sleep(0)  # an adapter without a connection has nothing to free

    @pytest.fixture(params=[True, False], ids=["streamed", "whole"])
    def stream(self, request: pytest.FixtureRequest) -> bool:
        value: bool = request.param
        if value not in self.streams:
            pytest.skip("this adapter does not answer so")
        return value

    def _ask(self, case: Case, *, stream: bool) -> GenerationRequest:
        if case not in self.cases:
            pytest.skip(f"{case.value} cannot happen to this adapter")
        return self.ask(case, stream=stream)

    @pytest.mark.parametrize("case", [Case.TEXT, Case.CALLS])
    async def test_starts_first_and_finishes_last_each_once(
        self, provider: LlmProvider, case: Case, stream: bool
    ) -> None:
        kinds = [type(event) for event in await read_all(provider, self._ask(case, stream=stream))]
        assert kinds[0] is ResponseStarted
        assert kinds[-1] is ResponseFinished
        assert kinds.count(ResponseStarted) == kinds.count(ResponseFinished) == 1

    async def test_says_something_and_why_it_ended(
        self, provider: LlmProvider, stream: bool
    ) -> None:
        events = await read_all(provider, self._ask(Case.TEXT, stream=stream))
        finished = events[-1]
        assert isinstance(finished, ResponseFinished)
        assert len(finished.reasons) >= 1
        assert len(events) >= 3

    async def test_announces_a_call_before_its_arguments(
        self, provider: LlmProvider, stream: bool
    ) -> None:
        announced: dict[int, list[int]] = {}
        seen_ids: set[str] = set()
        for event in await read_all(provider, self._ask(Case.CALLS, stream=stream)):
            if isinstance(event, ToolCallStarted):
                calls = announced.setdefault(event.choice, [])
                assert event.index == len(calls), "indexes are dense from 0"
                assert event.name
                assert event.id
                assert event.id not in seen_ids
                calls.append(event.index)
                seen_ids.add(event.id)
            elif isinstance(event, ToolCallDelta):
                assert event.index in announced[event.choice]
            elif isinstance(event, TextDelta | ReasoningDelta | RefusalDelta):
                assert event.choice >= 0

    async def test_a_batch_is_never_empty_before_the_end_and_always_after_it(
        self, provider: LlmProvider, stream: bool
    ) -> None:
        answer = await provider.open(self._ask(Case.TEXT, stream=stream))
        try:
            batch = await answer.read()
            while not isinstance(batch[-1], ResponseFinished):
                batch = await answer.read()
            assert list(await answer.read()) == []
            assert list(await answer.read()) == []
        finally:
            await answer.aclose()
        await self.until_freed()

    async def test_closing_twice_does_no_harm(self, provider: LlmProvider, stream: bool) -> None:
        answer = await provider.open(self._ask(Case.TEXT, stream=stream))
        await answer.read()
        await answer.aclose()
        await answer.aclose()
        await self.until_freed()

    async def test_closing_before_the_first_read_frees_the_connection(
        self, provider: LlmProvider
    ) -> None:
        answer = await provider.open(self._ask(Case.STUCK, stream=True))
        await answer.aclose()
        await self.until_freed()
        assert await still_answers(provider, self._ask(Case.TEXT, stream=True))

    async def test_closing_in_the_middle_frees_the_connection(self, provider: LlmProvider) -> None:
        answer = await provider.open(self._ask(Case.STUCK, stream=True))
        assert await answer.read()
        await answer.aclose()
        await self.until_freed()
        assert await still_answers(provider, self._ask(Case.TEXT, stream=True))

    async def test_cancelling_open_frees_the_connection(
        self, provider: LlmProvider, stream: bool
    ) -> None:
        opening = asyncio.create_task(provider.open(self._ask(Case.SILENT, stream=stream)))
        await asyncio.sleep(0.05)
        assert not opening.done()
        await cancel(opening)
        await self.until_freed()
        assert await still_answers(provider, self._ask(Case.TEXT, stream=stream))

    async def test_cancelling_read_frees_the_connection(self, provider: LlmProvider) -> None:
        answer = await provider.open(self._ask(Case.STUCK, stream=True))
        await answer.read()
        reading = asyncio.create_task(read_on(answer))
        await asyncio.sleep(0.05)
        assert not reading.done()
        await cancel(reading)
        await answer.aclose()
        await self.until_freed()
        assert await still_answers(provider, self._ask(Case.TEXT, stream=True))

    async def test_a_stream_that_breaks_off_raises(self, provider: LlmProvider) -> None:
        answer = await provider.open(self._ask(Case.CUT, stream=True))
        events: list[StreamEvent] = []
        try:
            with pytest.raises(StreamCut) as caught:
                await collect(answer, events)
        finally:
            await answer.aclose()
        assert events
        assert not any(isinstance(event, ResponseFinished) for event in events)
        assert caught.value.provider
        await self.until_freed()

    async def test_a_whole_answer_that_breaks_off_raises_before_any_event(
        self, provider: LlmProvider
    ) -> None:
        if False not in self.streams:
            pytest.skip("this adapter does not answer so")
        with pytest.raises(UpstreamUnreachable) as caught:
            await provider.open(self._ask(Case.CUT, stream=False))
        assert caught.value.retryable
        await self.until_freed()

    async def test_failure_is_an_exception_out_of_open(
        self, provider: LlmProvider, stream: bool
    ) -> None:
        with pytest.raises(ProviderError) as caught:
            await provider.open(self._ask(Case.FAILING, stream=stream))
        assert caught.value.provider
        assert caught.value.message
        await self.until_freed()

    async def test_many_at_once_do_not_mix(self, provider: LlmProvider, stream: bool) -> None:
        requests = [self._ask(Case.TEXT, stream=stream) for _ in range(20)]
        alone = await read_all(provider, self._ask(Case.TEXT, stream=stream))
        for events in await asyncio.gather(*(read_all(provider, one) for one in requests)):
            assert type(events[-1]) is type(alone[-1])
            assert _said(events) == _said(alone)
        await self.until_freed()


def _said(events: Sequence[StreamEvent]) -> str:
    return "".join(event.text for event in events if isinstance(event, TextDelta))


async def read_all(provider: LlmProvider, request: GenerationRequest) -> list[StreamEvent]:
    """Return all events of an answer, and close it."""
    answer = await provider.open(request)
    try:
        events: list[StreamEvent] = []
        await collect(answer, events)
        return events
    finally:
        await answer.aclose()


async def collect(answer: Answer, events: list[StreamEvent]) -> None:
    """Read `answer` to its end into `events`."""
    while batch := await answer.read():
        events.extend(batch)


async def read_on(answer: Answer) -> None:
    """Read for as long as there is something to read."""
    while await answer.read():
        pass


async def cancel(task: "asyncio.Task[object] | asyncio.Task[Answer] | asyncio.Task[None]") -> None:
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


async def still_answers(provider: LlmProvider, request: GenerationRequest) -> bool:
    try:
        return isinstance((await read_all(provider, request))[-1], ResponseFinished)
    except ModelmuxError:
        return False
