"""Router: gives each request the order in which its plan's targets are tried."""

from dataclasses import dataclass

from ...domain.request import GenerationRequest
from ..planning import Planner
from ..targets import TargetStates
from .order import Order


@dataclass(frozen=True, slots=True)
class Router:
    """Asked once a request; a plan with nothing to decide costs nothing."""

    planner: Planner
    states: TargetStates

    def order(self, request: GenerationRequest) -> Order:
        """Return what to try for a request whose model is the name the client used.

        Raises:
            ModelNotFound: nothing stands behind it.
        """
        plan = self.planner.plan(request.model)
        return Order(plan, plan.every_target)
