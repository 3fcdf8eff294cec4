"""The part of the container that weighs whether there is too much to do."""

from ...application.ports import Clock, Observer
from ..loop_lag import LoopLag
from ..memory_use import MemoryUse
from ..settings.overload import OverloadSettings
from ..shedding import Shedding, ShedTerms


def shedding(
    settings: OverloadSettings, lag: LoopLag, observer: Observer, clock: Clock
) -> Shedding | None:
    """Return what refuses calls; None where nothing is to be refused."""
    if not settings.enabled:
        return None
    terms = ShedTerms(settings.target_lag_s, settings.max_lag_s, settings.max_connections)
    memory = MemoryUse(settings.max_memory_bytes)
    return Shedding(terms, lag, memory, observer, clock.monotonic)
