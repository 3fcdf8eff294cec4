"""What routing decides about one request: a value that can be printed."""

from dataclasses import dataclass

from ..plan import PassedOver, Plan, Target


@dataclass(frozen=True, slots=True)
class Order:
    """The targets to try, first to last.

    Where somebody wants to know, `reasons` say why each stands where it does, one for each target,
    and `notes` what rules did; `passed_over` are those that are not tried, told only then too.
    """

    plan: Plan
    targets: tuple[Target, ...]
    reasons: tuple[str, ...] = ()
    passed_over: tuple[PassedOver, ...] = ()
    notes: tuple[str, ...] = ()
