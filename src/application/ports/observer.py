"""Watches requests come and go: metrics and the request log."""

from abc import abstractmethod
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol, TypeAlias

from ...domain.errors import ModelmuxError
from ...domain.journal import Journal
from ...domain.request import GenerationRequest


@dataclass(slots=True)
class Exchange:
    """One HTTP request and its answer, told when it is over.

    `path` is the route's template, never the caller's text; `model` the name the caller used,
    only once planning has found it (so that it is safe as a label); `asked` that name in any case,
    the caller's text as it came; `error` the code told to the caller; times are seconds,
    `first_byte_s` None where the answer never began. `chunks` is in how many pieces a stream was
    sent.
    """

    request_id: str
    method: str
    path: str
    status: int = 0
    duration_s: float = 0.0
    first_byte_s: float | None = None
    stream: bool = False
    chunks: int = 0
    tenant: str = ""
    key_id: str | None = None
    model: str = ""
    asked: str = ""
    error: str | None = None
    error_detail: str | None = None
    client_gone: bool = False
    journal: Journal = field(default_factory=Journal)


class Event(StrEnum):
    """What is counted beside requests and attempts; the comment says what its labels are."""

    BREAKER = "breaker"  # provider, model, state entered: open, half_open, closed
    CACHE = "cache"  # route, what: hit, miss, bypass, stored, evicted, refused, joined
    HEDGE = "hedge"  # route, what: started, won
    KEY_ROTATED = "key_rotated"  # provider
    LIMIT = "limit"  # scope, kind, what: refused, waited
    PROOF = "proof"  # what: kept, put_back, missing
    RETRY_DENIED = "retry_denied"  # provider
    SHED = "shed"  # reason
    STORE = "store"  # store, what: failed, back


class Gauge(StrEnum):
    """What is read when somebody looks; the comment says what its labels are."""

    BREAKER_OPEN = "breaker_open"  # provider, model: 0 closed, 0.5 half open, 1 open
    CACHE_BYTES = "cache_bytes"
    CACHE_ENTRIES = "cache_entries"
    CONNECTIONS = "connections"  # provider, state: open, idle
    JOBS = "jobs"
    LOOP_LAG_S = "loop_lag_seconds"
    RESTING_S = "resting_seconds"  # provider, model
    STORE_UP = "store_up"  # store
    STREAMS = "streams"
    TARGET_IN_FLIGHT = "target_in_flight"  # provider, model
    WAITING = "waiting"  # provider, or limit


@dataclass(frozen=True, slots=True)
class Reading:
    """One gauge as it stands."""

    gauge: Gauge
    value: float
    labels: tuple[str, ...] = ()


GaugeSource: TypeAlias = Callable[[], Iterable[Reading]]
"""Whoever has gauges gives one; it is asked at each scrape, must not block, wait or raise."""


@dataclass(frozen=True, slots=True)
class Totals:
    """What all workers have answered; `failed` by a status from 500 on, or by a cut."""

    requests: int = 0
    failed: int = 0
    duration_s: float = 0.0


class Observer(Protocol):
    """Called on the hot path: must not block, wait or raise."""

    @abstractmethod
    def attempt_settled(
        self, request: GenerationRequest, duration_s: float, error: ModelmuxError | None
    ) -> None:
        """One attempt at an upstream ended its `open`: with first events, or with `error`."""
        ...

    @abstractmethod
    def count(self, event: Event, *labels: str) -> None:
        """One of `event` has happened."""
        ...

    @abstractmethod
    def exchange_started(self) -> None:
        """A request has come; `exchange_settled` follows, exactly once."""
        ...

    @abstractmethod
    def exchange_settled(self, exchange: Exchange) -> None:
        """An exchange is over, whatever happened to it; it is not written to any more."""
        ...
