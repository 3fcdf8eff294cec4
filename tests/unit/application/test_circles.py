"""A call that failed on its way leaves no circle, which nothing collects for thousands of calls."""

import asyncio
import gc
from collections.abc import Awaitable, Callable
from contextlib import suppress

import pytest

from modelmux.adapters.memory.scripted import Script, ScriptedProvider
from modelmux.application.plan import AttemptTerms
from modelmux.application.ports import Answer, LlmProvider
from modelmux.domain.errors import ModelmuxError, UnsupportedFeature, UpstreamFailed
from modelmux.domain.request import GenerationRequest
from tests.support.asking import HELLO_EVENTS, asking, drain
from tests.support.attempting import NO_RETRIES, AttemptHouse
from tests.unit.application.test_caching import House, ask, settled

HELLO = Script((HELLO_EVENTS,))
CALLS = 20


class Late(LlmProvider):
    """Answers `delay_s` later, or raises a new error each time, and keeps none."""

    def __init__(self, delay_s: float, failing: Callable[[], ModelmuxError] | None = None) -> None:
        self._delay_s = delay_s
        self._failing = failing

    async def open(self, request: GenerationRequest) -> Answer:
        await asyncio.sleep(self._delay_s)
        if self._failing is not None:
            raise self._failing()
        return await ScriptedProvider(HELLO).open(request)


def down() -> ModelmuxError:
    return UpstreamFailed("down", status=500)


def unable() -> ModelmuxError:
    return UnsupportedFeature("no tools")


async def circles(
    call: Callable[[], Awaitable[None]], forget: Callable[[], None] = lambda: None
) -> int:
    """Return how much only the collector found after some calls; `forget` what tests remember."""
    await call()
    forget()
    await settled()
    gc.collect()
    gc.disable()
    try:
        for _ in range(CALLS):
            await call()
        await settled()
        forget()
        return gc.collect()
    finally:
        gc.enable()


HEDGED = AttemptTerms(hedge_after_s=0.0005)


@pytest.mark.parametrize(
    ("first", "second", "terms"),
    [
        (Late(0, down), Late(0), None),
        (Late(0, unable), Late(0), None),
        (Late(0, down), Late(0, down), None),
        (Late(0.01), Late(0), AttemptTerms(first_event_timeout_s=0.001)),
        (Late(0.01), Late(0), AttemptTerms(total_timeout_s=0.001)),
        (Late(0.01), Late(0), HEDGED),
        (Late(0.002, down), Late(0.002, down), HEDGED),
    ],
    ids=["fails", "cannot", "both-fail", "slow", "too-slow", "overtaken", "both-fail-in-a-race"],
)
async def test_attempts_leave_no_circles(
    first: Late, second: Late, terms: AttemptTerms | None
) -> None:
    house = AttemptHouse(first, second, terms=terms, policy=NO_RETRIES)

    async def call() -> None:
        with suppress(ModelmuxError):
            await drain(await house.respond.open(asking(model="r")))

    assert await circles(call, house.observer.attempts.clear) == 0


async def test_shared_failures_leave_no_circles() -> None:
    house = House(Late(0.001, down))

    async def one() -> None:
        with suppress(ModelmuxError):
            await house.answer(ask("the same"))

    async def call() -> None:
        await asyncio.gather(one(), one(), one())

    assert await circles(call) == 0


async def test_those_who_leave_leave_no_circles() -> None:
    house = House(Late(10))

    async def call() -> None:
        asked = asyncio.ensure_future(house.answer(ask("the same")))
        await settled()
        asked.cancel()
        with suppress(asyncio.CancelledError):
            await asked

    assert await circles(call) == 0
