"""The laws of `StateStore`: responses, conversations, and what goes when."""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import replace

import pytest

from modelmux.adapters.memory.clock import ManualClock
from modelmux.application.ports import (
    Appended,
    ConversationExport,
    EventLog,
    LeaseKey,
    LoggedEvent,
    StateStore,
)
from modelmux.domain.errors import InvalidRequest, StoreError
from modelmux.domain.turn import Conversation, KeptItem, ResponseRecord, Status
from tests.support.state_samples import (
    LIMITS,
    LONG_S,
    SETTLED,
    StateKit,
    conversation,
    everything,
    kept,
    record,
    running,
    said,
)

NOWHERE = ("resp_1", "", "\x00", "x" * 10_000, "'; DROP TABLE responses; --", "*", "\ud800")


@contextmanager
def refused(reason: str) -> Generator[None]:
    """Expect a refusal that every store tells alike."""
    with pytest.raises(InvalidRequest) as caught:
        yield
    assert caught.value.reason == reason


class StateStoreContract(ABC):
    """Inherit, give `kit`."""

    @pytest.fixture
    @abstractmethod
    def kit(self) -> StateKit: ...

    @pytest.fixture
    def store(self, kit: StateKit) -> StateStore:
        return kit.store

    @pytest.fixture
    def clock(self, kit: StateKit) -> ManualClock:
        return kit.clock

    async def let_lease_pass(self, clock: ManualClock, duration_s: float) -> None:
        """Let time pass for leases; overridden where they go by another clock."""
        clock.advance(duration_s)

    # Responses

    async def test_what_was_added_is_found_unchanged(self, store: StateStore) -> None:
        await store.add(everything())
        assert await store.find("acme", "resp_whole") == everything()

    async def test_what_never_was_is_not_found(self, store: StateStore) -> None:
        for id_ in (
            "resp_1",
            "",
            "\x00",
            "x" * 10_000,
            "'; DROP TABLE responses; --",
            "*",
            "\ud800",
        ):
            assert await store.find("acme", id_) is None
            assert not await store.chain("acme", id_)
            assert not await store.forget("acme", id_)
            assert await store.find_conversation("acme", id_) is None
            assert await items_of(store, "acme", id_) is None
            assert not await store.append("acme", id_, [kept("msg_1")])
            assert not await store.forget_conversation("acme", id_)
            assert not await store.forget_item("acme", id_, id_)
            assert await store.relabel_conversation("acme", id_, {}) is None

    async def test_an_id_that_is_taken_is_not_overwritten(self, store: StateStore) -> None:
        await store.add(record("resp_1", text="first"))
        with pytest.raises(StoreError):
            await store.add(record("resp_1", text="second"))
        assert await store.find("acme", "resp_1") == record("resp_1", text="first")
        await store.add_conversation(conversation("conv_1"), [kept("msg_1")])
        with pytest.raises(StoreError):
            await store.add_conversation(conversation("conv_1"), [])
        assert await items_of(store, "acme", "conv_1") == [kept("msg_1")]

    async def test_two_tenants_may_have_one_id(self, store: StateStore) -> None:
        for tenant in ("acme", "other"):
            await store.add(record("resp_1", tenant=tenant, text=tenant))
        for tenant in ("acme", "other"):
            expected = record("resp_1", tenant=tenant, text=tenant)
            assert await store.find(tenant, "resp_1") == expected
            assert list(await store.chain(tenant, "resp_1")) == [expected]

    @pytest.mark.parametrize("tenant", ["acme", "a:b", "*", "ключ \U0001f600", "it's", "%", "ACME"])
    async def test_of_another_tenant_nothing_is_found_or_changed(
        self, kit: StateKit, tenant: str
    ) -> None:
        store, theirs = kit.store, "b" if tenant == "a:b" else "acme_"
        ours = record("resp_1", tenant=tenant)
        job = running("resp_2", tenant=tenant)
        await store.add(ours)
        await store.add(job)
        await kit.log.append(tenant, "resp_2", [LoggedEvent(0, b"x")])
        await store.add_conversation(conversation("conv_1", tenant=tenant), [kept("msg_1")])

        assert await store.find(theirs, "resp_1") is None
        assert not await store.chain(theirs, "resp_1")
        assert not await store.forget(theirs, "resp_1")
        assert not await store.settle(record("resp_2", tenant=theirs))
        assert await store.find_conversation(theirs, "conv_1") is None
        assert await store.relabel_conversation(theirs, "conv_1", {}) is None
        assert not await store.forget_conversation(theirs, "conv_1")
        assert await items_of(store, theirs, "conv_1") is None
        assert not await store.append(theirs, "conv_1", [kept("msg_2")])
        assert not await store.forget_item(theirs, "conv_1", "msg_1")
        assert await store.erase(theirs) == 0
        assert [one async for one in store.export(theirs)] == []
        assert not await kit.log.append(theirs, "resp_2", [LoggedEvent(1, b"y")])
        assert not await events_of(kit.log, theirs, "resp_2", -1)
        await store.add(record("resp_3", tenant=theirs, previous="resp_1"))
        assert not await store.chain(theirs, "resp_3")
        appended = Appended("conv_1", (kept("msg_3"),))
        await store.add(record("resp_4", tenant=theirs), appended)

        assert await store.find(tenant, "resp_1") == ours
        assert await store.find(tenant, "resp_2") == job
        assert await items_of(store, tenant, "conv_1") == [kept("msg_1")]
        found = await store.find_conversation(tenant, "conv_1")
        assert found == conversation("conv_1", tenant=tenant)
        assert await events_of(kit.log, tenant, "resp_2", -1) == [LoggedEvent(0, b"x")]

    async def test_text_that_is_none_is_kept_or_refused(self, store: StateStore) -> None:
        half = replace(record("resp_1"), input=(said("\ud800"),))
        try:
            await store.add(half)
        except StoreError:
            assert await store.find("acme", "resp_1") is None
        else:
            assert await store.find("acme", "resp_1") == half
        await store.add_conversation(conversation("conv_1"), [])
        try:
            await store.append("acme", "conv_1", [kept("msg_1"), kept("msg_2", "\ud800")])
        except StoreError:
            assert await items_of(store, "acme", "conv_1") == []

    async def test_a_thousand_items_are_kept_in_order(self, store: StateStore) -> None:
        long = replace(record("resp_1"), input=tuple(said(f"line {n}") for n in range(1000)))
        await store.add(long)
        assert await store.find("acme", "resp_1") == long
        items = [kept(f"msg_{n}", f"line {n}") for n in range(1000)]
        await store.add_conversation(conversation("conv_1"), items)
        assert await items_of(store, "acme", "conv_1") == items

    async def test_a_response_that_is_too_large_is_refused(self, store: StateStore) -> None:
        await store.add(record("resp_1", text="x" * (LIMITS.response_bytes - 2_000)))
        large = record("resp_2", text="x" * (LIMITS.response_bytes + 1))
        await store.add_conversation(conversation("conv_1"), [])
        with refused("response_too_large"):
            await store.add(large, Appended("conv_1", (kept("msg_1"),)))
        assert await store.find("acme", "resp_2") is None
        assert await items_of(store, "acme", "conv_1") == []
        await store.add(running("resp_3"))
        with refused("response_too_large"):
            await store.settle(replace(large, id="resp_3"))
        assert await store.find("acme", "resp_3") == running("resp_3")

    async def test_many_are_added_at_once_and_none_is_lost(self, store: StateStore) -> None:
        records = [record(f"resp_{n}", text=f"text {n}") for n in range(300)]
        await asyncio.gather(*(store.add(one) for one in records))
        found = await asyncio.gather(*(store.find("acme", one.id) for one in records))
        assert found == records

    async def test_a_caller_who_leaves_harms_nobody(self, store: StateStore) -> None:
        for n in range(20):
            await store.add(record(f"resp_{n}", text=f"text {n}"))
        tasks = [asyncio.create_task(store.find("acme", f"resp_{n % 20}")) for n in range(200)]
        await asyncio.sleep(0)
        for task in tasks[::3]:
            task.cancel()
        found = await asyncio.gather(*tasks, return_exceptions=True)
        for n, one in enumerate(found):
            if not isinstance(one, asyncio.CancelledError):
                assert one == record(f"resp_{n % 20}", text=f"text {n % 20}")
        assert await store.find("acme", "resp_7") == record("resp_7", text="text 7")

    # Chains

    async def test_a_chain_begins_with_the_root(self, store: StateStore) -> None:
        chain = [record("resp_0")]
        chain += [record(f"resp_{n}", previous=f"resp_{n - 1}") for n in range(1, 40)]
        for one in reversed(chain):  # the order in which they came says nothing
            await store.add(one)
        assert list(await store.chain("acme", "resp_39")) == chain
        assert list(await store.chain("acme", "resp_5")) == chain[:6]
        assert list(await store.chain("acme", "resp_0")) == chain[:1]

    async def test_branches_share_their_beginning(self, store: StateStore) -> None:
        root, left, right = (
            record("resp_root"),
            record("resp_left", previous="resp_root"),
            record("resp_right", previous="resp_root"),
        )
        leaf = record("resp_leaf", previous="resp_left")
        for one in (root, left, right, leaf):
            await store.add(one)
        assert list(await store.chain("acme", "resp_leaf")) == [root, left, leaf]
        assert list(await store.chain("acme", "resp_right")) == [root, right]

    async def test_a_chain_whose_link_was_deleted_is_empty(self, store: StateStore) -> None:
        await store.add(record("resp_0"))
        await store.add(record("resp_1", previous="resp_0"))
        await store.add(record("resp_2", previous="resp_1"))
        assert await store.forget("acme", "resp_1")
        assert not await store.chain("acme", "resp_2")
        assert list(await store.chain("acme", "resp_0")) == [record("resp_0")]
        assert await store.find("acme", "resp_2") is not None

    async def test_a_chain_whose_root_never_was_is_empty(self, store: StateStore) -> None:
        await store.add(record("resp_1", previous="resp_0"))
        assert not await store.chain("acme", "resp_1")

    async def test_a_chain_whose_link_is_over_its_time_is_empty(
        self, store: StateStore, clock: ManualClock
    ) -> None:
        await store.add(record("resp_0"))
        clock.advance(LIMITS.ttl_s / 2)
        await store.add(record("resp_1", previous="resp_0"))
        clock.advance(LIMITS.ttl_s / 2 + LIMITS.in_use_s)
        assert await store.find("acme", "resp_1") is not None
        assert not await store.chain("acme", "resp_1")

    async def test_being_read_into_a_context_is_use(
        self, store: StateStore, clock: ManualClock
    ) -> None:
        await store.add(record("resp_0"))
        await store.add(record("resp_1", previous="resp_0"))
        for _ in range(3):
            clock.advance(LIMITS.ttl_s * 0.9)
            assert len(await store.chain("acme", "resp_1")) == 2
        clock.advance(LIMITS.in_use_s * 0.4)
        assert len(await store.chain("acme", "resp_1")) == 2
        clock.advance(LIMITS.ttl_s - 1)
        assert len(await store.chain("acme", "resp_1")) == 2
        clock.advance(LONG_S)
        assert not await store.chain("acme", "resp_1")

    async def test_being_found_is_no_use(self, store: StateStore, clock: ManualClock) -> None:
        await store.add(record("resp_0"))
        clock.advance(LIMITS.ttl_s - 1)
        assert await store.find("acme", "resp_0") is not None
        clock.advance(1 + LIMITS.in_use_s)
        assert await store.find("acme", "resp_0") is None

    @pytest.mark.parametrize("length", [1, 2, 5])
    async def test_a_circle_has_no_context(self, store: StateStore, length: int) -> None:
        for n in range(length):
            await store.add(record(f"resp_{n}", previous=f"resp_{(n + 1) % length}"))
        await store.add(record("resp_tail", previous="resp_0"))
        async with asyncio.timeout(5):
            assert not await store.chain("acme", "resp_0")
            assert not await store.chain("acme", "resp_tail")

    async def test_a_long_chain_is_read_whole(self, store: StateStore) -> None:
        chain = [record("resp_0")]
        chain += [record(f"resp_{n}", previous=f"resp_{n - 1}") for n in range(1, 1500)]
        await asyncio.gather(*(store.add(one) for one in chain))
        assert list(await store.chain("acme", "resp_1499")) == chain

    # Settling

    @pytest.mark.parametrize("status", SETTLED)
    async def test_what_runs_is_settled_once(self, store: StateStore, status: Status) -> None:
        await store.add(running("resp_1"))
        end = replace(everything(), id="resp_1", status=status)
        assert await store.settle(end)
        assert await store.find("acme", "resp_1") == end
        assert not await store.settle(replace(end, status=Status.CANCELLED))
        assert not await store.settle(running("resp_1"))
        assert await store.find("acme", "resp_1") == end

    async def test_what_is_queued_may_begin_and_then_end(self, store: StateStore) -> None:
        await store.add(replace(running("resp_1"), status=Status.QUEUED))
        assert await store.settle(running("resp_1"))
        assert await store.find("acme", "resp_1") == running("resp_1")
        assert await store.settle(record("resp_1", background=True))

    async def test_of_many_who_settle_at_once_one_wins(self, store: StateStore) -> None:
        for attempt in range(5):
            job = running(f"resp_{attempt}")
            await store.add(job)
            ends = [replace(job, status=SETTLED[n % 4], completed_at=float(n)) for n in range(32)]
            won = await asyncio.gather(*(store.settle(end) for end in ends))
            assert won.count(True) == 1
            assert await store.find("acme", job.id) == ends[won.index(True)]

    async def test_what_is_gone_or_never_was_is_not_settled(self, store: StateStore) -> None:
        assert not await store.settle(record("resp_0"))
        await store.add(running("resp_1"))
        assert await store.forget("acme", "resp_1")
        assert not await store.settle(record("resp_1"))
        assert await store.find("acme", "resp_0") is None
        assert await store.find("acme", "resp_1") is None

    async def test_settling_adds_to_the_conversation_only_if_it_wins(
        self, store: StateStore
    ) -> None:
        await store.add_conversation(conversation("conv_1"), [])
        await store.add(running("resp_1"))
        appended = [Appended("conv_1", (kept(f"msg_{n}a"), kept(f"msg_{n}b"))) for n in range(16)]
        won = await asyncio.gather(*(store.settle(record("resp_1"), one) for one in appended))
        assert won.count(True) == 1
        assert await items_of(store, "acme", "conv_1") == list(appended[won.index(True)].items)

    # Forgetting

    async def test_a_response_is_forgotten_once(self, kit: StateKit) -> None:
        store = kit.store
        await store.add(running("resp_1"))
        await kit.log.append("acme", "resp_1", [LoggedEvent(0, b"x")])
        gone = await asyncio.gather(*(store.forget("acme", "resp_1") for _ in range(8)))
        assert gone.count(True) == 1
        assert await store.find("acme", "resp_1") is None
        assert not await events_of(kit.log, "acme", "resp_1", -1)
        assert not await kit.log.append("acme", "resp_1", [LoggedEvent(1, b"y")])
        await store.add(running("resp_1"))  # nothing of the first is left behind
        assert await kit.log.append("acme", "resp_1", [LoggedEvent(0, b"z")])
        assert await events_of(kit.log, "acme", "resp_1", -1) == [LoggedEvent(0, b"z")]

    async def test_what_is_over_its_time_is_not_there_to_forget(
        self, store: StateStore, clock: ManualClock
    ) -> None:
        await store.add(record("resp_1"))
        clock.advance(LONG_S)
        assert not await store.forget("acme", "resp_1")

    # Abandoned

    async def test_background_responses_without_a_lease_are_abandoned(self, kit: StateKit) -> None:
        store = kit.store
        await store.add(running("resp_1"))
        await store.add(replace(running("resp_1", tenant="other"), status=Status.QUEUED))
        await store.add(running("resp_held"))
        assert await kit.leases.take(LeaseKey("acme", "resp_held"), "one", 60.0)
        await store.add(running("resp_front", background=False))
        await store.add(record("resp_done", background=True))
        assert _ids(await store.abandoned()) == [("acme", "resp_1"), ("other", "resp_1")]
        assert await store.settle(record("resp_1", background=True))
        assert _ids(await store.abandoned()) == [("other", "resp_1")]
        assert (await store.abandoned())[0].status is Status.QUEUED
        assert await store.forget("other", "resp_1")
        assert not await store.abandoned()

    async def test_a_lease_that_ended_leaves_its_response_abandoned(self, kit: StateKit) -> None:
        for n, id_ in enumerate(("resp_released", "resp_over", "resp_other")):
            await kit.store.add(running(id_))
            assert await kit.leases.take(LeaseKey("acme", id_), "one", 60.0 if n == 0 else 0.3)
        assert await kit.leases.take(LeaseKey("other", "resp_other"), "one", 60.0)
        assert not await kit.store.abandoned()
        await kit.leases.release(LeaseKey("acme", "resp_released"), "one")
        await self.let_lease_pass(kit.clock, 0.4)
        assert [id_ for _, id_ in _ids(await kit.store.abandoned())] == [
            "resp_other",
            "resp_over",
            "resp_released",
        ]

    # Conversations

    async def test_a_conversation_is_kept_with_its_items(self, store: StateStore) -> None:
        whole = Conversation("acme", "conv_1", 1.25, {"ключ": "\x00 \U0001f600", "": ""})
        items = [KeptItem(f"item_{n}", one) for n, one in enumerate(everything().input)]
        await store.add_conversation(whole, items)
        assert await store.find_conversation("acme", "conv_1") == whole
        assert await items_of(store, "acme", "conv_1") == items

    async def test_a_conversation_may_be_empty(self, store: StateStore) -> None:
        await store.add_conversation(Conversation("acme", "conv_1", 1.0, {}), [])
        assert await items_of(store, "acme", "conv_1") == []
        assert await store.find_conversation("acme", "conv_1") == Conversation(
            "acme", "conv_1", 1.0, {}
        )

    async def test_metadata_is_replaced(self, store: StateStore) -> None:
        await store.add_conversation(conversation("conv_1"), [kept("msg_1")])
        changed = replace(conversation("conv_1"), metadata={"a": "b"})
        assert await store.relabel_conversation("acme", "conv_1", {"a": "b"}) == changed
        assert await store.find_conversation("acme", "conv_1") == changed
        assert await items_of(store, "acme", "conv_1") == [kept("msg_1")]

    async def test_items_are_added_at_the_end(self, store: StateStore) -> None:
        await store.add_conversation(conversation("conv_1"), [kept("z")])
        assert await store.append("acme", "conv_1", [kept("y"), kept("x")])
        assert await store.append("acme", "conv_1", [])
        assert await store.append("acme", "conv_1", [kept("a")])
        assert await items_of(store, "acme", "conv_1") == [kept(id_) for id_ in "zyxa"]

    async def test_an_id_is_in_a_conversation_once(self, store: StateStore) -> None:
        await store.add_conversation(conversation("conv_1"), [kept("a")])
        await store.add_conversation(conversation("conv_2"), [kept("a")])
        for ids in ("ba", "bb"):
            with refused("duplicate_item"):
                await store.append("acme", "conv_1", [kept(id_, "again") for id_ in ids])
        with refused("duplicate_item"):
            await store.add(record("resp_1"), Appended("conv_1", (kept("b"), kept("a"))))
        assert await store.find("acme", "resp_1") is None
        assert await items_of(store, "acme", "conv_1") == [kept("a")]
        with refused("duplicate_item"):
            await store.add_conversation(conversation("conv_3"), [kept("a"), kept("a")])
        assert await store.find_conversation("acme", "conv_3") is None
        await store.add(running("resp_2"))
        with refused("duplicate_item"):
            await store.settle(record("resp_2"), Appended("conv_1", (kept("a"),)))
        assert await store.find("acme", "resp_2") == running("resp_2")

    async def test_a_conversation_holds_no_more_than_it_may(self, store: StateStore) -> None:
        most = LIMITS.conversation_items
        full = [kept(f"msg_{n}") for n in range(most)]
        with refused("conversation_too_long"):
            await store.add_conversation(conversation("conv_1"), [*full, kept("over")])
        await store.add_conversation(conversation("conv_1"), full[:-1])
        with refused("conversation_too_long"):
            await store.append("acme", "conv_1", [kept("a"), kept("b")])
        with refused("conversation_too_long"):
            await store.add(record("resp_1"), Appended("conv_1", (kept("a"), kept("b"))))
        assert await store.find("acme", "resp_1") is None
        assert await store.append("acme", "conv_1", full[-1:])
        assert await items_of(store, "acme", "conv_1") == full
        assert await store.forget_item("acme", "conv_1", "msg_5")
        assert await store.append("acme", "conv_1", [kept("new")])

    async def test_a_response_and_its_items_come_in_one_step(self, store: StateStore) -> None:
        await store.add_conversation(conversation("conv_1"), [kept("a")])
        await store.add(record("resp_1"), Appended("conv_1", (kept("b"), kept("c"))))
        assert await items_of(store, "acme", "conv_1") == [kept("a"), kept("b"), kept("c")]
        with pytest.raises(StoreError):  # the id is taken
            await store.add(record("resp_1"), Appended("conv_1", (kept("d"),)))
        assert await items_of(store, "acme", "conv_1") == [kept("a"), kept("b"), kept("c")]

    async def test_a_response_is_kept_though_its_conversation_is_gone(
        self, store: StateStore
    ) -> None:
        appended = Appended("conv_1", (kept("a"),))
        await store.add(record("resp_1"), appended)
        assert await store.find("acme", "resp_1") == record("resp_1")
        await store.add(running("resp_2"))
        assert await store.settle(record("resp_2"), appended)
        assert await items_of(store, "acme", "conv_1") is None

    async def test_many_append_at_once_and_each_stays_together(self, store: StateStore) -> None:
        await store.add_conversation(conversation("conv_1"), [])
        pairs = [[kept(f"{n}a"), kept(f"{n}b")] for n in range(50)]
        await asyncio.gather(*(store.append("acme", "conv_1", pair) for pair in pairs))
        items = await items_of(store, "acme", "conv_1")
        assert items is not None
        assert sorted(items, key=lambda one: one.id) == sorted(
            [one for pair in pairs for one in pair], key=lambda one: one.id
        )
        assert [[first, second] for first, second in zip(items[::2], items[1::2], strict=True)] == [
            pair for first in items[::2] for pair in pairs if pair[0] == first
        ]

    async def test_an_item_is_forgotten_once_and_the_others_keep_their_order(
        self, store: StateStore
    ) -> None:
        await store.add_conversation(conversation("conv_1"), [kept(id_) for id_ in "abc"])
        gone = await asyncio.gather(*(store.forget_item("acme", "conv_1", "b") for _ in range(8)))
        assert gone.count(True) == 1
        assert await store.append("acme", "conv_1", [kept("b", "new")])
        assert await items_of(store, "acme", "conv_1") == [kept("a"), kept("c"), kept("b", "new")]

    async def test_a_conversation_is_forgotten_once_with_its_items(self, store: StateStore) -> None:
        await store.add_conversation(conversation("conv_1"), [kept("a")])
        gone = await asyncio.gather(
            *(store.forget_conversation("acme", "conv_1") for _ in range(8))
        )
        assert gone.count(True) == 1
        assert await items_of(store, "acme", "conv_1") is None
        assert not await store.append("acme", "conv_1", [kept("b")])
        await store.add_conversation(conversation("conv_1"), [])
        assert await items_of(store, "acme", "conv_1") == []

    async def test_a_conversation_outlives_its_responses(
        self, store: StateStore, clock: ManualClock
    ) -> None:
        await store.add_conversation(conversation("conv_1"), [])
        await store.add(record("resp_1"), Appended("conv_1", (kept("a"),)))
        await store.forget("acme", "resp_1")
        clock.advance(LONG_S * 10)
        await store.sweep()
        assert await items_of(store, "acme", "conv_1") == [kept("a")]

    # What goes

    async def test_a_response_goes_when_its_time_is_over(self, kit: StateKit) -> None:
        store, clock = kit.store, kit.clock
        await store.add(running("resp_job"))
        await store.add(running("resp_0"))
        await kit.log.append("acme", "resp_0", [LoggedEvent(0, b"x")])
        await store.settle(record("resp_0", background=True))
        clock.advance(LIMITS.ttl_s - 1)
        await store.add(record("resp_1"))
        swept = await store.sweep()
        assert (swept.expired, swept.crowded) == (0, 0)
        assert await store.find("acme", "resp_0") is not None
        clock.advance(1 + LIMITS.in_use_s)
        assert await store.find("acme", "resp_0") is None
        swept = await store.sweep()
        assert (swept.expired, swept.crowded) == (1, 0)
        assert not await events_of(kit.log, "acme", "resp_0", -1)
        assert await store.find("acme", "resp_1") is not None
        assert await store.find("acme", "resp_job") == running("resp_job")
        swept = await store.sweep()
        assert (swept.expired, swept.crowded) == (0, 0)

    async def test_a_response_lives_from_its_end_on(
        self, store: StateStore, clock: ManualClock
    ) -> None:
        await store.add(running("resp_1"))
        clock.advance(LONG_S)
        assert await store.find("acme", "resp_1") == running("resp_1")
        assert await store.settle(record("resp_1"))
        clock.advance(LIMITS.ttl_s - 1)
        assert await store.find("acme", "resp_1") == record("resp_1")

    async def test_too_many_of_a_tenant_go_oldest_first(
        self, store: StateStore, clock: ManualClock
    ) -> None:
        await store.add(record("resp_theirs", tenant="other"))
        for n in range(LIMITS.tenant_responses + 2):
            await store.add(record(f"resp_{n}"))
            clock.advance(LIMITS.in_use_s)
        clock.advance(LIMITS.in_use_s)
        assert await store.chain("acme", "resp_0")
        clock.advance(LIMITS.in_use_s * 1.6)
        swept = await store.sweep()
        assert (swept.expired, swept.crowded) == (0, 2)
        left = [one for n in range(6) if (one := await store.find("acme", f"resp_{n}"))]
        assert [one.id for one in left] == ["resp_0", "resp_3", "resp_4", "resp_5"]
        assert await store.find("other", "resp_theirs") is not None

    async def test_sweeps_at_once_leave_what_may_stay(
        self, store: StateStore, clock: ManualClock
    ) -> None:
        many = LIMITS.tenant_responses + 3
        for n in range(many):
            await store.add(record(f"resp_{n}"))
            await store.add_conversation(conversation(f"conv_{n}"), [kept("a")])
        clock.advance(LIMITS.in_use_s * 2)
        swept = await asyncio.gather(*(store.sweep() for _ in range(3)))
        assert sum(one.crowded for one in swept) == 3 + many - LIMITS.tenant_conversations
        left = [n for n in range(many) if await store.find("acme", f"resp_{n}")]
        assert len(left) == LIMITS.tenant_responses

    async def test_too_many_of_all_go_oldest_first(
        self, store: StateStore, clock: ManualClock
    ) -> None:
        for n in range(LIMITS.responses + 2):
            await store.add(record(f"resp_{n}", tenant=f"tenant_{n % 4}"))
            clock.advance(LIMITS.in_use_s)
        clock.advance(LIMITS.in_use_s)
        swept = await store.sweep()
        assert (swept.expired, swept.crowded) == (0, 2)
        found = [await store.find(f"tenant_{n % 4}", f"resp_{n}") for n in range(8)]
        assert [one is not None for one in found] == [False, False] + [True] * 6

    async def test_what_runs_or_is_in_use_is_never_crowded_out(
        self, store: StateStore, clock: ManualClock
    ) -> None:
        for n in range(LIMITS.responses + 1):
            await store.add(running(f"resp_job_{n}", tenant=f"tenant_{n % 2}"))
        clock.advance(LIMITS.in_use_s * 2)
        await store.add(record("resp_old", tenant="tenant_0"))
        clock.advance(LIMITS.in_use_s * 0.45)
        assert await store.chain("tenant_0", "resp_old")
        clock.advance(LIMITS.in_use_s * 0.95)
        swept = await store.sweep()
        assert (swept.expired, swept.crowded) == (0, 0)
        clock.advance(LIMITS.in_use_s)
        swept = await store.sweep()
        assert (swept.expired, swept.crowded) == (0, 1)
        assert await store.find("tenant_0", "resp_old") is None
        for n in range(LIMITS.responses + 1):
            assert await store.find(f"tenant_{n % 2}", f"resp_job_{n}") is not None

    async def test_too_many_conversations_of_a_tenant_go_oldest_first(
        self, store: StateStore, clock: ManualClock
    ) -> None:
        await store.add_conversation(conversation("conv_theirs", tenant="other"), [])
        for n in range(LIMITS.tenant_conversations + 2):
            await store.add_conversation(conversation(f"conv_{n}"), [kept("a")])
            clock.advance(LIMITS.in_use_s)
        assert await store.append("acme", "conv_0", [kept("b")])
        await store.add(record("resp_1"), Appended("conv_1", (kept("b"),)))
        clock.advance(LIMITS.in_use_s * 2)
        swept = await store.sweep()
        assert (swept.expired, swept.crowded) == (0, 2)
        left = [
            one for n in range(5) if (one := await store.find_conversation("acme", f"conv_{n}"))
        ]
        assert [one.id for one in left] == ["conv_0", "conv_1", "conv_4"]
        assert await items_of(store, "acme", "conv_2") is None
        assert await store.find_conversation("other", "conv_theirs") is not None

    async def test_too_many_conversations_of_all_go_and_none_just_written_to(
        self, store: StateStore, clock: ManualClock
    ) -> None:
        for n in range(LIMITS.conversations + 2):
            await store.add_conversation(conversation(f"conv_{n}", tenant=f"tenant_{n % 4}"), [])
        clock.advance(LIMITS.in_use_s * 0.9)
        assert (await store.sweep()).crowded == 0
        await store.append("tenant_0", "conv_0", [kept("a")])
        clock.advance(LIMITS.in_use_s * 0.7)
        assert (await store.sweep()).crowded == 2
        assert await items_of(store, "tenant_0", "conv_0") == [kept("a")]

    async def test_hundreds_go_in_one_sweep(self, kit: StateKit) -> None:
        store = kit.store
        await asyncio.gather(*(store.add(record(f"resp_{n}")) for n in range(700)))
        kit.clock.advance(LONG_S)
        await store.add(record("resp_new"))
        swept = await store.sweep()
        assert (swept.expired, swept.crowded) == (700, 0)
        assert await store.find("acme", "resp_new") is not None

    # A tenant's own

    async def test_all_of_a_tenant_is_erased_and_nothing_else(self, kit: StateKit) -> None:
        store = kit.store
        for tenant in ("acme", "other"):
            for n in range(3):
                await store.add(record(f"resp_{n}", tenant=tenant))
            await store.add(running("resp_job", tenant=tenant))
            await kit.log.append(tenant, "resp_job", [LoggedEvent(0, b"x")])
            await store.add_conversation(conversation("conv_1", tenant=tenant), [kept("a")])
        assert await store.erase("acme") == 5
        assert await store.erase("acme") == 0
        assert [one async for one in store.export("acme")] == []
        assert await store.find("acme", "resp_job") is None
        assert not await store.settle(record("resp_job"))
        assert not await events_of(kit.log, "acme", "resp_job", -1)
        assert await items_of(store, "acme", "conv_1") is None
        assert len([one async for one in store.export("other")]) == 5
        assert await events_of(kit.log, "other", "resp_job", -1) == [LoggedEvent(0, b"x")]
        assert _ids(await store.abandoned()) == [("other", "resp_job")]
        await store.add_conversation(conversation("conv_1"), [])
        assert await items_of(store, "acme", "conv_1") == []

    async def test_all_of_a_tenant_is_exported_oldest_first(
        self, store: StateStore, clock: ManualClock
    ) -> None:
        expired = record("resp_expired", created_at=0.5)
        await store.add(expired)
        clock.advance(LONG_S)
        job = replace(running("resp_job"), created_at=4.0)
        first, last = record("resp_1", created_at=1.0), record("resp_9", created_at=9.0)
        early, late = conversation("conv_1", created_at=3.0), conversation("conv_2", created_at=5.0)
        await store.add(last)
        await store.add_conversation(late, [])
        await store.add(job)
        await store.add_conversation(early, [kept("b"), kept("a")])
        await store.add(first)
        await store.add(record("resp_2", tenant="other"))
        assert [one async for one in store.export("acme")] == [
            first,
            ConversationExport(early, (kept("b"), kept("a"))),
            job,
            ConversationExport(late, ()),
            last,
        ]

    async def test_an_export_takes_hundreds_while_others_write(self, store: StateStore) -> None:
        for n in range(400):
            await store.add(record(f"resp_{n:03}", created_at=float(n)))
        seen: list[str] = []
        async for one in store.export("acme"):
            assert isinstance(one, ResponseRecord)
            seen.append(one.id)
            if len(seen) == 10:
                await store.forget("acme", "resp_399")
                await store.add(record("resp_new", created_at=1000.0))
        assert seen[:399] == [f"resp_{n:03}" for n in range(399)]

    async def test_an_export_may_be_left(self, store: StateStore) -> None:
        for n in range(300):
            await store.add(record(f"resp_{n}"))
        for _ in range(40):  # more often than a store has connections
            async for _one in store.export("acme"):
                break
        assert await store.find("acme", "resp_0") is not None

    async def test_a_store_that_works_says_so(self, store: StateStore) -> None:
        await store.ping()


def _ids(records: Sequence[ResponseRecord]) -> list[tuple[str, str]]:
    return sorted((one.tenant, one.id) for one in records)


async def items_of(store: StateStore, tenant: str, id_: str) -> list[KeptItem] | None:
    found = await store.items(tenant, id_)
    return None if found is None else [*found]


async def events_of(log: EventLog, tenant: str, id_: str, after: int) -> list[LoggedEvent]:
    return [*await log.read(tenant, id_, after)]
