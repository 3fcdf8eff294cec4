"""What routing decides about one request: a value that can be printed."""

from dataclasses import dataclass

from ..planning import Plan, Target


@dataclass(frozen=True, slots=True)
class PassedOver:
    """A target that is not tried, or only after all others, and why."""

    target: Target
    reason: str


@dataclass(frozen=True, slots=True)
class Order:
    """The targets to try, first to last; `reasons` say why each stands where it does."""

    plan: Plan
    targets: tuple[Target, ...]
    reasons: tuple[str, ...] = ()
    passed_over: tuple[PassedOver, ...] = ()
