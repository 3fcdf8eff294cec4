"""Use case: the names clients may use."""

from collections.abc import Sequence
from dataclasses import dataclass

from .planning import ModelEntry, Planner


@dataclass(frozen=True, slots=True)
class ListModels:
    planner: Planner

    def list(self) -> Sequence[ModelEntry]:
        """Return every name known to work, routes first."""
        return self.planner.models()
