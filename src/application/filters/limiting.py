"""Limiting: lets a request through when every limit it counts against has room for it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NoReturn

from ...domain.errors import ModelmuxError, RateLimited, TargetResting
from ...domain.request import GenerationRequest
from ..admission import Admission, refusal
from ..limit_rules import Applied, LimitRules, named
from ..ports import Answer, Clock, Event, LimitKind, LlmProvider, Observer, Standing
from ..targets import TargetStates
from .reservation import CACHED, MostOutput, Reservation

_RETRY_CONCURRENT_S = 1.0


@dataclass(frozen=True, slots=True)
class Limiting(LlmProvider):
    """Holds callers and routes to their limits; `route_of` gives the route behind a model's name.

    A request counts even where it fails, so that trying again and again is limited too. Its tokens
    are given back where no upstream began to answer.
    """

    inner: LlmProvider
    rules: LimitRules
    admission: Admission
    route_of: Callable[[str], str]
    most_output: MostOutput
    clock: Clock
    observer: Observer

    async def open(self, request: GenerationRequest) -> Answer:
        """Answer within the limits.

        Raises:
            RateLimited: one of them is used up, and there was no waiting for it.
            ModelNotFound: nothing stands behind the name.
            StoreError: who counts does not answer.
        """
        rules = self.rules
        route = self.route_of(request.model) if rules.routes else ""
        applied = rules.of(request.caller, route)
        if applied is None:
            return await self.inner.open(request)
        reservation = Reservation(self.admission, applied, request, self.most_output)
        standings = await self.admission.take(reservation.wanted, applied.patience)
        request.journal.quota = applied.quota(standings, self.clock.now())
        refused = refusal(standings)
        if refused is not None:
            self._refuse(refused)
        if not applied.lasts:
            return await self.inner.open(request)
        answer = await _open(self.inner, request, reservation)
        return reservation.watch(answer, request.journal)

    def _refuse(self, refused: Standing) -> NoReturn:
        limit = named(refused.limit)
        key = refused.limit.key
        self.observer.count(Event.LIMIT, key.scope, key.kind, "refused")
        raise RateLimited(
            f"This goes beyond the {limit}. Try again a little later.",
            limit=limit,
            retry_after_s=_retry_after_s(refused),
        )


@dataclass(frozen=True, slots=True)
class LimitingProvider(LlmProvider):
    """Holds all calls to one provider to its limits; another target may have room.

    Where no request may wait, the target rests until there is room: routing passes it over.
    """

    inner: LlmProvider
    provider: str
    applied: Applied
    admission: Admission
    most_output: MostOutput
    clock: Clock
    observer: Observer
    states: TargetStates

    async def open(self, request: GenerationRequest) -> Answer:
        """Ask the provider within its limits.

        Raises:
            TargetResting: one of them is used up, and there was no waiting for it.
        """
        reservation = Reservation(self.admission, self.applied, request, self.most_output)
        standings = await self.admission.take(reservation.wanted, self.applied.patience)
        refused = refusal(standings)
        if refused is not None:
            self._refuse(refused, request.model)
        if not self.applied.lasts:
            return await self.inner.open(request)
        return reservation.watch(await _open(self.inner, request, reservation))

    def _refuse(self, refused: Standing, model: str) -> NoReturn:
        key = refused.limit.key
        self.observer.count(Event.LIMIT, key.scope, key.kind, "refused")
        if key.kind is LimitKind.REQUESTS and not self.applied.patience:
            # Whoever wants fewer tokens may yet get them; one request is what all want.
            self.states.of(self.provider, model).rest(self.clock.monotonic(), refused.wait_s)
        raise TargetResting(
            f"The {named(refused.limit)} behind the model are used up.",
            provider=self.provider,
            retry_after_s=_retry_after_s(refused),
        )


async def _open(inner: LlmProvider, request: GenerationRequest, reservation: Reservation) -> Answer:
    try:
        return await inner.open(request)
    except ModelmuxError:
        reservation.settle(0)
        raise
    except BaseException:
        # Whoever left while the upstream worked has had it read what was sent, unless others had.
        if request.journal.cache in CACHED:
            reservation.settle(0)
        else:
            reservation.settle_cut(0)
        raise


def _retry_after_s(refused: Standing) -> float:
    if refused.limit.key.kind is LimitKind.CONCURRENT:
        return _RETRY_CONCURRENT_S
    return refused.wait_s
