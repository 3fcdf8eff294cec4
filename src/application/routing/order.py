"""What routing decides about one request: a value that can be printed."""

from collections.abc import Iterator
from dataclasses import dataclass

from ..plan import PassedOver, Plan, Target


@dataclass(frozen=True, slots=True)
class Order:
    """The targets to try, first to last.

    Where somebody wants to know: `reasons` say why each stands where it does, one for each target;
    `passed_over` are those that are not tried; `notes` are what rules and affinity did.
    """

    plan: Plan
    targets: tuple[Target, ...]
    reasons: tuple[str, ...] = ()
    passed_over: tuple[PassedOver, ...] = ()
    notes: tuple[str, ...] = ()

    def sentences(self) -> Iterator[str]:
        """Yield all of it in the order in which a person reads it."""
        yield f"route {self.plan.route}, {self.plan.strategy}"
        yield from self.notes
        for number, (target, reason) in enumerate(zip(self.targets, self.reasons, strict=True), 1):
            yield f"{number}. {target.name}: {reason}"
        for one in self.passed_over:
            yield f"not {one.target.name}: {one.reason}"
