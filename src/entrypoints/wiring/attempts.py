"""The part of the container for attempts: states, budgets, and several keys for one provider."""

import random
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import TypeAlias

import msgspec

from ...application.filters.attempting import Attempting
from ...application.filters.hedging import Hedges
from ...application.filters.retrying import Retrying, RetryPolicy
from ...application.filters.rotating import Rotating
from ...application.ports import Clock, LlmProvider, Observer, Reading
from ...application.retry_budget import RetryBudgets
from ...application.targets import BreakerPolicy, BreakerTerms, TargetStates
from ..settings.attempts import BreakerSettings, RetrySettings
from ..settings.providers import KeyedSection, NetworkSection, ProviderSettings
from ..settings.sections import Settings
from .parts import Adapter, Surroundings

Build: TypeAlias = Callable[[ProviderSettings, Surroundings], Adapter]
_jitter = random.SystemRandom().random


def states(breaker: BreakerSettings, clock: Clock, observer: Observer) -> TargetStates:
    policy = BreakerPolicy(
        breaker.failures,
        breaker.error_rate,
        breaker.min_calls,
        breaker.window_s,
        breaker.open_s,
        breaker.longest_open_s,
        breaker.enabled,
    )
    return TargetStates(BreakerTerms(policy, _jitter, observer), clock)


def budgets(retry: RetrySettings, observer: Observer) -> RetryBudgets:
    return RetryBudgets(retry.budget, retry.budget_reserve, observer)


def hedges(settings: Settings, budgets: RetryBudgets, observer: Observer) -> Hedges | None:
    """Return what hedging needs, None where no route wants any."""
    wanted = any(route.hedge_after_s is not None for route in settings.routes)
    return Hedges(budgets, observer) if wanted else None


def attempted(
    llm: LlmProvider,
    settings: ProviderSettings,
    name: str,
    clock: Clock,
    observer: Observer,
    states: TargetStates,
) -> LlmProvider:
    """Return an adapter whose attempts are let through, noted and told."""
    limit_s = settings.first_event_timeout_s if isinstance(settings, NetworkSection) else None
    return Attempting(llm, name, clock, observer, states, limit_s)


def retried(
    llm: LlmProvider,
    name: str,
    retry: RetrySettings,
    clock: Clock,
    budgets: RetryBudgets,
    states: TargetStates,
) -> LlmProvider:
    """Return it asked again where that may help."""
    policy = RetryPolicy(retry.attempts - 1, retry.first_wait_s, retry.longest_wait_s)
    return Retrying(llm, clock, _jitter, budgets.of(name), states, policy)


def adapter(
    settings: ProviderSettings, house: Surroundings, observer: Observer, build: Build
) -> Adapter:
    """Return the adapter, or one for each of its keys as one; the first is who is probed."""
    keys = settings.api_keys if isinstance(settings, KeyedSection) else ()
    if not keys:
        return build(settings, house)
    each = [
        build(msgspec.structs.replace(settings, api_key=key, api_keys=()), house) for key in keys
    ]
    if len(each) == 1:
        return each[0]

    async def close_all() -> None:
        for one in each:
            await one.aclose()

    def gauges() -> Iterable[Reading]:
        return (reading for one in each for reading in one.gauges())

    llm = Rotating(house.name, [one.llm for one in each], house.clock, observer)
    return replace(each[0], llm=llm, aclose=close_all, gauges=gauges)
