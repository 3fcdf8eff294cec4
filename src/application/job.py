"""One background response: made in a task of its own, told to followers, settled once."""

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from ..domain.errors import ModelmuxError, ProviderProtocolBroken, StoreError
from ..domain.events import ResponseFinished
from ..domain.turn import Failure, ResponseRecord, Status, Turn
from .filters.recording import PreparedTurn
from .followed import Broadcast
from .holding import Hold, Holding
from .outcomes import failed, failure_of
from .ports import Clock, EventLog, Exchange, LeaseKey, LoggedEvent, Observer, StateStore
from .turn_wire import TurnWriter

STOPPED = Failure("server_error", "The gateway was stopped while this response ran.")
_LOST = Failure("server_error", "The gateway lost its hold on this response while it ran.")
_UNEXPECTED = Failure("server_error", "The gateway failed in a way nobody foresaw.")
_STATUSES = {Status.FAILED: 500, Status.COMPLETED: 200, Status.INCOMPLETE: 200}
_CANCELLED_STATUS = 499

_log = logging.getLogger("modelmux.jobs")


@dataclass(frozen=True, slots=True)
class Workshop:
    """What all jobs of a process share."""

    store: StateStore
    log: EventLog
    holding: Holding
    clock: Clock
    observer: Observer


class Job:
    """Whoever makes one starts it; `stop` and `wait` end it early."""

    __slots__ = (
        "_begun", "_ending", "_exchange", "_failure", "_hold", "_prepared", "_stopped", "_task",
        "_turn", "_workshop", "_writer", "broadcast",
    )  # fmt: skip

    def __init__(
        self,
        workshop: Workshop,
        prepared: PreparedTurn,
        turn: Turn,
        exchange: Exchange,
        writer: TurnWriter | None,
    ) -> None:
        self._workshop = workshop
        self._prepared = prepared
        self._turn = turn
        self._exchange = exchange
        self._writer = writer
        self.broadcast = Broadcast()
        self._hold: Hold | None = None
        self._task: asyncio.Task[None] | None = None
        self._begun = self._ending = self._stopped = False
        self._failure: Failure | None = None

    def start(self, hold: Hold, leave: Callable[[LeaseKey], None]) -> None:
        """Begin, under a lease that the job lets go at its end; `leave` is called after it."""
        self._hold = hold
        self._task = asyncio.create_task(self._run(hold.key, leave))

    def stop(self, failure: Failure | None) -> None:
        """End it soon, as failed; None if its end is settled already."""
        if self._stopped or self._ending:
            return
        self._stopped, self._failure = True, failure
        # A task that is cancelled before its first step would not even clean up.
        if self._begun and self._task is not None:
            self._task.cancel()

    def lose(self) -> None:
        """The lease is gone: somebody ended the response, or thinks we died."""
        self.stop(_LOST)

    async def wait(self, timeout_s: float) -> None:
        """Return when it has ended and all it held is free, or after `timeout_s`."""
        if self._task is not None:
            await asyncio.wait((self._task,), timeout=timeout_s)

    async def _run(self, key: LeaseKey, leave: Callable[[LeaseKey], None]) -> None:
        self._begun = True
        workshop, exchange, asked = self._workshop, self._exchange, self._prepared.asked
        started_at = workshop.clock.monotonic()
        workshop.observer.exchange_started()
        record: ResponseRecord | None = None
        try:
            try:
                if not self._stopped:
                    record = await self._work(started_at)
            except asyncio.CancelledError:
                if not self._stopped:
                    raise
            except ModelmuxError as error:
                exchange.error_detail = error.detail
                record = failed(asked, failure_of(error))
            except Exception:  # noqa: BLE001  # this is the task's outermost handler
                _log.exception("unexpected_error", extra={"request_id": exchange.request_id})
                record = failed(asked, _UNEXPECTED)
            self._ending = True
            if record is None and self._stopped and self._failure is not None:
                record = failed(asked, self._failure)
            if record is not None and record.status is Status.FAILED:
                record = await self._settled(record)
        finally:
            self._ending = True
            try:
                await self._free()
            finally:
                leave(key)
                self.broadcast.close(record)
                self._tell(record, started_at)

    async def _work(self, started_at: float) -> ResponseRecord | None:
        """Return the record of the end that is settled; None if somebody else has ended it."""
        workshop, prepared, writer = self._workshop, self._prepared, self._writer
        # Nobody keeps this record: a job may run for an hour.
        if not await workshop.store.settle(replace(prepared.asked, status=Status.IN_PROGRESS)):
            return None
        if writer is not None and not await self._publish(writer.begin()):
            return None
        answer = await prepared.open()
        self._exchange.first_byte_s = workshop.clock.monotonic() - started_at
        try:
            while events := await answer.read():
                if writer is not None and not await self._publish(writer.write(events)):
                    return None
                record = self._turn.record
                if type(events[-1]) is ResponseFinished and record is not None:
                    await prepared.keep(record)
                    return record
        finally:
            await answer.aclose()
        raise ProviderProtocolBroken(
            "The provider's answer stopped without saying that it is whole."
        )

    async def _publish(self, frames: Sequence[bytes]) -> bool:
        """Log frames, then tell of them; False if the response runs no more."""
        if not frames:
            return True
        asked, broadcast = self._prepared.asked, self.broadcast
        events = [LoggedEvent(number, frame) for number, frame in enumerate(frames, broadcast.next)]
        if not await self._workshop.log.append(asked.tenant, asked.id, events):
            return False
        broadcast.publish(frames)
        return True

    async def _settled(self, record: ResponseRecord) -> ResponseRecord | None:
        try:
            won = await self._workshop.store.settle(record)
        except StoreError:
            return None  # without a lease it is settled by whoever finds it, once the store is back
        return record if won else None

    async def _free(self) -> None:
        hold, self._hold = self._hold, None
        try:
            await self._prepared.release()
        finally:
            if hold is not None:
                await self._workshop.holding.release(hold)

    def _tell(self, record: ResponseRecord | None, started_at: float) -> None:
        exchange = self._exchange
        exchange.status = _CANCELLED_STATUS if record is None else _STATUSES[record.status]
        if record is not None and record.failure is not None:
            exchange.error = record.failure.code
        if not exchange.journal.is_planned:
            exchange.model = ""
        exchange.duration_s = self._workshop.clock.monotonic() - started_at
        self._workshop.observer.exchange_settled(exchange)
