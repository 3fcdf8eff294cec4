"""What a request would become: told without a call, without secrets, target by target."""

from dataclasses import dataclass, field, replace

import pytest

from modelmux.adapters.memory.clock import ManualClock
from modelmux.adapters.memory.observer import RecordingObserver
from modelmux.adapters.memory.scripted import Script, ScriptedProvider
from modelmux.application.explain import AnswersItself, Explain, WouldRefuse, WouldSend
from modelmux.application.filters.adjusting import Adjusting
from modelmux.application.filters.attempting import Attempting
from modelmux.application.filters.retrying import Retrying
from modelmux.application.plan import ProviderEntry, Strategy
from modelmux.application.planning import Planner, RouteSpec, TargetSpec
from modelmux.application.ports import Answer, LlmProvider, NotSent, UpstreamCall
from modelmux.application.retry_budget import RetryBudget
from modelmux.application.routing.router import Router
from modelmux.application.targets import TargetStates
from modelmux.domain.adjustments import Policy
from modelmux.domain.capabilities import Capabilities
from modelmux.domain.errors import ModelNotFound, UnsupportedFeature
from modelmux.domain.request import Generation, GenerationRequest, Sampling
from modelmux.domain.turn import ResponseRecord, Status, Turn
from tests.support.asking import HELLO_EVENTS, asking, content_of, user

KEY = "test-key-not-secret"


@dataclass(slots=True)
class DryProvider(LlmProvider):
    """Says what it would send; `asked` are the requests that came to it."""

    url: str = "https://llm.example.com/v1"
    headers: tuple[tuple[str, str], ...] = ()
    asked: list[GenerationRequest] = field(default_factory=list[GenerationRequest])

    async def open(self, request: GenerationRequest) -> Answer:
        self.asked.append(request)
        raise NotSent(UpstreamCall("POST", self.url, self.headers, b"{}"))


class Refusing(LlmProvider):
    async def open(self, request: GenerationRequest) -> Answer:
        raise UnsupportedFeature("It has no ears.", param="messages")


def entry(name: str, llm: LlmProvider, can: Capabilities | None = None) -> ProviderEntry:
    record = can or Capabilities()
    return ProviderEntry(name, "scripted", Adjusting(llm), lambda _: record)


def explain(planner: Planner) -> Explain:
    return Explain(Router(planner, TargetStates(), ManualClock()))


def sent(outcome: object) -> WouldSend:
    assert isinstance(outcome, WouldSend)
    return outcome


async def test_every_target_is_told_in_the_order_of_the_plan() -> None:
    first, second = DryProvider("https://a.example.com"), DryProvider("https://b.example.com")
    own = ScriptedProvider(Script((HELLO_EVENTS,)))
    route = RouteSpec("m", tuple(TargetSpec(name, "x") for name in ("a", "deaf", "b", "own")))
    providers = [entry("a", first), entry("deaf", Refusing()), entry("b", second)]
    planner = Planner([*providers, entry("own", own)], [route])
    told = await explain(planner).explain(asking())
    assert [one.number for one in told.targets] == [1, 2, 3, 4]
    assert sent(told.targets[0].outcome).call.url == "https://a.example.com"
    refused = told.targets[1].outcome
    assert isinstance(refused, WouldRefuse)
    assert refused.error.message == "It has no ears."
    assert sent(told.targets[2].outcome).call.url == "https://b.example.com"
    assert told.targets[3].outcome == AnswersItself()
    assert told.works


async def test_one_target_alone_may_be_asked_for() -> None:
    first, second = DryProvider(), DryProvider()
    route = RouteSpec("m", (TargetSpec("a", "x"), TargetSpec("b", "y")))
    planner = Planner([entry("a", first), entry("b", second)], [route])
    told = await explain(planner).explain(asking(), only=2)
    assert [one.number for one in told.targets] == [2]
    assert not first.asked
    assert second.asked[0].model == "y"


async def test_who_rests_is_told_with_the_place_it_has_in_the_plan() -> None:
    route = RouteSpec("m", (TargetSpec("a", "x"), TargetSpec("b", "y"), TargetSpec("a", "z")))
    planner = Planner([entry("a", DryProvider()), entry("b", DryProvider())], [route])
    explaining = explain(planner)
    explaining.router.states.of("a", "x").resting_until = 5.0
    told = await explaining.explain(asking())
    assert [one.number for one in told.targets] == [2, 3]
    assert [one.target.model for one in told.order.passed_over] == ["x"]
    assert [one.number for one in (await explaining.explain(asking(), only=1)).targets] == [1]


@pytest.mark.parametrize(
    ("strategy", "live", "said"),
    [
        (Strategy.ORDERED, False, ()),
        (Strategy.COST, False, ()),
        (Strategy.LATENCY, False, ("--live asks it",)),
        (Strategy.LATENCY, True, ()),
        (Strategy.WEIGHTED, True, ("another order",)),
    ],
)
async def test_what_an_order_lacks_is_said(
    strategy: Strategy, live: bool, said: tuple[str, ...]
) -> None:
    route = RouteSpec("m", (TargetSpec("a", "x"), TargetSpec("a", "y")), strategy=strategy)
    router = explain(Planner([entry("a", DryProvider())], [route])).router
    notes = (await Explain(router, live).explain(asking())).notes
    assert len(notes) == len(said)
    assert all(words in note for words, note in zip(said, notes, strict=True))


async def test_nothing_works_where_every_target_refuses() -> None:
    told = await explain(Planner([entry("a", Refusing())])).explain(asking())
    assert not told.works


async def test_adjustments_are_told_even_where_the_route_is_quiet() -> None:
    can = Capabilities(sampling=frozenset())
    content = Generation((user("Hi"),), sampling=Sampling(seed=3))
    for policy, seen in ((Policy.WARN, 1), (Policy.QUIET, 0)):
        route = RouteSpec("m", (TargetSpec("a", "x"),), policy=policy)
        planner = Planner([entry("a", DryProvider(), can)], [route])
        outcome = sent((await explain(planner).explain(asking(content))).targets[0].outcome)
        assert [str(one) for one in outcome.adjustments] == ["seed=dropped"]
        assert len(outcome.told) == seen


async def test_a_route_that_rejects_refuses() -> None:
    route = RouteSpec("m", (TargetSpec("a", "x"),), policy=Policy.REJECT)
    can = Capabilities(sampling=frozenset())
    planner = Planner([entry("a", DryProvider(), can)], [route])
    content = Generation((user("Hi"),), sampling=Sampling(seed=3))
    told = await explain(planner).explain(asking(content))
    assert isinstance(told.targets[0].outcome, WouldRefuse)


@pytest.mark.parametrize(
    ("name", "value", "shown"),
    [
        ("authorization", f"Bearer {KEY}", "Bearer [redacted]"),
        ("x-api-key", KEY, "[redacted]"),
        ("x-team", "a word of the configuration", "[redacted]"),
        ("authorization", "Bearer {google access token}", "Bearer {google access token}"),
        ("x-api-key", f"{{{KEY}}}", "[redacted]"),
        ("Content-Type", "application/json", "application/json"),
        ("anthropic-beta", "a,b", "a,b"),
    ],
)
async def test_headers_show_no_secret(name: str, value: str, shown: str) -> None:
    planner = Planner([entry("a", DryProvider(headers=((name, value),)))])
    outcome = sent((await explain(planner).explain(asking())).targets[0].outcome)
    assert outcome.call.headers == ((name, shown),)


async def test_an_address_shows_no_secret() -> None:
    url = f"https://llm.example.com/v1?api-version=2024-10-21&key={KEY}&alt=sse&x"
    planner = Planner([entry("a", DryProvider(url))])
    outcome = sent((await explain(planner).explain(asking())).targets[0].outcome)
    shown = "https://llm.example.com/v1?api-version=2024-10-21&key=[redacted]&alt=sse&x"
    assert outcome.call.url == shown


async def test_a_dry_call_is_neither_tried_again_nor_a_failure() -> None:
    dry, observer, clock = DryProvider(), RecordingObserver(), ManualClock()
    states = TargetStates()
    attempting = Attempting(dry, "a", clock, observer, states)
    llm = Retrying(attempting, clock, lambda: 0.5, RetryBudget("a"), states)
    outcome = (await explain(Planner([entry("a", llm)])).explain(asking())).targets[0].outcome
    assert len(dry.asked) == 1
    assert not sent(outcome).more
    assert not observer.attempts
    assert states.of("a", "m").in_flight == states.of("a", "m").failures == 0


async def test_what_a_turn_continues_is_not_looked_up_and_that_is_said() -> None:
    dry = DryProvider()
    asked = ResponseRecord(
        tenant="acme", id="resp_mmx1", status=Status.IN_PROGRESS, created_at=0.0, settings=b"{}",
        previous="resp_before",
    )  # fmt: skip
    request = replace(asking(content_of(user("And now?"))), turn=Turn(asked))
    told = await explain(Planner([entry("a", dry)])).explain(request)
    assert "resp_before" in told.notes[0]
    assert dry.asked[0].content.get().items == (user("And now?"),)


async def test_a_name_that_nothing_stands_behind_is_an_error() -> None:
    with pytest.raises(ModelNotFound):
        await explain(Planner([])).explain(asking())
