"""What runs beside the requests while the gateway is up."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager, suppress

from ..application.check_health import CheckHealth, HealthReport
from ..application.ports import Clock

_EVERY_S = 300.0
_WHILE_DEGRADED_S = 15.0


@asynccontextmanager
async def watched_providers(
    check_health: CheckHealth, clock: Clock, tell: Callable[[HealthReport], None]
) -> AsyncGenerator[None]:
    """Ask the providers now and then how they are and what they serve; `tell` of the first time."""
    watching = asyncio.create_task(_watch(check_health, clock, tell), name="provider-watch")
    try:
        yield
    finally:
        watching.cancel()
        with suppress(asyncio.CancelledError):
            await watching


async def _watch(
    check_health: CheckHealth, clock: Clock, tell: Callable[[HealthReport], None]
) -> None:
    report = await check_health.probe_all()
    tell(report)
    while True:
        await clock.sleep(_EVERY_S if report.status == "ok" else _WHILE_DEGRADED_S)
        report = await check_health.probe_all()
