"""The laws of `EventLog`."""

import asyncio
from abc import ABC, abstractmethod
from dataclasses import replace

import pytest

from modelmux.application.ports import EventLog, LoggedEvent, StateStore
from modelmux.domain.errors import StoreError
from modelmux.domain.turn import Status
from tests.support.state_samples import StateKit, running


def events(first: int, last: int) -> list[LoggedEvent]:
    return [LoggedEvent(n, b"event: x\ndata: %d\n\n" % n) for n in range(first, last + 1)]


class EventLogContract(ABC):
    """Inherit, give `kit`."""

    @pytest.fixture
    @abstractmethod
    def kit(self) -> StateKit: ...

    @pytest.fixture
    async def log(self, kit: StateKit) -> EventLog:
        """Return the log of two responses that run and one of another tenant."""
        await kit.store.add(running("resp_1"))
        await kit.store.add(running("resp_2"))
        await kit.store.add(running("resp_1", tenant="other"))
        return kit.log

    @pytest.fixture
    def store(self, kit: StateKit) -> StateStore:
        return kit.store

    async def test_events_are_read_in_their_order(self, log: EventLog) -> None:
        assert await log.append("acme", "resp_1", events(0, 2))
        assert await log.append("acme", "resp_1", events(3, 3))
        assert await log.append("acme", "resp_1", events(4, 120))
        assert list(await log.read("acme", "resp_1", -1)) == events(0, 120)

    async def test_frames_are_kept_to_the_byte(self, log: EventLog) -> None:
        odd = [LoggedEvent(0, bytes(range(256))), LoggedEvent(1, b""), LoggedEvent(2, b"x" * 10**6)]
        assert await log.append("acme", "resp_1", odd)
        assert list(await log.read("acme", "resp_1", -1)) == odd

    async def test_reading_goes_on_after_a_number(self, log: EventLog) -> None:
        assert await log.append("acme", "resp_1", events(0, 9))
        assert list(await log.read("acme", "resp_1", 6)) == events(7, 9)
        assert list(await log.read("acme", "resp_1", 9)) == []
        assert list(await log.read("acme", "resp_1", 10**12)) == []
        assert list(await log.read("acme", "resp_1", -5)) == events(0, 9)

    async def test_no_more_are_read_than_were_asked_for(self, log: EventLog) -> None:
        assert await log.append("acme", "resp_1", events(0, 1500))
        assert list(await log.read("acme", "resp_1", 4, 3)) == events(5, 7)
        assert list(await log.read("acme", "resp_1", -1)) == events(0, 999)
        assert list(await log.read("acme", "resp_1", 999)) == events(1000, 1500)

    async def test_of_what_has_no_events_nothing_is_read(self, log: EventLog) -> None:
        for id_ in ("resp_1", "resp_3", "", "\x00", "\ud800", "*"):
            assert list(await log.read("acme", id_, -1)) == []

    async def test_logs_do_not_mix(self, log: EventLog) -> None:
        assert await log.append("acme", "resp_1", events(0, 1))
        assert await log.append("acme", "resp_2", [LoggedEvent(0, b"second")])
        assert await log.append("other", "resp_1", [LoggedEvent(0, b"theirs")])
        assert list(await log.read("acme", "resp_1", -1)) == events(0, 1)
        assert list(await log.read("acme", "resp_2", -1)) == [LoggedEvent(0, b"second")]
        assert list(await log.read("other", "resp_1", -1)) == [LoggedEvent(0, b"theirs")]

    @pytest.mark.parametrize(
        "status", [Status.COMPLETED, Status.INCOMPLETE, Status.FAILED, Status.CANCELLED]
    )
    async def test_nothing_is_added_once_the_response_ended(
        self, log: EventLog, store: StateStore, status: Status
    ) -> None:
        assert await log.append("acme", "resp_1", events(0, 1))
        assert await store.settle(replace(running("resp_1"), status=status))
        assert not await log.append("acme", "resp_1", events(2, 3))
        assert list(await log.read("acme", "resp_1", -1)) == events(0, 1)

    async def test_a_response_that_only_began_takes_more(
        self, log: EventLog, store: StateStore
    ) -> None:
        await store.add(replace(running("resp_q"), status=Status.QUEUED))
        assert await log.append("acme", "resp_q", events(0, 0))
        assert await store.settle(running("resp_q"))
        assert await log.append("acme", "resp_q", events(1, 1))
        assert list(await log.read("acme", "resp_q", -1)) == events(0, 1)

    async def test_a_response_that_is_not_there_has_no_log(
        self, log: EventLog, store: StateStore
    ) -> None:
        assert not await log.append("acme", "resp_3", events(0, 0))
        assert await log.append("acme", "resp_1", events(0, 0))
        assert await store.forget("acme", "resp_1")
        assert not await log.append("acme", "resp_1", events(1, 1))
        assert list(await log.read("acme", "resp_1", -1)) == []

    async def test_a_number_is_taken_once(self, log: EventLog) -> None:
        assert await log.append("acme", "resp_1", events(0, 2))
        with pytest.raises(StoreError):
            await log.append("acme", "resp_1", [LoggedEvent(2, b"again"), LoggedEvent(3, b"new")])
        assert list(await log.read("acme", "resp_1", -1)) == events(0, 2)

    async def test_whoever_follows_sees_no_gap(self, log: EventLog) -> None:
        async def write() -> None:
            for first in range(0, 200, 4):
                assert await log.append("acme", "resp_1", events(first, first + 3))

        async def follow() -> list[LoggedEvent]:
            seen: list[LoggedEvent] = []
            while len(seen) < 200:
                seen += await log.read("acme", "resp_1", len(seen) - 1, 7)
                await asyncio.sleep(0)
            return seen

        async with asyncio.timeout(30):
            _, *followed = await asyncio.gather(write(), follow(), follow())
        assert followed == [events(0, 199)] * 2

    async def test_an_end_and_an_event_at_once_agree(
        self, log: EventLog, store: StateStore
    ) -> None:
        """Whatever came first: an event that was taken is there, one that was not is not."""
        for attempt in range(20):
            job = running(f"resp_race_{attempt}")
            await store.add(job)
            kept, ended = await asyncio.gather(
                log.append("acme", job.id, events(0, 3)),
                store.settle(replace(job, status=Status.CANCELLED)),
            )
            assert ended
            assert list(await log.read("acme", job.id, -1)) == (events(0, 3) if kept else [])
