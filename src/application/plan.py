"""What planning makes of a configuration: a name, the targets behind it, and how they are tried."""

from abc import abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal, Protocol, TypeAlias

from ..domain.adjustments import Policy
from ..domain.capabilities import Capabilities
from ..domain.request import LENIENT, GenerationRequest, SchemaRules
from .ports import LlmProvider, TokenCounter, UpstreamProbe
from .targets import TargetStates


def accepts_any(model: str) -> bool:
    """Return True: the provider judges names itself."""
    return bool(model)


@dataclass(frozen=True, slots=True)
class ProviderEntry:
    """A configured provider as planning sees it.

    `llm` is the adapter inside its filters; `capabilities` gives the record of an upstream
    model; `models` are those the configuration lists; `accepts` says whether a name that nobody
    lists may be one of its models.
    """

    name: str
    type: str
    llm: LlmProvider
    capabilities: Callable[[str], Capabilities]
    models: tuple[str, ...] = ()
    probe: UpstreamProbe | None = None
    accepts: Callable[[str], bool] = accepts_any
    counter: TokenCounter | None = None


@dataclass(frozen=True, slots=True)
class Target:
    """`reason` says why it stands in the plan; `weight` is its share where targets share."""

    provider: ProviderEntry
    model: str
    capabilities: Capabilities
    reason: str
    weight: float = 1.0

    @property
    def name(self) -> str:
        """Return `provider/model`, as people write it."""
        return f"{self.provider.name}/{self.model}"


class Strategy(StrEnum):
    """How the targets of a route are put in order."""

    ORDERED = "ordered"
    ROUND_ROBIN = "round_robin"
    WEIGHTED = "weighted"
    LEAST_CONNECTIONS = "least_connections"
    LATENCY = "latency"
    COST = "cost"
    AVAILABILITY = "availability"


@dataclass(frozen=True, slots=True)
class Affinity:
    """What keeps requests together at one target; `header` is in small letters, or empty."""

    kind: Literal["conversation", "prompt_cache_key", "header"]
    header: str = ""


FailoverCondition: TypeAlias = Literal["context_too_long", "content_filter"]


@dataclass(frozen=True, slots=True)
class AttemptTerms:
    """How long a route's attempts may take, and after which refusals the next target is asked.

    None: no limit but the provider's own, and no hedging.
    """

    failover_on: frozenset[FailoverCondition] = frozenset()
    first_event_timeout_s: float | None = None
    total_timeout_s: float | None = None
    hedge_after_s: float | None = None


@dataclass(frozen=True, slots=True)
class PassedOver:
    """A target that is not tried, and why."""

    target: Target
    reason: str


@dataclass(frozen=True, slots=True)
class Ruled:
    """What the rules of a route make of one request.

    `tiers` are the targets that remain: all of one tier come before any of the next, a strategy
    orders within each. `route` is a name to go to in place of them, `refusal` a sentence for the
    caller; with either of them no tier is read. `reasons` name the rules that did something.
    """

    tiers: tuple[tuple[Target, ...], ...]
    reasons: tuple[str, ...] = ()
    passed_over: tuple[PassedOver, ...] = ()
    route: str | None = None
    refusal: str | None = None


class RouteRules(Protocol):
    """The rules of one route, compiled; see `routing/rules.py`."""

    @abstractmethod
    def apply(
        self,
        request: GenerationRequest,
        targets: Sequence[Target],
        states: TargetStates,
        now: float,
    ) -> Ruled:
        """Return what they say; `now` is monotonic. What cannot be told opens no way."""
        ...


DEFAULT_TERMS = AttemptTerms()


@dataclass(frozen=True, slots=True)
class Plan:
    """What may be tried for `route`: its targets, then those of its fallbacks; printable."""

    route: str
    targets: tuple[Target, ...]
    policy: Policy = Policy.WARN
    schema_rules: SchemaRules = LENIENT
    terms: AttemptTerms = DEFAULT_TERMS
    strategy: Strategy = Strategy.ORDERED
    affinity: Affinity | None = None
    rules: RouteRules | None = None
    fallbacks: tuple[Target, ...] = ()

    @property
    def is_plain(self) -> bool:
        """Return whether its targets are tried as they stand."""
        return self.strategy is Strategy.ORDERED and self.rules is None and self.affinity is None

    @property
    def every_target(self) -> tuple[Target, ...]:
        return self.targets + self.fallbacks if self.fallbacks else self.targets

    def __str__(self) -> str:
        lines = (f"{target.name}: {target.reason}" for target in self.every_target)
        return f"{self.route} -> " + "; ".join(lines)
