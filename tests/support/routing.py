"""A router over providers that are never asked, whose states tests set as they like."""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from modelmux.adapters.memory.clock import ManualClock
from modelmux.adapters.memory.price_book import MemoryPriceBook
from modelmux.application.plan import Affinity, RouteRules, Strategy, Target
from modelmux.application.planning import Planner, RouteSpec, TargetSpec
from modelmux.application.ports import Answer, LlmProvider, Price
from modelmux.application.routing.router import Router
from modelmux.application.targets import TargetState, TargetStates
from modelmux.domain.request import GenerationRequest

from .asking import entry


class NeverAsked(LlmProvider):
    async def open(self, request: GenerationRequest) -> Answer:
        raise AssertionError("routing asks nobody")


@dataclass(slots=True)
class Crossing:
    """The targets `x/m`, one for each of the names, behind the route `r`; seeded."""

    clock: ManualClock = field(default_factory=ManualClock)
    states: TargetStates = field(default_factory=TargetStates)

    def router(
        self,
        *routes: RouteSpec,
        providers: Sequence[str] = ("a", "b", "c"),
        prices: Mapping[tuple[str, str], Price] | None = None,
        seed: int = 7,
    ) -> Router:
        planner = Planner([entry(name, NeverAsked()) for name in providers], routes)
        book = None if prices is None else MemoryPriceBook(prices)
        return Router(planner, self.states, self.clock, book, random.Random(seed).random)

    def state(self, provider: str, model: str = "m") -> TargetState:
        return self.states.of(provider, model)

    def rest(self, provider: str, seconds: float) -> None:
        self.state(provider).resting_until = self.clock.monotonic() + seconds


def route(
    *providers: str,
    strategy: Strategy = Strategy.ORDERED,
    weights: Sequence[float] = (),
    affinity: Affinity | None = None,
    rules: RouteRules | None = None,
    fallbacks: tuple[str, ...] = (),
    model: str = "r",
) -> RouteSpec:
    """Return the route `r` over the model `m` of each provider."""
    shares = weights or [1.0] * len(providers)
    return RouteSpec(
        model,
        tuple(
            TargetSpec(name, "m", weight=share)
            for name, share in zip(providers, shares, strict=True)
        ),
        strategy=strategy,
        affinity=affinity,
        rules=rules,
        fallbacks=fallbacks,
    )


def names(targets: Sequence[Target]) -> str:
    """Return the providers in their order, as one word."""
    return "".join(target.provider.name for target in targets)
