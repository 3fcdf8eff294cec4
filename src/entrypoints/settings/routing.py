"""Routes: the names clients use, what stands behind them, and how it is chosen."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal, TypeAlias

from msgspec import Meta

from ...domain.adjustments import Policy
from .caching import RouteCacheSettings
from .limits import RateSettings
from .section import Seconds, Section

Strategy: TypeAlias = Literal[
    "ordered", "round_robin", "weighted", "least_connections", "latency", "cost", "availability"
]


class RoutingSettings(Section, frozen=True):
    """`policy` and `cache` are for every model that has no route of its own."""

    policy: Policy = Policy.WARN
    cache: RouteCacheSettings | None = None


class TargetSettings(Section, frozen=True):
    """`weight` is the target's share under `weighted`; 0: only when no other can be asked."""

    provider: str
    model: str
    weight: Annotated[float, Meta(ge=0, le=1_000_000)] = 1.0
    capabilities: Mapping[str, Any] = {}  # Any: checked against the domain's record


class StructuredSettings(Section, frozen=True):
    """What happens to answers that must fit a schema.

    `strict`: one that does not is an error, and streams wait until they were checked. `repair`: the
    model is asked once more.
    """

    strict: bool = False
    repair: bool = False


class RuleSettings(Section, frozen=True):
    """`when` holds for a request; then exactly one of the others is done.

    `keep` and `prefer` are expressions over a target: those for which it holds remain, or come
    first. `route` is another name to go to. `refuse` is a sentence for the caller.
    """

    when: str = "true"
    name: str = ""
    keep: str | None = None
    prefer: str | None = None
    route: str | None = None
    refuse: str | None = None


class RouteSettings(Section, frozen=True):
    """A name clients use, and the targets behind it in the order they are tried.

    `affinity` keeps what belongs together at one target: `conversation`, `prompt_cache_key`, or
    `header:x-session`. `fallbacks` are other names, tried after all targets. `failover_on` are
    refusals of a target after which the next one is asked all the same.
    """

    model: str
    targets: Annotated[tuple[TargetSettings, ...], Meta(min_length=1)]
    aliases: tuple[str, ...] = ()
    policy: Policy = Policy.WARN
    structured_output: StructuredSettings = StructuredSettings()
    strategy: Strategy = "ordered"
    affinity: str | None = None
    rules: tuple[RuleSettings, ...] = ()
    fallbacks: tuple[str, ...] = ()
    failover_on: tuple[Literal["context_too_long", "content_filter"], ...] = ()
    first_event_timeout_s: Seconds | None = None
    total_timeout_s: Seconds | None = None
    hedge_after_s: Seconds | None = None
    cache: RouteCacheSettings | None = None
    limits: RateSettings = RateSettings()
