"""Use case: the names clients may use, and what stands behind them."""

from collections.abc import Sequence
from dataclasses import dataclass

from .plan import Plan
from .planning import ModelEntry, Planner


@dataclass(frozen=True, slots=True)
class ListModels:
    planner: Planner

    def list(self) -> Sequence[ModelEntry]:
        """Return every name known to work, routes first."""
        return self.planner.models()

    def plan(self, name: str) -> Plan:
        """Return what stands behind a name.

        Raises:
            ModelNotFound: nothing does.
        """
        return self.planner.plan(name)
