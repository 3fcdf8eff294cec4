"""What happened to one request on its way: written by filters, read once when it settles."""

from abc import abstractmethod
from dataclasses import dataclass, field
from typing import Protocol

from .adjustments import Adjustment
from .events import FinishReason, Usage
from .quota import Quota
from .trace import Trace


class Running(Protocol):
    """An attempt that has begun to answer; `before` is one that began before it, if it runs too."""

    before: "Running | None"

    @abstractmethod
    def end(self, cut_at: float | None = None) -> None:
        """It runs no more; called once. `cut_at`: when it broke off, by its target's fault."""
        ...


@dataclass(slots=True)
class Journal:
    """The one mutable companion of a request; every copy of the request shares it.

    `provider`, `model` (the upstream's name), `relayed` and `adjustments` are those of the last
    attempt: a failover starts them anew. `told` are the adjustments the caller is told of, which
    a quiet route keeps empty. `outcome` is `finished`, `cut`, `cancelled` or `failed` once the
    answer is closed. `route` is the plan's name. `cache` is how the cache took part: `hit`,
    `joined`, `miss`, `bypass`, or empty; `cache_age_s` how old the answer is that it gave.
    `quota` is what is left of the caller's limits, where there are any.
    `choice` is why the targets stood in this order, in sentences, where somebody wants to know.
    `cost` is in US dollars, None where the price or the usage is not known, or nothing was asked.
    `trace` is there where traces are configured.
    `running` are the attempts that have begun to answer and were not ended.
    """

    provider: str = ""
    model: str = ""
    attempts: int = 0
    relayed: bool = False
    adjustments: list[Adjustment] = field(default_factory=list[Adjustment])
    told: list[Adjustment] = field(default_factory=list[Adjustment])
    reasons: tuple[FinishReason, ...] = ()
    usage: Usage | None = None
    outcome: str = ""
    route: str = ""
    cache: str = ""
    cache_age_s: float = 0.0
    quota: Quota | None = None
    choice: tuple[str, ...] = ()
    cost: float | None = None
    trace: Trace | None = None
    running: Running | None = None

    @property
    def is_planned(self) -> bool:
        """Whether the name the caller used was found, if no target was asked."""
        return bool(self.route or self.provider)

    def end_running(self, cut_at: float | None = None) -> None:
        """End all that runs; it is the last to begin that was cut."""
        running, self.running = self.running, None
        while running is not None:
            running.end(cut_at)
            running, cut_at = running.before, None
