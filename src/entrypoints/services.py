"""What the HTTP side is built from: use cases, ports and limits."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from ..application.check_health import CheckHealth
from ..application.compact import Compact
from ..application.conversations import Conversations
from ..application.count_tokens import CountTokens
from ..application.jobs import Jobs
from ..application.list_models import ListModels
from ..application.ports import (
    Clock,
    GaugeSource,
    IdSource,
    KeyRing,
    LlmProvider,
    Observer,
    Sealer,
)
from ..application.recall import Recall
from ..application.tracing import Traces
from .bodies import BodyWatch
from .caller_headers import HeaderReader, no_headers
from .responses.turn_wire import ResponsesWire
from .shedding import Shedding


@dataclass(frozen=True, slots=True)
class HttpLimits:
    """Bounds of what a client may send and how slowly.

    A body may take `body_timeout_s` and then a second for each 64 KiB of it.
    `stream_keepalive_s` is the longest silence on a stream before a comment is sent;
    `drain_grace_s` what running answers get at shutdown, `reload_grace_s` when another process has
    taken this one's place; `write_timeout_s` how long a client may
    leave what we send unread.
    """

    max_body_bytes: int = 32 * 2**20
    body_timeout_s: float = 30.0
    max_header_bytes: int = 64 * 1024
    header_timeout_s: float = 10.0
    keep_alive_s: float = 75.0
    stream_keepalive_s: float = 15.0
    drain_grace_s: float = 30.0
    reload_grace_s: float = 3600.0
    write_timeout_s: float = 120.0


DEFAULT_LIMITS = HttpLimits()


@dataclass(frozen=True, slots=True)
class StateServices:
    """What the Responses API keeps, and how it is shown."""

    recall: Recall
    jobs: Jobs
    conversations: Conversations
    count_tokens: CountTokens
    compact: Compact
    sealer: Sealer
    wire: ResponsesWire


def _nobody_watches(source: GaugeSource) -> None:
    del source


@dataclass(frozen=True, slots=True)
class Services:
    """`open_access` is for loopback addresses only: while there is no key, none is needed.

    `watch` takes who has gauges; `store_counts` makes a gateway without its store not ready.
    `tell_headers` picks the headers that requests carry: those that something reads.
    `traces` is there where calls belong to traces.
    """

    respond: LlmProvider
    list_models: ListModels
    check_health: CheckHealth
    keys: KeyRing | None
    observer: Observer
    clock: Clock
    ids: IdSource
    state: StateServices
    metrics: Callable[[], Awaitable[bytes]]
    watch: Callable[[GaugeSource], None] = _nobody_watches
    store_counts: bool = False
    open_access: bool = False
    limits: HttpLimits = field(default=DEFAULT_LIMITS)
    bodies: BodyWatch | None = None
    traces: Traces | None = None
    tell_headers: HeaderReader = no_headers
    shedding: Shedding | None = None
