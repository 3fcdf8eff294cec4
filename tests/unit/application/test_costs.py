"""What a request cost stands in its journal when its usage is known."""

import pytest

from modelmux.adapters.memory.clock import LeapingClock
from modelmux.adapters.memory.observer import RecordingObserver
from modelmux.adapters.memory.price_book import MemoryPriceBook
from modelmux.adapters.memory.scripted import Script, ScriptedProvider
from modelmux.application.filters.attempting import Attempting
from modelmux.application.planning import Planner
from modelmux.application.ports import Price
from modelmux.application.respond import Respond
from modelmux.application.routing.router import Router
from modelmux.application.targets import TargetStates
from modelmux.domain.events import (
    FinishReason,
    ResponseFinished,
    ResponseStarted,
    StreamEvent,
    Usage,
)
from modelmux.domain.request import GenerationRequest
from tests.support.asking import asking, drain, entry

BOOK = MemoryPriceBook({("a", "known"): Price(2.0, 8.0)})


async def _asked(model: str, usage: Usage | None) -> GenerationRequest:
    events: tuple[StreamEvent, ...] = (
        ResponseStarted("id", model),
        ResponseFinished((FinishReason.STOP,), usage),
    )
    provider = ScriptedProvider(Script((events,)))
    llm = Attempting(provider, "a", LeapingClock(), RecordingObserver(), TargetStates())
    respond = Respond(Router(Planner([entry("a", llm)]), TargetStates(), LeapingClock()), BOOK)
    request = asking(model=model)
    await drain(await respond.open(request))
    return request


async def test_the_cost_is_that_of_the_model_that_answered() -> None:
    request = await _asked("known", Usage(1_000_000, 500_000))
    assert request.journal.cost == pytest.approx(6.0)


async def test_an_unknown_price_is_no_cost_of_zero() -> None:
    assert (await _asked("unknown", Usage(10, 10))).journal.cost is None


async def test_without_usage_there_is_no_cost() -> None:
    assert (await _asked("known", None)).journal.cost is None
