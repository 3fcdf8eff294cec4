"""What happened to one request on its way: written by filters, read once when it settles."""

from dataclasses import dataclass, field

from .adjustments import Adjustment
from .events import FinishReason, Usage
from .quota import Quota


@dataclass(slots=True)
class Journal:
    """The one mutable companion of a request; every copy of the request shares it.

    `provider`, `model` (the upstream's name), `relayed` and `adjustments` are those of the last
    attempt: a failover starts them anew. `told` are the adjustments the caller is told of, which
    a quiet route keeps empty. `outcome` is `finished`, `cut`, `cancelled` or `failed` once the
    answer is closed. `route` is the plan's name. `cache` is how the cache took part: `hit`,
    `miss`, `bypass`, or empty. `quota` is what is left of the caller's limits, where there are any.
    `choice` is why the targets stood in this order, in sentences, where somebody wants to know.
    `cost` is in US dollars, None where the price or the usage is not known, or nothing was asked.
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
    quota: Quota | None = None
    choice: tuple[str, ...] = ()
    cost: float | None = None
