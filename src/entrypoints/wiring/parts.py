"""What the modules here give to the container."""

from collections.abc import Awaitable, Callable, Generator, Iterable, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias

from ...application.plan import accepts_any
from ...application.ports import (
    Clock,
    EventLog,
    GaugeSource,
    IdSource,
    KeyRegistry,
    KeyRing,
    Leases,
    LlmProvider,
    MediaFetcher,
    Observer,
    ProofVault,
    Reading,
    Sealer,
    StateStore,
    TokenCounter,
    UpstreamProbe,
)
from ...application.store_breaker import StoreBreaker
from ...domain.capabilities import Capabilities
from ...domain.errors import ConfigurationError

Closing: TypeAlias = Callable[[], Awaitable[None]]


async def nothing_to_close() -> None: ...


def no_gauges() -> Iterable[Reading]:
    """Return nothing: there is no connection to count."""
    return ()


def always_up() -> bool:
    """Return that nothing is known to be amiss: what is in this process is there."""
    return True


@contextmanager
def needing(extra: str) -> Generator[None]:
    """Name the extra that is not installed, where something in the block cannot be imported.

    Raises:
        ConfigurationError: so it is.
    """
    try:
        yield
    except ImportError as error:
        raise ConfigurationError(
            f"what the configuration asks for needs {error.name}, which is not installed",
            hint=f'pip install "modelmux[{extra}]"',
        ) from error


class OwnFetcher(MediaFetcher, Protocol):
    """A fetcher of the container's own, which is closed at the end."""

    async def aclose(self) -> None: ...


class OwnTelemetry(Protocol):
    """What watches requests for others, and is closed at the end; closing blocks for a while."""

    @property
    def observers(self) -> Sequence[Observer]: ...

    def close(self) -> None: ...


class GivePart(Protocol):
    """Imports a module of `wiring/` when the configuration wants it; raises as `needing`."""

    # Any: a module, whose functions each have a type
    def __call__(self, name: str, extra: str = "") -> Any: ...


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What every provider is built with; `name` is its own.

    `dry`: upstreams are never called, nor asked for tokens; see `adapters/transport/settings.py`.
    """

    name: str
    environ: Mapping[str, str]
    clock: Clock
    ids: IdSource
    part: GivePart
    dry: bool = False


@dataclass(frozen=True, slots=True)
class Adapter:
    """A provider as its package gives it, before filters.

    `models` are those it always has. Each of `explains` says in a sentence what was found where for
    it, and why; it may ask the network, and raise what was wrong.
    """

    llm: LlmProvider
    capabilities: Callable[[str], Capabilities]
    accepts: Callable[[str], bool] = accepts_any
    probe: UpstreamProbe | None = None
    models: tuple[str, ...] = ()
    aclose: Closing = nothing_to_close
    counter: TokenCounter | None = None
    explains: tuple[Callable[[], Awaitable[str]], ...] = ()
    gauges: GaugeSource = no_gauges


@dataclass(frozen=True, slots=True)
class TurnStores:
    """Where turns are kept, who works on them, and what background streams have said."""

    state: StateStore
    leases: Leases
    log: EventLog
    sweeps_itself: bool = False
    is_up: Callable[[], bool] = always_up


@dataclass(frozen=True, slots=True)
class Store:
    """What is kept; `opens` and `closes` are in the order to be called.

    `breakers` are of the servers that it needs.

    `begins` is for who serves: what then sweeps by itself, until it is closed.
    """

    ring: KeyRing
    registry: KeyRegistry
    vault: ProofVault
    turns: TurnStores
    opens: tuple[Closing, ...] = ()
    begins: tuple[Closing, ...] = ()
    closes: tuple[Closing, ...] = ()
    breakers: tuple[StoreBreaker, ...] = ()

    def readings(self) -> Iterable[Reading]:
        """Yield whether each server is up."""
        for breaker in self.breakers:
            yield from breaker.readings()


@dataclass(frozen=True, slots=True)
class Seal:
    """`opens` reads the keys, or makes them."""

    sealer: Sealer
    opens: tuple[Closing, ...] = ()
