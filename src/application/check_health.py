"""Use case: how the gateway and what stands behind it are."""

import asyncio
from dataclasses import dataclass, field

from .plan import ProviderEntry
from .planning import Planner
from .ports import Clock, ProbeReport


@dataclass(frozen=True, slots=True)
class ProviderHealth:
    """`healthy` None: never asked, or not askable. `last_check` is seconds since the epoch.

    `private` is for who runs the gateway, never for callers.
    """

    name: str
    type: str
    healthy: bool | None = None
    detail: str = ""
    last_check: float | None = None
    private: str = ""

    def explain(self) -> str:
        """Return all that is known, for who runs the gateway."""
        told = self.detail or "cannot be asked"
        return f"{told} ({self.private})" if self.private else told


@dataclass(frozen=True, slots=True)
class HealthReport:
    """`status` is `ok`, or `degraded` when an asked provider did not answer well."""

    status: str
    providers: tuple[ProviderHealth, ...]


@dataclass(slots=True)
class CheckHealth:
    """Tells what is known without asking anybody; `probe_all` asks."""

    planner: Planner
    clock: Clock
    _last: dict[str, ProviderHealth] = field(default_factory=dict[str, ProviderHealth])

    def report(self) -> HealthReport:
        """Return the newest knowledge; cheap, no I/O."""
        providers = tuple(
            self._last.get(entry.name) or ProviderHealth(entry.name, entry.type)
            for entry in self.planner.providers
        )
        bad = any(provider.healthy is False for provider in providers)
        return HealthReport("degraded" if bad else "ok", providers)

    async def probe_all(self) -> HealthReport:
        """Ask every provider that can be asked, at once, and learn the models they serve."""
        await asyncio.gather(*(self._probe(entry) for entry in self.planner.providers))
        return self.report()

    async def _probe(self, entry: ProviderEntry) -> None:
        if entry.probe is None:
            return
        report: ProbeReport = await entry.probe.probe()
        self._last[entry.name] = ProviderHealth(
            entry.name,
            entry.type,
            report.healthy,
            report.detail,
            self.clock.now(),
            report.private,
        )
        if report.models and not entry.models:
            self.planner.learn(entry.name, report.models)
