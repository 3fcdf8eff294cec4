"""The laws of `Cache`."""

from abc import ABC, abstractmethod
from dataclasses import replace

import pytest

from modelmux.application.ports import Cache, CachedAnswer, CacheKey
from modelmux.domain.adjustments import Adjustment
from modelmux.domain.conversation import OpaqueItem, Proof, Vendor
from modelmux.domain.dialect import Dialect
from modelmux.domain.events import (
    AnnotationAdded,
    EmbeddingsAdded,
    FinishReason,
    MessageStarted,
    OpaqueItemAdded,
    ReasoningDelta,
    ReasoningFinished,
    RefusalDelta,
    RelayedBytes,
    ResponseFinished,
    ResponseStarted,
    StreamEvent,
    TextDelta,
    TokenLogprob,
    ToolCallDelta,
    ToolCallStarted,
    Usage,
)

PROOF = Proof(Vendor.ANTHROPIC, "claude-test", "signature", "c2ln+/=", "rs_1")

EVERY_EVENT: tuple[StreamEvent, ...] = (
    ResponseStarted("up-1", "upstream-model"),
    MessageStarted("final_answer", 1),
    ReasoningDelta("Let me think \U0001f600 \x00"),
    ReasoningFinished(PROOF, 1),
    ReasoningFinished(),
    TextDelta("Blau \n", 1, (TokenLogprob("Bl", -0.25, (66, 108), (TokenLogprob("B", -2.5),)),)),
    AnnotationAdded({"type": "url_citation", "start": 2**70, "deep": [None, True, 1.5]}),
    RefusalDelta("No.", 2),
    ToolCallStarted(0, "call_1", "look", "custom", PROOF, 1, "files"),
    ToolCallDelta(0, '{"a', 1),
    OpaqueItemAdded(OpaqueItem("web", {"type": "web", "id": "ws_1"}, Dialect.MESSAGES), 1),
    EmbeddingsAdded((([0.1, -3.0, 1e300]), (float("-inf"), 0.0))),
    RelayedBytes(b"data: x\n\n"),
    ResponseFinished((FinishReason.STOP, FinishReason.TOOL_CALLS), Usage(1, 2, 3, 4, 5), "END"),
)


def key(number: int = 0, *, tenant: str = "acme", route: str = "gpt") -> CacheKey:
    return CacheKey(tenant, route, number.to_bytes(32, "big"))


def answer(text: str = "Hello") -> CachedAnswer:
    """Return an answer that says `text`."""
    events = (ResponseStarted("", "m"), TextDelta(text), ResponseFinished((FinishReason.STOP,)))
    return CachedAnswer(events, "vertex", "claude-test", 1_750_000_000.25)


class CacheContract(ABC):
    """Inherit, give `cache`: empty, running; an answer may take 10,000 bytes."""

    @pytest.fixture
    @abstractmethod
    def cache(self) -> Cache: ...

    @abstractmethod
    async def pass_time(self, duration_s: float) -> None:
        """Let so much of the time pass by which answers are kept."""

    async def test_what_was_kept_is_found(self, cache: Cache) -> None:
        assert await cache.put(key(), answer(), 60)
        assert await cache.get(key()) == answer()
        assert await cache.get(key()) == answer()

    async def test_what_was_not_kept_is_not_found(self, cache: Cache) -> None:
        assert await cache.get(key()) is None
        await cache.put(key(1), answer(), 60)
        assert await cache.get(key(2)) is None

    async def test_every_event_comes_back_as_it_was(self, cache: Cache) -> None:
        told = (Adjustment("temperature", "clamped", "the most is 1"),)
        whole = replace(answer(), events=EVERY_EVENT, told=told)
        assert await cache.put(key(), whole, 60)
        found = await cache.get(key())
        assert found is not None
        for event, expected in zip(found.events, EVERY_EVENT, strict=True):
            if isinstance(expected, EmbeddingsAdded):
                assert isinstance(event, EmbeddingsAdded)
                assert [[*one] for one in event.vectors] == [[*one] for one in expected.vectors]
            else:
                assert event == expected
        assert replace(found, events=()) == replace(whole, events=())

    async def test_a_tenant_never_finds_what_is_anothers(self, cache: Cache) -> None:
        await cache.put(key(tenant="acme"), answer("ours"), 60)
        assert await cache.get(key(tenant="other")) is None
        assert await cache.get(key(route="other")) is None
        await cache.put(key(tenant="other"), answer("theirs"), 60)
        assert await cache.get(key(tenant="acme")) == answer("ours")

    async def test_names_of_any_text_do_no_harm(self, cache: Cache) -> None:
        names = ("a:b", "a", "*", "b:", "", "\x00", "ключ", "\ud800", "[a]", "a?", "x" * 5000)
        keys = [key(tenant=one, route=other) for one in names for other in names]
        for number, one in enumerate(keys):
            assert await cache.put(one, answer(str(number)), 60)
        for number, one in enumerate(keys):
            assert await cache.get(one) == answer(str(number))

    async def test_keeping_again_replaces(self, cache: Cache) -> None:
        await cache.put(key(), answer("old"), 60)
        await cache.put(key(), answer("new"), 60)
        assert await cache.get(key()) == answer("new")

    async def test_an_answer_goes_at_its_time(self, cache: Cache) -> None:
        await cache.put(key(1), answer(), 0.5)
        await cache.put(key(2), answer(), 500)
        assert await cache.get(key(1)) == answer()
        await self.pass_time(0.6)
        assert await cache.get(key(1)) is None
        assert await cache.get(key(2)) == answer()

    async def test_keeping_again_begins_the_time_anew(self, cache: Cache) -> None:
        await cache.put(key(), answer("old"), 0.3)
        await cache.put(key(), answer("new"), 500)
        await self.pass_time(0.4)
        assert await cache.get(key()) == answer("new")

    async def test_what_is_too_large_is_not_kept(self, cache: Cache) -> None:
        await cache.put(key(), answer("old"), 60)
        assert not await cache.put(key(), answer("x" * 10_001), 60)
        assert await cache.get(key()) in (None, answer("old"))
        assert await cache.put(key(), answer("x" * 9_000), 60)

    async def test_what_cannot_be_written_down_is_not_kept(self, cache: Cache) -> None:
        assert not await cache.put(key(), answer("\ud800"), 60)
        assert await cache.get(key()) is None

    async def test_purging_takes_what_was_named_and_nothing_else(self, cache: Cache) -> None:
        names = ("a", "a:b", "*", "b")
        keys = [key(tenant=tenant, route=route) for tenant in names for route in names]

        async def left_after(tenant: str | None, *routes: str) -> set[tuple[str, str]]:
            for one in keys:
                await cache.put(one, answer(), 60)
            gone = await cache.purge(tenant, routes)
            left = {(one.tenant, one.route) for one in keys if await cache.get(one) is not None}
            assert gone == len(keys) - len(left)
            return left

        every = {(one.tenant, one.route) for one in keys}
        assert await left_after(None) == set()
        assert await left_after("*") == {one for one in every if one[0] != "*"}
        assert await left_after(None, "a", "*") == {one for one in every if one[1] not in "a*"}
        assert await left_after("a:b", "b") == every - {("a:b", "b")}
        assert await left_after("nobody") == every

    async def test_purging_many_forgets_all(self, cache: Cache) -> None:
        for number in range(2500):
            await cache.put(key(number), answer(), 60)
        assert await cache.purge("acme", ["gpt"]) == 2500
        assert await cache.get(key(7)) is None
        assert await cache.purge() == 0
