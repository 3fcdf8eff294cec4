"""Caching: answers again what was answered before, and asks once for what many ask at once.

The filter stands before routing's attempts, so that nobody waits for a slot or a breaker where the
answer is there. What may be kept is translated, for bytes that are relayed are not understood; all
but embeddings, which have one language.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final, TypeAlias

from ...domain.dialect import Dialect
from ...domain.errors import ModelmuxError, ModelNotFound
from ...domain.events import RelayedBytes, ResponseFinished, StreamEvent
from ...domain.journal import Journal
from ...domain.request import Generation, GenerationRequest
from ..flights import Flight, Flights, Seat
from ..keeping import merged, worth_keeping
from ..plan import Plan
from ..ports import Answer, Cache, CachedAnswer, CacheKey, Clock, Event, LlmProvider, Observer
from ..routing.router import Router

Scope: TypeAlias = tuple[tuple[str, ...], ...]
"""What the configuration has to do with an answer."""

Fingerprint: TypeAlias = Callable[[GenerationRequest, Scope], bytes | None]
"""Returns the SHA-256 of all that shapes the answer, never the same for two requests that differ.

None where the request holds what cannot be written down."""

_OTHER: Final = "other"
_MOST_SCOPES: Final = 4096
_UNREAD: Final = frozenset({"no-cache", "max-age=0"})


@dataclass(frozen=True, slots=True)
class CacheRules:
    """What a route keeps: for how long, which requests, and whether with calls of tools."""

    ttl_s: float = 3600.0
    every_request: bool = False
    tools: bool = False


@dataclass(frozen=True, slots=True)
class CachedRoutes:
    """The rules of each route by its name, None for one without a cache; `default` is for models
    that have no route of their own."""

    routes: Mapping[str, CacheRules | None]
    default: CacheRules | None = None


@dataclass(frozen=True, slots=True)
class Caching(LlmProvider):
    """Acts on the routes that have a cache. Whoever makes it closes it.

    An answer whose events take more than `max_answer_bytes` is neither kept nor joined.
    """

    inner: LlmProvider
    router: Router
    cached: CachedRoutes
    cache: Cache
    fingerprint: Fingerprint
    clock: Clock
    observer: Observer
    max_answer_bytes: int
    _flights: Flights = field(default_factory=Flights)
    _running: dict[CacheKey, Flight] = field(default_factory=dict[CacheKey, Flight])
    _scopes: dict[str, tuple[Plan, Scope]] = field(default_factory=dict[str, tuple[Plan, Scope]])

    async def open(self, request: GenerationRequest) -> Answer:
        plan = self._plan(request)
        rules = None if plan is None else self.cached.routes.get(plan.route, self.cached.default)
        if plan is None or rules is None or request.dialect is Dialect.COMPLETIONS:
            return await self.inner.open(request)
        asked = _asked_of_the_cache(request)
        label = plan.route if plan.route in self.cached.routes else _OTHER
        key = None if "no-store" in asked else self._key(request, plan, rules)
        if key is None:
            request.journal.cache = "bypass"
            self.observer.count(Event.CACHE, label, "bypass")
            return await self.inner.open(request)
        call = _Call(key, plan, rules, label, request.embedding is not None)
        fresh = not _UNREAD.isdisjoint(asked)
        if not fresh:
            found = await self._found(request, call)
            if found is not None:
                return found
        return await self._ask(request, call, fresh=fresh)

    async def aclose(self) -> None:
        """End what runs, once what is being kept is kept. Idempotent."""
        await self._flights.aclose()

    def _plan(self, request: GenerationRequest) -> Plan | None:
        """Return what the name stands for; None where that is for others to refuse."""
        try:
            return self.router.planner.plan(request.model)
        except ModelNotFound:
            return None

    def _key(self, request: GenerationRequest, plan: Plan, rules: CacheRules) -> CacheKey | None:
        """Return the key, None for a request whose answer is not for keeping."""
        try:
            if request.embedding is None:
                content = request.content.get()
                if not (rules.every_request or _is_deterministic(content)):
                    return None
                # What has no name here is told upstream only where the body is relayed.
                if content.ignored and request.verbatim is not None:
                    return None
            digest = self.fingerprint(request, self._scope(request, plan))
        except (ModelmuxError, RecursionError):
            return None  # who reads it next says what is wrong, or relays it
        return None if digest is None else CacheKey(request.caller.tenant, plan.route, digest)

    def _scope(self, request: GenerationRequest, plan: Plan) -> Scope:
        """Return what stands behind the name for this request.

        Raises:
            ModelmuxError: a rule refuses the request, or leads nowhere.
        """
        if plan.rules is not None:
            # Who may not ask a target is not given its answers; what strategies do with those that
            # remain is the moment's affair.
            ruled, targets = self.router.allowed(plan, request)
            allowed = sorted([target.name for target in targets])
            return (_terms(ruled), tuple(allowed), request.caller.tags)
        known = self._scopes.get(plan.route)
        if known is None or known[0] is not plan:
            if len(self._scopes) >= _MOST_SCOPES:
                self._scopes.clear()  # callers bring ever new names where a provider takes any
            names = tuple([target.name for target in plan.every_target])
            known = self._scopes[plan.route] = (plan, (_terms(plan), names))
        return known[1]

    async def _found(self, request: GenerationRequest, call: "_Call") -> Answer | None:
        """Return the answer that was kept, or that is on its way to somebody else."""
        journal = request.journal
        flight = self._joinable(call.key)
        if flight is None:
            kept = await self.cache.get(call.key)
            if kept is not None:
                age_s = max(self.clock.now() - kept.kept_at, 0.0)
                self.observer.count(Event.CACHE, call.label, "hit")
                return _KeptAnswer(kept, journal, call.plan.route, age_s)
            flight = self._joinable(call.key)
        if flight is None:
            return None
        journal.cache = "joined"
        self.observer.count(Event.CACHE, call.label, "joined")
        seat = flight.sit_down(journal, leads=False)
        del flight  # it holds its error, whose traceback will hold this frame
        try:
            await seat.begin()
        except ModelmuxError as error:
            if not error.retryable:
                raise  # whoever asks the same is told the same
            return None
        return seat

    async def _ask(self, request: GenerationRequest, call: "_Call", *, fresh: bool) -> Answer:
        """Ask upstream, or join the others whose shared call has failed before it began.

        A second failure is everybody's: so many who ask at once cost two calls, and nobody waits
        for more than two.
        """
        journal = request.journal
        flight = None if fresh else self._joinable(call.key)
        if flight is not None:
            journal.cache = "joined"
            seat = flight.sit_down(journal, leads=False)
        else:
            journal.cache = "miss"
            self.observer.count(Event.CACHE, call.label, "miss")
            seat = self._lead(request, call)
        del flight  # as above
        await seat.begin()
        return seat

    def _lead(self, request: GenerationRequest, call: "_Call") -> Seat:
        self._flights.admit()
        flight, key = Flight(self.max_answer_bytes), call.key
        flight.journal.trace = request.journal.trace
        seat = flight.sit_down(request.journal, leads=True)
        if self._joinable(key) is None:
            self._running[key] = flight

        def forget() -> None:
            if self._running.get(key) is flight:
                del self._running[key]

        # Embeddings have one language and one form: as bytes they serve whoever asks the same.
        verbatim = None if request.embedding is None else request.verbatim
        asked = replace(request, verbatim=verbatim, journal=flight.journal)
        self._flights.begin(flight, self._fly(flight, asked, call), forget)
        return seat

    async def _fly(self, flight: Flight, request: GenerationRequest, call: "_Call") -> None:
        running = flight.run(self.inner, request)
        del request  # an answer may run for an hour
        await running
        if flight.finish is not None and flight.whole:
            await self._keep(flight, call)

    async def _keep(self, flight: Flight, call: "_Call") -> None:
        events, journal = flight.after(0), flight.journal
        rules = call.rules
        if not worth_keeping(events, journal.adjustments, tools=rules.tools, relayed=call.embeds):
            return
        answer = CachedAnswer(
            merged(events), journal.provider, journal.model, self.clock.now(), tuple(journal.told)
        )
        kept = await self.cache.put(call.key, answer, rules.ttl_s)
        self.observer.count(Event.CACHE, call.label, "stored" if kept else "refused")

    def _joinable(self, key: CacheKey) -> Flight | None:
        flight = self._running.get(key)
        return flight if flight is not None and flight.joinable else None


@dataclass(frozen=True, slots=True)
class _Call:
    """What is known of one request to the cache; `label` is what metrics call its route."""

    key: CacheKey
    plan: Plan
    rules: CacheRules
    label: str
    embeds: bool


class _KeptAnswer(Answer):
    """An answer of then, told at once. Nothing was asked for it: no attempt, no tokens."""

    __slots__ = ("_events", "_journal")

    def __init__(self, kept: CachedAnswer, journal: Journal, route: str, age_s: float) -> None:
        self._events: Sequence[StreamEvent] = kept.events
        self._journal = journal
        journal.cache, journal.cache_age_s = "hit", age_s
        journal.provider, journal.model, journal.route = kept.provider, kept.model, route
        journal.relayed = any(type(event) is RelayedBytes for event in kept.events)
        journal.told[:] = kept.told
        journal.outcome = "cancelled"  # until its end is read

    async def read(self) -> Sequence[StreamEvent]:
        events, self._events = self._events, ()
        if events and isinstance(last := events[-1], ResponseFinished):
            self._journal.outcome = "finished"
            self._journal.reasons = last.reasons
        return events

    async def aclose(self) -> None:
        self._events = ()


def _asked_of_the_cache(request: GenerationRequest) -> frozenset[str]:
    said = request.headers.get("cache-control")
    if not said:
        return frozenset()
    return frozenset(word.strip().replace(" ", "") for word in said.lower().split(","))


def _is_deterministic(content: Generation) -> bool:
    """Whether the caller asked for what is likeliest. A `seed` is a wish: vendors promise little.

    Without a word on it the vendor's own default counts, which draws.
    """
    sampling = content.sampling
    return sampling.temperature == 0 or sampling.top_k == 1


def _terms(plan: Plan) -> tuple[str, ...]:
    rules = plan.schema_rules
    return (
        plan.route,
        plan.policy.value,
        "strict" if rules.strict else "",
        "repair" if rules.repair else "",
    )
