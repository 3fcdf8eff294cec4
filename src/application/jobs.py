"""Use case: responses that are made in the background, cancelled and followed from anywhere."""

import asyncio
import logging
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import replace

from ..domain.errors import Conflict, InvalidRequest, ShuttingDown, StoreError, TooManyWaiting
from ..domain.events import FinishReason, RelayedBytes, ResponseFinished, StreamEvent
from ..domain.journal import Journal
from ..domain.request import GenerationRequest
from ..domain.turn import RUNNING, ResponseRecord, Turn
from .context import response_not_found
from .filters.recording import PreparedTurn, Recording
from .followed import Following, Library
from .holding import Holding
from .job import STOPPED, Job, Workshop
from .outcomes import cancelled, failed
from .planning import Planner
from .ports import (
    Answer,
    Clock,
    EventLog,
    Exchange,
    Gauge,
    IdSource,
    LeaseKey,
    LlmProvider,
    Observer,
    Reading,
    StateStore,
)
from .turn_wire import TurnWire

REAP_EVERY_S = 2.0
_PATH = "/v1/responses"
_METHOD = "JOB"
# The same in every process: who cancels a response anywhere may end the lease of whoever runs it,
# who learns of it at the next renewal. What a lease allows is decided by the record's status.
_RUNNER = "job"
_STOP_TIMEOUT_S = 5.0

_log = logging.getLogger("modelmux.jobs")


class Jobs(LlmProvider):
    """Whoever starts it closes it; then no job of this process runs any more."""

    def __init__(
        self,
        inner: Recording,
        planner: Planner,
        store: StateStore,
        log: EventLog,
        holding: Holding,
        wire: TurnWire,
        clock: Clock,
        observer: Observer,
        ids: IdSource,
        max_running: int,
    ) -> None:
        self._inner = inner
        self._planner = planner
        self._store = store
        self._holding = holding
        self._wire = wire
        self._clock = clock
        self._ids = ids
        self._max_running = max_running
        self._workshop = Workshop(store, log, holding, clock, observer)
        self._library = Library(store, log, wire, clock)
        self._running = 0
        self._jobs: dict[LeaseKey, Job] = {}
        self._reaper: asyncio.Task[None] | None = None
        self._closing = False

    @property
    def running(self) -> int:
        """How many jobs this process runs."""
        return self._running

    def readings(self) -> Iterable[Reading]:
        """Return how many jobs this process runs."""
        return (Reading(Gauge.JOBS, self._running),)

    def start(self) -> None:
        """Begin to look for responses that nobody runs any more; in a running event loop."""
        if self._reaper is None:
            self._reaper = asyncio.create_task(self._reap())

    async def aclose(self) -> None:
        """End all jobs; they are settled as failed, or found by others if the store is down."""
        self._closing = True
        reaper, self._reaper = self._reaper, None
        if reaper is not None:
            reaper.cancel()
            await asyncio.wait((reaper,))
        jobs = tuple(self._jobs.values())
        for job in jobs:
            job.stop(STOPPED)
        await asyncio.gather(*(job.wait(_STOP_TIMEOUT_S) for job in jobs))

    async def open(self, request: GenerationRequest) -> Answer:
        """Answer, or start a job and answer with what there is of it.

        Raises:
            TooManyWaiting: as many jobs run as may.
            ModelmuxError: whatever is wrong with the request itself, before anything is kept.
        """
        turn = request.turn
        if turn is None or not turn.asked.background:
            return await self._inner.open(request)
        if self._closing:
            raise ShuttingDown("The gateway is shutting down.")
        if self._running >= self._max_running:
            raise TooManyWaiting(
                "As many responses are made in the background as may be.", retry_after_s=1.0
            )
        self._running += 1
        try:
            job, asked = await self._begin(request, turn)
        except BaseException:
            self._running -= 1
            raise
        # The job has a journal of its own: what it uses must not be counted twice.
        request.journal.relayed = True
        request.journal.outcome = "finished"
        if asked.streamed:
            return Following(self._library, asked.tenant, asked.id, -1, job.broadcast)
        return _Whole(self._wire.body(asked))

    async def cancel(self, tenant: str, response_id: str) -> ResponseRecord:
        """End a response that runs; return how it is now. Another try changes nothing.

        Raises:
            NotFound: there is no such response.
            InvalidRequest: it was not made in the background.
        """
        record = await self._found(tenant, response_id)
        if not record.background:
            raise InvalidRequest("Only responses that run in the background can be cancelled.")
        if record.status not in RUNNING:
            return record
        ended = cancelled(record)
        if not await self._store.settle(ended):
            return await self._found(tenant, response_id)
        key = LeaseKey(tenant, response_id)
        job = self._jobs.get(key)
        if job is not None:
            job.stop(None)
            await job.wait(_STOP_TIMEOUT_S)
        else:
            await self._revoke(key)
        return ended

    async def follow(self, tenant: str, response_id: str, after: int) -> Answer:
        """Return the stream of a response from the event after number `after`; -1 for all.

        Raises:
            NotFound: there is no such response; also out of `read`, if it is deleted meanwhile.
            InvalidRequest: it was not made in the background as a stream.
        """
        record = await self._found(tenant, response_id)
        if not (record.background and record.streamed):
            raise InvalidRequest(
                "Only responses that were created with background and stream can be streamed.",
                param="stream",
            )
        job = self._jobs.get(LeaseKey(tenant, response_id))
        broadcast = None if job is None else job.broadcast
        return Following(self._library, tenant, response_id, after, broadcast)

    async def _begin(self, request: GenerationRequest, turn: Turn) -> tuple[Job, ResponseRecord]:
        self._planner.plan(request.model)  # a name nobody knows is told at once
        own = Turn(turn.asked)
        asked_for = replace(request, turn=own, journal=Journal(), verbatim=None)
        prepared = await self._inner.prepare(asked_for, own)
        try:
            return await self._launch(asked_for, own, prepared)
        except BaseException:
            await prepared.release()
            raise

    async def _launch(
        self, request: GenerationRequest, turn: Turn, prepared: PreparedTurn
    ) -> tuple[Job, ResponseRecord]:
        asked = prepared.asked
        exchange = Exchange(
            self._ids.new("req_"),
            _METHOD,
            _PATH,
            stream=asked.streamed,
            tenant=asked.tenant,
            key_id=request.caller.key_id,
            model=request.model,
            journal=request.journal,
        )
        writer = self._wire.writer(asked) if asked.streamed else None
        job = Job(self._workshop, prepared, turn, exchange, writer)
        key = LeaseKey(asked.tenant, asked.id)
        # Before the record, which would be taken for abandoned without it.
        hold = await self._holding.take(key, job.lose, _RUNNER)
        if hold is None:
            raise Conflict("The response is there already.", reason="response_exists")
        try:
            await self._store.add(asked)
            if self._closing:
                raise ShuttingDown("The gateway is shutting down.")
        except BaseException as error:
            if isinstance(error, StoreError):
                self._inner.guard.failed(error)
            # If it was kept all the same, it is found without a lease and settled.
            await self._holding.release(hold)
            raise
        self._jobs[key] = job
        job.start(hold, self._left)
        return job, asked

    def _left(self, key: LeaseKey) -> None:
        del self._jobs[key]
        self._running -= 1

    async def _found(self, tenant: str, response_id: str) -> ResponseRecord:
        record = await self._store.find(tenant, response_id)
        if record is None:
            raise response_not_found(response_id)
        return record

    async def _revoke(self, key: LeaseKey) -> None:
        with suppress(StoreError):  # whoever runs it is refused when it next adds to it
            await self._holding.revoke(key, _RUNNER)

    async def _reap(self) -> None:
        guard = self._inner.guard
        while True:
            try:
                await guard.admit()
                for record in await self._store.abandoned():
                    if LeaseKey(record.tenant, record.id) not in self._jobs:
                        await self._store.settle(failed(record, STOPPED))
            except StoreError as error:
                # Also for those who come: they are refused before a model is paid for.
                guard.failed(error)
            except Exception:  # noqa: BLE001  # a round that fails must not be the last
                _log.exception("unexpected_error")
            await self._clock.sleep(REAP_EVERY_S)


class _Whole(Answer):
    """A body that is there already."""

    __slots__ = ("_body",)

    def __init__(self, body: bytes) -> None:
        self._body: bytes | None = body

    async def read(self) -> Sequence[StreamEvent]:
        body, self._body = self._body, None
        if body is None:
            return ()
        return (RelayedBytes(body), ResponseFinished((FinishReason.OTHER,)))

    async def aclose(self) -> None:
        self._body = None
