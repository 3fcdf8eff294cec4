"""Limiting: what counts against what, and how it is settled whatever happens."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace

import pytest

from modelmux.adapters.memory.clock import ManualClock
from modelmux.adapters.memory.observer import RecordingObserver
from modelmux.adapters.memory.rate_limiter import MemoryRateLimiter
from modelmux.adapters.memory.scripted import Script, ScriptedProvider
from modelmux.application.admission import Admission
from modelmux.application.filters.limiting import Limiting, LimitingProvider
from modelmux.application.filters.reservation import EXPECTED_OUTPUT
from modelmux.application.limit_rules import LimitRules, Rates, applied
from modelmux.application.ports import Answer, Event, Limit, LimitKey, LimitKind
from modelmux.application.targets import TargetStates
from modelmux.domain.conversation import Message, Role, Text
from modelmux.domain.deferred import Deferred
from modelmux.domain.errors import RateLimited, StreamCut, TargetResting, UpstreamFailed
from modelmux.domain.events import (
    FinishReason,
    RelayedBytes,
    ResponseFinished,
    ResponseStarted,
    StreamEvent,
    TextDelta,
    Usage,
)
from modelmux.domain.request import Caller, Generation, GenerationRequest
from tests.support.asking import asking

STARTED = ResponseStarted("", "m")
DONE = ResponseFinished((FinishReason.STOP,), Usage(30, 12))
WHOLE: Sequence[StreamEvent] = (STARTED, TextDelta("hello"), DONE)
INPUT = 100


class House:
    """Limits around an upstream that answers as it was told."""

    def __init__(self, script: Script, **rules: object) -> None:
        self.clock = ManualClock()
        self.observer = RecordingObserver()
        self.limiter = MemoryRateLimiter(self.clock)
        self.admission = Admission(self.limiter, self.clock, self.observer)
        self.upstream = ScriptedProvider(script)
        self.bound: int | None = 50
        self.rules = LimitRules(**rules)  # type: ignore[arg-type]  # each test names its own
        self.filter = Limiting(
            self.upstream,
            self.rules,
            self.admission,
            lambda model: model,
            lambda request: self.bound,
            self.clock,
            self.observer,
        )

    async def left(self, kind: LimitKind, rates: Rates, scope: str = "key") -> float:
        """Return what could be taken now from the limit of the caller."""
        tenant, subject = ("", "sonnet") if scope == "route" else ("acme", "k1")
        limits = rates.limits(tenant, scope, "acme" if scope == "tenant" else subject)
        limit = next(limit for limit in limits if limit.key.kind is kind)
        (standing,) = await self.limiter.take([(limit, 0.0)])
        return standing.remaining


def request(tenant: str = "acme", key: str | None = "k1", name: str = "") -> GenerationRequest:
    """Return a request of 100 input tokens by its size, unread."""

    def never() -> Generation:
        raise AssertionError("the content was read")

    return replace(
        asking(),
        model="sonnet",
        content=Deferred(never),
        caller=Caller(tenant, key, (), name),
        size_bytes=4 * INPUT,
    )


async def read_all(answer: Answer) -> None:
    while await answer.read():
        pass


TOKENS = Rates(tokens_per_minute=600.0)
REQUESTS = Rates(requests_per_minute=60.0, burst_s=2.0)
FEW = Rates(concurrent=1.0)


async def test_nothing_configured_is_nothing_wrapped() -> None:
    house = House(Script((WHOLE,)), tenants={"other": REQUESTS})
    answer = await house.filter.open(asked := request())
    assert type(answer).__name__ == "_ScriptedAnswer"
    assert asked.journal.quota is None


async def test_requests_are_counted_and_refused_with_what_and_how_long() -> None:
    house = House(Script((WHOLE,)), key=REQUESTS)
    for _ in range(2):
        await (await house.filter.open(request())).aclose()
    with pytest.raises(RateLimited) as refused:
        await house.filter.open(request())
    assert refused.value.limit == "requests per minute of the key"
    assert "requests per minute of the key" in refused.value.message
    assert refused.value.retry_after_s == pytest.approx(1.0)
    assert house.observer.counted == [(Event.LIMIT, ("key", "requests", "refused"))]
    assert house.upstream.opens == 2
    house.clock.advance(1.0)
    await house.filter.open(request())


async def test_each_key_and_tenant_counts_for_itself() -> None:
    one = Rates(requests_per_minute=1.0)
    house = House(Script((WHOLE,)), key=one)
    for caller in (("acme", "k1"), ("acme", "k2"), ("other", "k1")):
        await house.filter.open(request(*caller))
        with pytest.raises(RateLimited):
            await house.filter.open(request(*caller))


async def test_the_keys_of_a_tenant_share_its_limit_and_callers_without_a_key_have_it() -> None:
    house = House(Script((WHOLE,)), tenant=Rates(requests_per_minute=3.0))
    for key in ("k1", "k2", None):
        await house.filter.open(request("acme", key))
    with pytest.raises(RateLimited, match="of the tenant"):
        await house.filter.open(request("acme", "k3"))


@pytest.mark.parametrize("named", ["k1", "laptop"])
async def test_a_key_has_its_own_limits_by_id_or_by_name(named: str) -> None:
    house = House(
        Script((WHOLE,)),
        key=Rates(requests_per_minute=1.0),
        keys={named: Rates(requests_per_minute=2.0)},
    )
    for _ in range(2):
        await house.filter.open(request(name="laptop"))
    with pytest.raises(RateLimited):
        await house.filter.open(request(name="laptop"))
    await house.filter.open(request(key="k2", name="other"))
    with pytest.raises(RateLimited):
        await house.filter.open(request(key="k2", name="other"))


async def test_a_route_is_limited_for_all_and_tells_nobody_of_the_others() -> None:
    house = House(Script((WHOLE,)), routes={"sonnet": Rates(requests_per_minute=2.0)})
    await house.filter.open(asked := request("acme"))
    assert asked.journal.quota is None
    await house.filter.open(request("other"))
    with pytest.raises(RateLimited) as refused:
        await house.filter.open(asked := request("third"))
    assert refused.value.limit == "requests per minute of the model"
    assert asked.journal.quota is None


async def test_the_tightest_of_the_callers_limits_is_told() -> None:
    house = House(
        Script((WHOLE,)),
        key=Rates(requests_per_minute=60.0, tokens_per_minute=6000.0),
        tenant=Rates(requests_per_minute=30.0, tokens_per_minute=60_000.0),
    )
    await house.filter.open(asked := request())
    quota = asked.journal.quota
    assert quota is not None
    assert quota.requests is not None
    assert quota.tokens is not None
    assert (quota.requests.limit, quota.requests.remaining) == (30, 29)
    assert quota.requests.reset_s == pytest.approx(2.0)
    assert (quota.tokens.limit, quota.tokens.remaining) == (6000, 6000 - INPUT - 50)
    assert quota.at == house.clock.now()


async def test_tokens_are_reserved_by_size_and_bound_and_settled_by_usage() -> None:
    house = House(Script((WHOLE,)), key=TOKENS)
    answer = await house.filter.open(request())
    assert await house.left(LimitKind.TOKENS, TOKENS) == 600 - INPUT - 50
    await read_all(answer)
    await answer.aclose()
    await answer.aclose()
    assert await house.left(LimitKind.TOKENS, TOKENS) == 600 - 42


async def test_who_used_more_than_was_reserved_owes_it() -> None:
    dear = ResponseFinished((FinishReason.STOP,), Usage(500, 400))
    house = House(Script(((STARTED, dear),)), key=TOKENS)
    answer = await house.filter.open(request())
    await read_all(answer)
    await answer.aclose()
    with pytest.raises(RateLimited) as refused:
        await house.filter.open(request())
    assert refused.value.retry_after_s == pytest.approx((900 - 600 + INPUT + 50) / 10)


async def test_an_answer_without_a_bound_is_expected_to_be_of_some_length() -> None:
    wide = Rates(tokens_per_minute=10_000.0)
    house = House(Script((WHOLE,)), key=wide)
    house.bound = None
    await house.filter.open(request())
    assert await house.left(LimitKind.TOKENS, wide) == 10_000 - INPUT - EXPECTED_OUTPUT


async def test_what_was_read_is_estimated_by_its_content() -> None:
    house = House(Script((WHOLE,)), key=TOKENS)
    content = Deferred.of(Generation((Message(Role.USER, (Text("word " * 8),)),)))
    await house.filter.open(replace(request(), content=content))
    assert 600 - 50 - 20 <= await house.left(LimitKind.TOKENS, TOKENS) <= 600 - 50 - 10


async def test_an_estimate_alone_refuses_nothing_for_good() -> None:
    house = House(Script((WHOLE,)), key=TOKENS)
    answer = await house.filter.open(replace(request(), size_bytes=10**7))
    assert await house.left(LimitKind.TOKENS, TOKENS) == 0
    await read_all(answer)
    await answer.aclose()
    assert await house.left(LimitKind.TOKENS, TOKENS) == 600 - 42


async def test_a_failure_before_the_first_event_gives_tokens_back_and_counts_as_a_request() -> None:
    both = Rates(requests_per_minute=60.0, tokens_per_minute=600.0, concurrent=1.0)
    house = House(Script(open_error=UpstreamFailed("no")), key=both)
    for number in range(1, 4):
        with pytest.raises(UpstreamFailed):
            await house.filter.open(request())
        assert await house.left(LimitKind.TOKENS, both) == 600
        assert await house.left(LimitKind.REQUESTS, both) == 60 - number
        assert await house.left(LimitKind.CONCURRENT, both) == 1


async def test_a_cut_answer_costs_what_was_sent_and_what_came() -> None:
    script = Script(
        ((STARTED, TextDelta("a"), TextDelta("b")),), read_error=StreamCut("it broke off")
    )
    house = House(script, key=TOKENS)
    answer = await house.filter.open(request())
    with pytest.raises(StreamCut):
        await read_all(answer)
    await answer.aclose()
    assert await house.left(LimitKind.TOKENS, TOKENS) == 600 - INPUT - 3


async def test_a_relayed_answer_that_nobody_reads_to_its_end_costs_its_frames() -> None:
    frames = RelayedBytes(b"data: {}\n\ndata: {}\n\n")
    script = Script(((STARTED, frames), (frames,), (DONE,)))
    house = House(script, key=TOKENS)
    answer = await house.filter.open(request())
    await answer.read()
    await answer.read()
    await answer.aclose()
    assert await house.left(LimitKind.TOKENS, TOKENS) == 600 - INPUT - 1 - 4


async def test_an_end_without_usage_is_settled_as_reserved() -> None:
    script = Script(((STARTED, ResponseFinished((FinishReason.STOP,))),))
    house = House(script, key=TOKENS)
    answer = await house.filter.open(request())
    await read_all(answer)
    await answer.aclose()
    assert await house.left(LimitKind.TOKENS, TOKENS) == 600 - INPUT - 50


async def test_who_leaves_before_the_first_event_pays_for_what_was_sent() -> None:
    both = Rates(tokens_per_minute=600.0, concurrent=1.0)
    house = House(Script((WHOLE,), open_gate=asyncio.Event()), key=both)
    task = asyncio.create_task(house.filter.open(request()))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await house.left(LimitKind.TOKENS, both) == 600 - INPUT
    assert await house.left(LimitKind.CONCURRENT, both) == 1


async def test_a_running_answer_takes_a_place_until_it_is_closed() -> None:
    house = House(Script((WHOLE,)), key=FEW)
    answer = await house.filter.open(request())
    with pytest.raises(RateLimited) as refused:
        await house.filter.open(request())
    assert refused.value.limit == "concurrent requests of the key"
    assert refused.value.retry_after_s == 1.0
    await answer.aclose()
    await answer.aclose()
    await house.filter.open(request())


@pytest.mark.parametrize("cache", ["hit", "joined"])
async def test_an_answer_of_the_cache_costs_a_request_and_no_tokens(cache: str) -> None:
    both = Rates(requests_per_minute=60.0, tokens_per_minute=600.0)
    house = House(Script((WHOLE,)), key=both)
    asked = request()
    asked.journal.cache = cache
    answer = await house.filter.open(asked)
    await read_all(answer)
    await answer.aclose()
    assert await house.left(LimitKind.TOKENS, both) == 600
    assert await house.left(LimitKind.REQUESTS, both) == 59


@pytest.mark.parametrize(("cache", "left"), [("joined", 600), ("miss", 500)])
async def test_who_leaves_a_call_of_others_before_it_begins_has_used_no_tokens(
    cache: str, left: int
) -> None:
    tokens = Rates(tokens_per_minute=600.0)
    house = House(Script((WHOLE,), open_gate=asyncio.Event()), key=tokens)
    asked = replace(request(), size_bytes=400)
    asked.journal.cache = cache
    opening = asyncio.create_task(house.filter.open(asked))
    await asyncio.sleep(0)
    opening.cancel()
    with pytest.raises(asyncio.CancelledError):
        await opening
    assert await house.left(LimitKind.TOKENS, tokens) == left


async def test_where_a_route_asks_requests_wait_their_turn() -> None:
    house = House(Script((WHOLE,)), routes={"sonnet": replace(FEW, wait_s=10.0)})
    answer = await house.filter.open(request())
    waiting = asyncio.create_task(house.filter.open(request("other")))
    for _ in range(10):
        await asyncio.sleep(0)
    assert not waiting.done()
    await answer.aclose()
    await (await waiting).aclose()
    assert house.observer.counted == [(Event.LIMIT, ("route", "concurrent", "waited"))]


def provider_filter(house: House, rates: Rates, states: TargetStates) -> LimitingProvider:
    limits = applied([(rates, "", "provider", "vertex")])
    assert limits is not None
    return LimitingProvider(
        house.upstream, "vertex", limits, house.admission, lambda request: 50, house.clock,
        house.observer, states,
    )  # fmt: skip


async def test_a_provider_without_room_rests_until_there_is_some() -> None:
    house, states = House(Script((WHOLE,))), TargetStates()
    provider = provider_filter(house, Rates(requests_per_minute=60.0, burst_s=1.0), states)
    await provider.open(request())
    with pytest.raises(TargetResting) as resting:
        await provider.open(request("other"))
    assert resting.value.provider == "vertex"
    assert resting.value.retry_after_s == pytest.approx(1.0)
    assert "vertex" not in resting.value.message
    assert states.of("vertex", "sonnet").resting_s(house.clock.monotonic()) == pytest.approx(1.0)
    house.clock.advance(1.0)
    await provider.open(request())


async def test_tokens_that_are_used_up_make_no_target_rest_for_smaller_requests() -> None:
    house, states = House(Script((WHOLE,))), TargetStates()
    provider = provider_filter(house, Rates(tokens_per_minute=200.0), states)
    await provider.open(request())
    with pytest.raises(TargetResting):
        await provider.open(request())
    assert states.of("vertex", "sonnet").resting_s(house.clock.monotonic()) == 0
    assert house.upstream.opens == 1


async def test_a_providers_tokens_are_settled_too() -> None:
    house, states = House(Script((WHOLE,))), TargetStates()
    provider = provider_filter(house, Rates(tokens_per_minute=600.0, concurrent=1.0), states)
    answer = await provider.open(request())
    await read_all(answer)
    await answer.aclose()
    limit = Limit(LimitKey("", "provider", "vertex", LimitKind.TOKENS), 600.0, 600.0)
    (standing,) = await house.limiter.take([(limit, 0.0)])
    assert standing.remaining == 600 - 42


async def test_what_limits_whom_is_remembered_within_bounds() -> None:
    house = House(Script((WHOLE,)), key=REQUESTS)
    for number in range(9000):
        house.rules.of(Caller("acme", f"k{number}"), "")
    assert 0 < house.rules.remembered <= 8192
