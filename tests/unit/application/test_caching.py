"""Caching: what was answered is answered again, and what many ask at once is asked once."""

import asyncio
import contextlib
import gc
from collections.abc import Sequence
from dataclasses import replace

import pytest

from modelmux.adapters.memory.cache import MemoryCache
from modelmux.adapters.memory.clock import ManualClock
from modelmux.adapters.memory.observer import RecordingObserver
from modelmux.adapters.memory.scripted import Script, ScriptedProvider
from modelmux.adapters.stored.fingerprints import fingerprint
from modelmux.application.filters.caching import CachedRoutes, CacheRules, Caching
from modelmux.application.plan import Plan, Ruled, Target
from modelmux.application.planning import Planner, RouteSpec, TargetSpec
from modelmux.application.ports import Answer, CachedAnswer, CacheKey, Event, LlmProvider
from modelmux.application.routing.router import Router
from modelmux.application.targets import TargetStates
from modelmux.domain.adjustments import Adjustment, Policy
from modelmux.domain.deferred import Deferred
from modelmux.domain.dialect import Dialect
from modelmux.domain.embedding import EmbeddingAsk
from modelmux.domain.errors import (
    Forbidden,
    InvalidRequest,
    ModelNotFound,
    ShuttingDown,
    StreamCut,
    UpstreamFailed,
    UpstreamRejected,
)
from modelmux.domain.events import (
    EmbeddingsAdded,
    FinishReason,
    RelayedBytes,
    ResponseFinished,
    ResponseStarted,
    StreamEvent,
    TextDelta,
    ToolCallStarted,
    Usage,
)
from modelmux.domain.journal import Journal
from modelmux.domain.request import Caller, Generation, GenerationRequest, Sampling, Verbatim
from tests.support.asking import HELLO_EVENTS, asking, content_of, drain, entry, text_of, user
from tests.support.hand_fed import HandFed, HandFedAnswer

START, END = HELLO_EVENTS[0], HELLO_EVENTS[-1]
HELLO = Script((HELLO_EVENTS,))
COLD = Sampling(temperature=0.0)
ALL = CacheRules(every_request=True)


def ask(
    text: str = "Hi", *, model: str = "r", said: str | None = None, **changes: object
) -> GenerationRequest:
    """Return a request whose answer may be kept; `said` is its `cache-control`."""
    content = content_of(user(text), **{"sampling": COLD, **changes})
    headers = {} if said is None else {"cache-control": said}
    return replace(asking(content, model=model), headers=headers)


class House:
    def __init__(
        self,
        model: LlmProvider,
        rules: CacheRules | None = None,
        *,
        default: CacheRules | None = None,
        targets: Sequence[TargetSpec] = (TargetSpec("up", "upstream-model"),),
        policy: Policy = Policy.WARN,
        max_answer_bytes: int = 100_000,
        cache: MemoryCache | None = None,
    ) -> None:
        self.clock = ManualClock()
        self.observer = RecordingObserver()
        never = ScriptedProvider(HELLO)
        planner = Planner(
            [entry("up", never, models=("loose",)), entry("other", never)],
            [
                RouteSpec("r", tuple(targets), ("alias",), policy),
                RouteSpec("q", tuple(targets)),
                RouteSpec("plain", tuple(targets)),
            ],
        )
        self.cache = cache or MemoryCache(self.clock, self.observer)
        self.caching = Caching(
            model,
            Router(planner, TargetStates(), self.clock),
            CachedRoutes({"r": rules or CacheRules(), "q": ALL, "plain": None}, default),
            self.cache,
            fingerprint,
            self.clock,
            self.observer,
            max_answer_bytes,
        )

    async def answer(self, request: GenerationRequest) -> str:
        return text_of(await drain(await self.caching.open(request)))

    @property
    def counted(self) -> list[str]:
        return [labels[1] for event, labels in self.observer.counted if event is Event.CACHE]


async def settled() -> None:
    """Let everything run that can."""
    for _ in range(20):
        await asyncio.sleep(0)


# What is answered again


async def test_the_same_is_asked_once() -> None:
    model = ScriptedProvider(HELLO)
    house = House(model)
    first, second = ask(), ask()
    assert await house.answer(first) == "Hello"
    await settled()
    house.clock.advance(7)
    events = await drain(await house.caching.open(second))
    assert events == [ResponseStarted("", "upstream-model"), *HELLO_EVENTS[1:]]
    assert len(model.requests) == 1
    assert house.counted == ["miss", "stored", "hit"]
    assert (first.journal.cache, second.journal.cache) == ("miss", "hit")
    assert second.journal.cache_age_s == 7
    assert first.journal.usage == Usage(3, 1)
    # What it cost was paid once; what the caller is told is the usage of then.
    assert (second.journal.usage, second.journal.attempts) == (None, 0)
    assert (second.journal.outcome, second.journal.route) == ("finished", "r")


async def test_a_kept_answer_tells_who_gave_it_and_what_was_changed_then() -> None:
    model = HandFed()
    house = House(model)
    first = asyncio.create_task(house.answer(ask()))
    await settled()
    note = Adjustment("user", "dropped", "the model is not told end users")
    model.requests[0].journal.told.append(note)
    model.begin().say(*HELLO_EVENTS)
    assert await first == "Hello"
    await settled()
    again = ask()
    await house.answer(again)
    assert (again.journal.provider, again.journal.model) == ("up", "upstream-model")
    assert again.journal.told == [note]
    assert again.journal.adjustments == []  # nothing was changed for this one


async def test_a_kept_answer_that_is_not_read_to_its_end_is_a_cancelled_one() -> None:
    house = House(ScriptedProvider(HELLO))
    await house.answer(ask())
    await settled()
    request = ask()
    answer = await house.caching.open(request)
    await answer.aclose()
    assert request.journal.outcome == "cancelled"
    assert await answer.read() == ()


async def test_answers_go_at_the_time_their_route_says() -> None:
    model = ScriptedProvider(HELLO)
    house = House(model, CacheRules(ttl_s=60))
    await house.answer(ask())
    await settled()
    house.clock.advance(59.9)
    await house.answer(ask())
    assert len(model.requests) == 1
    house.clock.advance(0.2)
    await house.answer(ask())
    assert len(model.requests) == 2


async def test_streamed_and_whole_serve_each_other() -> None:
    model = ScriptedProvider(HELLO)
    house = House(model)
    await house.answer(replace(ask(), stream=True))
    await settled()
    await house.answer(replace(ask(), stream=False))
    await house.answer(replace(ask("x"), stream=False))
    await settled()
    await house.answer(replace(ask("x"), stream=True))
    assert [request.stream for request in model.requests] == [True, False]


async def test_an_alias_is_the_same_route_and_another_route_is_not() -> None:
    model = ScriptedProvider(HELLO)
    house = House(model)
    for name in ("r", "alias", "r", "q", "alias"):
        await house.answer(ask(model=name))
        await settled()
    assert [request.model for request in model.requests] == ["r", "q"]


async def test_tenants_and_languages_never_share() -> None:
    model = ScriptedProvider(HELLO)
    house = House(model)
    for request in (
        ask(),
        replace(ask(), caller=Caller("other")),
        replace(ask(), dialect=Dialect.MESSAGES),
        replace(ask(), caller=Caller("acme", "key-2")),
    ):
        await house.answer(request)
        await settled()
    assert len(model.requests) == 3


async def test_what_stands_behind_a_route_is_part_of_the_question() -> None:
    cache = MemoryCache(ManualClock(), RecordingObserver())
    model = ScriptedProvider(HELLO)
    there, elsewhere = TargetSpec("up", "upstream-model"), TargetSpec("other", "m")
    houses = [
        House(model, cache=cache),
        House(model, cache=cache, targets=(there, elsewhere)),
        House(model, cache=cache, targets=(elsewhere,)),
        House(model, cache=cache, policy=Policy.QUIET),
    ]
    for house in houses * 2:
        await house.answer(ask())
        await settled()
    assert len(model.requests) == 4


async def test_embeddings_are_kept() -> None:
    vectors = EmbeddingsAdded(((0.5, 0.25),))
    model = ScriptedProvider(Script(((START, vectors, END),)))
    house = House(model)
    for inputs in (("a",), ("a",), ("b",), ((1, 2),), ((1, 2),)):
        request = replace(ask(), embedding=Deferred.of(EmbeddingAsk(inputs)))
        events = await drain(await house.caching.open(replace(request, dialect=Dialect.EMBEDDINGS)))
        found = [event for event in events if isinstance(event, EmbeddingsAdded)]
        assert [[*vector] for vector in found[0].vectors] == [[0.5, 0.25]]
        await settled()
    assert len(model.requests) == 3


async def test_embeddings_that_pass_unread_are_kept_as_they_came() -> None:
    class Relaying(ScriptedProvider):
        async def open(self, request: GenerationRequest) -> Answer:
            request.journal.relayed = request.verbatim is not None
            return await super().open(request)

    model = Relaying(Script(((START, RelayedBytes(b'{"data": []}'), END),)))
    house = House(model)
    body = Verbatim(Dialect.EMBEDDINGS, {"input": "a"})
    asked = replace(ask(), dialect=Dialect.EMBEDDINGS, verbatim=body)
    for _ in range(2):
        request = replace(asked, embedding=Deferred.of(EmbeddingAsk(("a",))), journal=Journal())
        events = await drain(await house.caching.open(request))
        assert RelayedBytes(b'{"data": []}') in events
        assert request.journal.relayed
        await settled()
    assert len(model.requests) == 1


# What is not


@pytest.mark.parametrize(
    ("sampling", "kept"),
    [
        (Sampling(), False),
        (Sampling(temperature=0.1), False),
        (Sampling(seed=7), False),
        (Sampling(top_p=0.0), False),
        (Sampling(temperature=0.0), True),
        (Sampling(temperature=0), True),
        (Sampling(top_k=1), True),
        (Sampling(temperature=0.0, seed=7, candidates=2), True),
    ],
)
async def test_only_what_is_not_drawn_is_kept_unless_the_route_says_so(
    sampling: Sampling, kept: bool
) -> None:
    model = ScriptedProvider(HELLO)
    house = House(model)
    requests = [ask(sampling=sampling) for _ in range(2)]
    for request in requests:
        await house.answer(request)
        await settled()
    assert len(model.requests) == (1 if kept else 2)
    assert requests[1].journal.cache == ("hit" if kept else "bypass")
    model.requests.clear()
    for _ in range(2):
        await house.answer(ask(sampling=sampling, model="q"))
        await settled()
    assert len(model.requests) == 1


async def test_routes_without_a_cache_are_left_alone() -> None:
    model = ScriptedProvider(HELLO)
    house = House(model)
    request = ask(model="plain")
    for _ in range(2):
        await house.answer(request)
    assert model.requests == [request, request]
    assert (request.journal.cache, house.counted) == ("", [])
    loose = ask(model="loose")
    await house.answer(loose)
    assert loose.journal.cache == ""


async def test_a_default_is_for_models_without_a_route() -> None:
    model = ScriptedProvider(HELLO)
    house = House(model, default=CacheRules())
    for name in ("loose", "loose", "plain", "plain"):
        await house.answer(ask(model=name))
        await settled()
    assert [request.model for request in model.requests] == ["loose", "plain", "plain"]
    assert house.observer.counted[0] == (Event.CACHE, ("other", "miss"))


async def test_a_name_nobody_knows_is_for_others_to_refuse() -> None:
    house = House(ScriptedProvider(Script(open_error=ModelNotFound("nothing"))))
    with pytest.raises(ModelNotFound):
        await house.caching.open(ask(model="nothing"))


async def test_a_body_whose_members_are_not_all_known_stays_as_it_came() -> None:
    model = ScriptedProvider(HELLO)
    house = House(model)
    verbatim = Verbatim(Dialect.CHAT_COMPLETIONS, {})
    unknown = replace(ask(ignored=("messages.new",)), verbatim=verbatim)
    await house.answer(unknown)
    assert model.requests == [unknown]
    assert unknown.journal.cache == "bypass"
    known = replace(ask(), verbatim=verbatim)
    await house.answer(known)
    assert model.requests[1].verbatim is None
    await house.answer(replace(ask(sampling=Sampling()), verbatim=verbatim))
    assert model.requests[2].verbatim is verbatim


async def test_content_that_cannot_be_read_is_for_others_to_refuse() -> None:
    def make() -> Generation:
        raise InvalidRequest("no")

    model = ScriptedProvider(HELLO)
    request = replace(ask(), content=Deferred(make))
    await House(model).answer(request)
    assert model.requests == [request]


async def test_what_cannot_be_written_down_is_not_kept() -> None:
    model = ScriptedProvider(HELLO)
    house = House(model)
    for _ in range(2):
        await house.answer(ask("\ud800"))
        await settled()
    assert len(model.requests) == 2


async def test_answers_that_are_cut_are_not_kept() -> None:
    cut = Script(((START, TextDelta("Hel"), ResponseFinished((FinishReason.LENGTH,))),))
    model = ScriptedProvider(cut)
    house = House(model)
    for _ in range(2):
        await house.answer(ask())
        await settled()
    assert len(model.requests) == 2


async def test_calls_of_tools_are_kept_where_the_route_wants_it() -> None:
    call = (START, ToolCallStarted(0, "call_1", "f"), ResponseFinished((FinishReason.TOOL_CALLS,)))
    for tools, asked in ((False, 2), (True, 1)):
        model = ScriptedProvider(Script((call,)))
        house = House(model, CacheRules(tools=tools))
        for _ in range(2):
            await house.answer(ask())
            await settled()
        assert len(model.requests) == asked


async def test_failures_are_not_kept() -> None:
    model = ScriptedProvider(
        Script(open_error=UpstreamRejected("no", status=400)),
        Script(((START, TextDelta("Hel")),), read_error=StreamCut("cut")),
        HELLO,
    )
    house = House(model)
    first = ask()
    with pytest.raises(UpstreamRejected):
        await house.caching.open(first)
    assert first.journal.outcome == "failed"
    second = ask()
    answer = await house.caching.open(second)
    assert text_of(await answer.read()) == "Hel"
    with pytest.raises(StreamCut):
        await answer.read()
    await answer.aclose()
    assert second.journal.outcome == "cut"
    assert await house.answer(ask()) == "Hello"
    assert len(model.requests) == 3
    assert model.opens == model.closes


# What clients say


async def test_no_store_leaves_no_trace_and_finds_none() -> None:
    model = ScriptedProvider(HELLO)
    house = House(model)
    for said in ("no-store", "no-store", " No-Store , max-age=3 "):
        request = ask(said=said)
        await house.answer(request)
        await settled()
        assert request.journal.cache == "bypass"
    await house.answer(ask())
    assert len(model.requests) == 4
    assert house.counted == ["bypass"] * 3 + ["miss", "stored"]


@pytest.mark.parametrize("said", ["no-cache", "max-age=0", "No-Cache, foo"])
async def test_no_cache_asks_anew_and_keeps_the_answer(said: str) -> None:
    newer = Script(((START, TextDelta("Newer"), END),))
    model = ScriptedProvider(HELLO, newer)
    house = House(model)
    await house.answer(ask())
    await settled()
    request = ask(said=said)
    assert await house.answer(request) == "Newer"
    assert request.journal.cache == "miss"
    await settled()
    assert await house.answer(ask()) == "Newer"
    assert len(model.requests) == 2


async def test_no_store_does_not_join_and_no_cache_does_not_either() -> None:
    model = HandFed()
    house = House(model)
    tasks = [
        asyncio.create_task(house.answer(ask(said=said))) for said in (None, "no-store", "no-cache")
    ]
    await settled()
    for number in range(3):
        model.begin(number).say(*HELLO_EVENTS)
    assert await asyncio.gather(*tasks) == ["Hello"] * 3


# Rules of routing


class Tagged:
    """Refuses, or keeps from the second target, whoever has the tag."""

    def __init__(self, tag: str, *, refuses: bool = False) -> None:
        self._tag = tag
        self._refuses = refuses

    def apply(self, request: GenerationRequest, targets: Sequence[Target], *_: object) -> Ruled:
        has = self._tag in request.caller.tags
        if has and self._refuses:
            return Ruled((), refusal="Not for you.")
        return Ruled((tuple(targets[:1] if has else targets),))


@pytest.mark.parametrize("refuses", [True, False])
async def test_rules_hold_for_what_was_kept(refuses: bool) -> None:
    class Refusing(ScriptedProvider):
        async def open(self, request: GenerationRequest) -> Answer:
            if refuses and "intern" in request.caller.tags:
                raise Forbidden("Not for you.")
            return await super().open(request)

    model = Refusing(HELLO)
    house = House(model, targets=(TargetSpec("up", "a"), TargetSpec("other", "b")))
    plan = house.caching.router.planner.plan("r")
    ruled = replace(plan, rules=Tagged("intern", refuses=refuses))

    class OnePlan(Planner):
        def plan(self, name: str) -> Plan:
            return ruled

    router = Router(OnePlan([]), TargetStates(), house.clock)
    caching = replace(house.caching, router=router)
    await drain(await caching.open(ask()))
    await settled()
    intern = replace(ask(), caller=Caller("acme", tags=("intern",)))
    if refuses:
        with pytest.raises(Forbidden):
            await caching.open(intern)
    else:
        await drain(await caching.open(intern))
        assert len(model.requests) == 2
    again = ask()
    await drain(await caching.open(again))
    assert again.journal.cache == "hit"


# Those who ask at the same time


async def opened(house: House, number: int, model: HandFed) -> tuple[list[Answer], HandFedAnswer]:
    """Let `number` callers ask the same, and begin the one answer."""
    opening = [asyncio.create_task(house.caching.open(ask())) for _ in range(number)]
    await settled()
    assert len(model.requests) == 1
    answer = model.begin()
    answer.say(START)
    return [await one for one in opening], answer


async def test_what_many_ask_at_once_is_asked_once_and_each_gets_it_all() -> None:
    model = HandFed()
    house = House(model)
    requests = [ask() for _ in range(5)]
    callers = [asyncio.create_task(house.answer(request)) for request in requests]
    await settled()
    assert len(model.requests) == 1
    answer = model.begin()
    answer.say(START, TextDelta("Hel"))
    await settled()
    late = ask()
    callers.append(asyncio.create_task(house.answer(late)))  # the answer runs already
    await settled()
    answer.say(TextDelta("lo"))
    answer.say(END)
    assert await asyncio.gather(*callers) == ["Hello"] * 6
    assert len(model.requests) == 1
    assert answer.ended.is_set()
    journals = [request.journal for request in (*requests, late)]
    assert [journal.cache for journal in journals] == ["miss"] + ["joined"] * 5
    assert [journal.usage for journal in journals] == [Usage(3, 1)] + [None] * 5
    assert [journal.attempts for journal in journals] == [1] + [0] * 5
    assert {journal.outcome for journal in journals} == {"finished"}
    assert {journal.provider for journal in journals} == {"up"}


async def test_what_differs_is_not_joined() -> None:
    model = HandFed()
    house = House(model)
    tasks = [asyncio.create_task(house.answer(ask(text))) for text in ("a", "b")]
    await settled()
    model.begin(0).say(START, TextDelta("A"), END)
    model.begin(1).say(START, TextDelta("B"), END)
    assert await asyncio.gather(*tasks) == ["A", "B"]


@pytest.mark.parametrize("said_before", range(4))
async def test_a_leader_who_leaves_takes_nothing_from_the_others(said_before: int) -> None:
    model = HandFed()
    house = House(model)
    events: list[StreamEvent] = [START, TextDelta("Hel"), TextDelta("lo"), END]
    lead, follow = ask(), ask()
    leader = asyncio.create_task(house.answer(lead))
    follower = asyncio.create_task(house.answer(follow))
    await settled()
    answer = model.begin()
    for event in events[:said_before]:
        answer.say(event)
        await settled()
    leader.cancel()
    await settled()
    assert leader.cancelled()
    assert not answer.ended.is_set()
    for event in events[said_before:]:
        answer.say(event)
    assert await follower == "Hello"
    assert lead.journal.outcome == "cancelled"
    # What was used is counted once, with who stayed.
    assert (lead.journal.usage, follow.journal.usage) == (None, Usage(3, 1))
    assert lead.journal.cache == "joined"
    await settled()
    again = ask()
    assert await house.answer(again) == "Hello"
    assert again.journal.cache == "hit"


async def test_a_leader_who_leaves_before_the_upstream_began_harms_nobody() -> None:
    model = HandFed()
    house = House(model)
    leader = asyncio.create_task(house.answer(ask()))
    follower = asyncio.create_task(house.answer(ask()))
    await settled()
    leader.cancel()
    await settled()
    model.begin().say(*HELLO_EVENTS)
    assert await follower == "Hello"
    assert (len(model.requests), model.cancelled) == (1, 0)


async def test_when_all_have_left_the_upstream_is_closed_at_once() -> None:
    model = HandFed()
    house = House(model)
    answers, upstream = await opened(house, 3, model)
    for answer in answers[:-1]:
        await answer.aclose()
        await answer.aclose()
    assert not upstream.ended.is_set()
    await answers[-1].aclose()
    assert upstream.ended.is_set()
    callers = [asyncio.create_task(house.answer(ask())) for _ in range(2)]
    await settled()
    assert len(model.requests) == 2  # nobody joins what was broken off
    for caller in callers:
        caller.cancel()
    await settled()
    assert model.cancelled == 1
    assert house.counted.count("stored") == 0


async def test_who_comes_while_the_last_one_leaves_asks_anew() -> None:
    model = HandFed()
    house = House(model)
    answers, _ = await opened(house, 1, model)
    leaving = asyncio.create_task(answers[0].aclose())
    coming = asyncio.create_task(house.answer(ask()))
    await leaving
    await settled()
    assert len(model.requests) == 2
    model.begin().say(*HELLO_EVENTS)
    assert await coming == "Hello"


async def test_a_refusal_of_the_request_is_everybodys() -> None:
    model = HandFed()
    house = House(model)
    requests = [ask() for _ in range(3)]
    callers = [asyncio.create_task(house.answer(request)) for request in requests]
    await settled()
    model.refuse(UpstreamRejected("no", status=400))
    results = await asyncio.gather(*callers, return_exceptions=True)
    assert [type(result) for result in results] == [UpstreamRejected] * 3
    assert len(model.requests) == 1
    assert {request.journal.outcome for request in requests} == {"failed"}


async def test_after_a_failure_one_of_the_others_leads_anew() -> None:
    model = HandFed()
    house = House(model)
    requests = [ask() for _ in range(4)]
    callers = [asyncio.create_task(house.answer(request)) for request in requests]
    await settled()
    model.refuse(UpstreamFailed("down"))
    await settled()
    assert len(model.requests) == 2
    model.begin().say(*HELLO_EVENTS)
    results = await asyncio.gather(*callers, return_exceptions=True)
    assert isinstance(results[0], UpstreamFailed)
    assert results[1:] == ["Hello"] * 3
    caches = [request.journal.cache for request in requests]
    assert caches == ["miss", "miss", "joined", "joined"]


async def test_nobody_waits_for_more_than_two_calls() -> None:
    model = HandFed()
    house = House(model)
    callers = [asyncio.create_task(house.answer(ask())) for _ in range(20)]
    await settled()
    for _ in range(2):
        model.refuse(UpstreamFailed("down"))
        await settled()
    results = await asyncio.gather(*callers, return_exceptions=True)
    assert [type(result) for result in results] == [UpstreamFailed] * 20
    assert len(model.requests) == 2


async def test_what_breaks_off_breaks_off_for_all_after_what_was_said() -> None:
    model = HandFed()
    house = House(model)
    answers, upstream = await opened(house, 3, model)
    upstream.say(TextDelta("Hel"))
    await settled()
    upstream.fail(StreamCut("cut"))
    await settled()
    for answer in answers:
        assert text_of(await answer.read()) == "Hel"
        with pytest.raises(StreamCut):
            await answer.read()
        await answer.aclose()
    caller = asyncio.create_task(house.answer(ask()))
    await settled()
    assert len(model.requests) == 2
    model.begin().say(*HELLO_EVENTS)
    assert await caller == "Hello"


async def test_an_error_of_ours_reaches_every_caller() -> None:
    model = HandFed()
    house = House(model)
    callers = [asyncio.create_task(house.answer(ask())) for _ in range(2)]
    await settled()
    model.refuse(ZeroDivisionError())
    results = await asyncio.gather(*callers, return_exceptions=True)
    assert [type(result) for result in results] == [ZeroDivisionError] * 2


# Slow readers, and large answers


async def test_a_slow_reader_stops_nobody_and_gets_it_all() -> None:
    model = HandFed()
    house = House(model)
    (slow, fast), upstream = await opened(house, 2, model)
    for _ in range(50):
        upstream.say(TextDelta("x"))
        await settled()
    upstream.say(END)
    assert text_of(await drain(fast)) == "x" * 50
    assert text_of(await drain(slow)) == "x" * 50
    await settled()
    assert house.counted.count("stored") == 1


async def test_a_large_answer_is_not_kept_nor_joined_and_reaches_all() -> None:
    model = HandFed()
    house = House(model, max_answer_bytes=10_000)
    (one, other), upstream = await opened(house, 2, model)
    reading = [asyncio.create_task(drain(answer)) for answer in (one, other)]
    for _ in range(30):
        upstream.say(TextDelta("x" * 1000))
        await settled()
    late = asyncio.create_task(house.answer(ask()))
    await settled()
    assert len(model.requests) == 2
    upstream.say(END)
    for reader in reading:
        assert len(text_of(await reader)) == 30_000
    model.begin().say(*HELLO_EVENTS)
    assert await late == "Hello"


async def test_memory_is_bounded_by_the_slowest_reader_of_a_large_answer() -> None:
    model = HandFed()
    house = House(model, max_answer_bytes=10_000)
    (slow, fast), upstream = await opened(house, 2, model)
    reading = asyncio.create_task(drain(fast))
    for _ in range(40):
        upstream.say(TextDelta("x" * 1000))
    upstream.say(END)
    await settled()
    assert upstream.reads < 15
    texts: list[str] = []
    while events := await slow.read():
        texts.append(text_of(events))
        await settled()
    assert "".join(texts) == "x" * 40_000
    assert len(text_of(await reading)) == 40_000


async def test_a_slow_reader_who_leaves_frees_the_others() -> None:
    model = HandFed()
    house = House(model, max_answer_bytes=10_000)
    (slow, fast), upstream = await opened(house, 2, model)
    reading = asyncio.create_task(drain(fast))
    for _ in range(40):
        upstream.say(TextDelta("x" * 1000))
    upstream.say(END)
    await settled()
    assert not reading.done()
    await slow.aclose()
    assert len(text_of(await reading)) == 40_000


# The cache itself


class SlowCache(MemoryCache):
    """Takes its time to keep."""

    gate: asyncio.Event

    async def put(self, key: CacheKey, answer: CachedAnswer, ttl_s: float) -> bool:
        await self.gate.wait()
        return await super().put(key, answer, ttl_s)


async def test_nobody_waits_until_an_answer_is_kept_and_who_comes_then_gets_it() -> None:
    cache = SlowCache(ManualClock(), RecordingObserver())
    cache.gate = asyncio.Event()
    model = ScriptedProvider(HELLO)
    house = House(model, cache=cache)
    assert await house.answer(ask()) == "Hello"
    assert model.closes == 1
    late = ask()
    assert await house.answer(late) == "Hello"
    assert (late.journal.cache, late.journal.usage) == ("joined", None)
    assert len(model.requests) == 1
    cache.gate.set()
    await house.caching.aclose()
    assert house.counted[-1] == "stored"


async def test_closing_breaks_off_what_runs_and_refuses_what_comes() -> None:
    model = HandFed()
    house = House(model)
    answers, upstream = await opened(house, 2, model)
    for answer in answers:
        await answer.read()
    await house.caching.aclose()
    await house.caching.aclose()
    assert upstream.ended.is_set()
    for answer in answers:
        with pytest.raises(ShuttingDown):
            await answer.read()
        await answer.aclose()
    with pytest.raises(ShuttingDown):
        await house.caching.open(ask())


async def test_calls_leave_no_circles_behind() -> None:
    model = ScriptedProvider(HELLO)
    failing = ScriptedProvider(Script(open_error=UpstreamFailed("down")))
    houses = House(model), House(failing)

    async def call(house: House) -> None:
        with contextlib.suppress(UpstreamFailed):
            await house.answer(ask(str(len(model.requests))))

    for house in houses:
        await call(house)
    await settled()
    gc.collect()
    gc.disable()
    try:
        for house in houses:
            for _ in range(10):
                await call(house)
            await settled()
        failing.requests.clear()
        found = gc.collect()
    finally:
        gc.enable()
    assert found == 0
