"""Which limits a request counts against: of its key, its tenant, and the model it calls."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

from ..domain.quota import Left, Quota
from ..domain.request import Caller
from .admission import Patience
from .ports import Limit, LimitKey, LimitKind, Standing

_MAX_REMEMBERED = 8192
_KINDS: Mapping[LimitKind, str] = {
    LimitKind.REQUESTS: "requests per minute",
    LimitKind.TOKENS: "tokens per minute",
    LimitKind.CONCURRENT: "concurrent requests",
}
_SCOPES: Mapping[str, str] = {
    "key": "the key",
    "tenant": "the tenant",
    "route": "the model",
    "provider": "the provider",
}
_OF_THE_CALLER = frozenset({"key", "tenant"})
_NO_PATIENCE: Patience = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Rates:
    """What somebody or something may do; None: as much as it likes.

    `burst_s` is for how long the flow of a minute's rate may be saved up; `wait_s` how long a
    request may wait for its turn.
    """

    requests_per_minute: float | None = None
    tokens_per_minute: float | None = None
    concurrent: float | None = None
    burst_s: float = 60.0
    wait_s: float = 0.0

    @property
    def limits_anything(self) -> bool:
        return (self.requests_per_minute, self.tokens_per_minute, self.concurrent) != (None,) * 3

    def limits(self, tenant: str, scope: str, subject: str) -> Iterable[Limit]:
        """Yield the limits of one subject."""
        share = self.burst_s / 60.0
        for kind, rate in (
            (LimitKind.REQUESTS, self.requests_per_minute),
            (LimitKind.TOKENS, self.tokens_per_minute),
            (LimitKind.CONCURRENT, self.concurrent),
        ):
            if rate is not None:
                burst = rate if kind is LimitKind.CONCURRENT else max(rate * share, 1.0)
                yield Limit(LimitKey(tenant, scope, subject, kind), rate, burst)


NO_RATES = Rates()


@dataclass(frozen=True, slots=True)
class Applied:
    """The limits of one request: `counted` by one each, of which `running` until its end.

    `lasts`: something is left to settle when the answer ends. `told` are the places of requests and
    of tokens that the caller is told of, among `counted` and then `tokens`.
    """

    counted: tuple[tuple[Limit, float], ...]
    running: tuple[tuple[Limit, float], ...]
    tokens: tuple[Limit, ...]
    patience: Patience
    lasts: bool
    told: tuple[tuple[int, ...], tuple[int, ...]]

    def quota(self, standings: Sequence[Standing], now: float) -> Quota | None:
        """Return what is left to the caller; limits that others share with it are not told.

        `standings` are those of all that was wanted, in that order, or of what was refused.
        """
        if len(standings) < len(self.counted) + len(self.tokens):
            return _quota_of_refusal(standings, now)
        requests, tokens = self.told
        if not (requests or tokens):
            return None
        return Quota(_tightest(standings, requests), _tightest(standings, tokens), now)


def applied(parts: Sequence[tuple[Rates, str, str, str]]) -> Applied | None:
    """Return the limits of all parts (rates, tenant, scope, subject), None if nothing limits."""
    limits: list[Limit] = []
    patience: dict[LimitKey, float] = {}
    for rates, tenant, scope, subject in parts:
        for limit in rates.limits(tenant, scope, subject):
            limits.append(limit)
            if rates.wait_s > 0:
                patience[limit.key] = rates.wait_s
    if not limits:
        return None
    counted = tuple((limit, 1.0) for limit in limits if limit.key.kind is not LimitKind.TOKENS)
    running = tuple((limit, 1.0) for limit in limits if limit.runs)
    tokens = tuple(limit for limit in limits if limit.key.kind is LimitKind.TOKENS)
    wanted = (*(limit for limit, _ in counted), *tokens)
    return Applied(
        counted,
        running,
        tokens,
        patience or _NO_PATIENCE,
        bool(running or tokens),
        (_told(wanted, LimitKind.REQUESTS), _told(wanted, LimitKind.TOKENS)),
    )


def _told(wanted: Sequence[Limit], kind: LimitKind) -> tuple[int, ...]:
    return tuple(
        place
        for place, limit in enumerate(wanted)
        if limit.key.kind is kind and limit.key.scope in _OF_THE_CALLER
    )


@dataclass(frozen=True, slots=True)
class LimitRules:
    """`key` and `tenant` are for each that has none of its own; `keys` are by name or id."""

    key: Rates = NO_RATES
    tenant: Rates = NO_RATES
    keys: Mapping[str, Rates] = field(default_factory=dict[str, Rates])
    tenants: Mapping[str, Rates] = field(default_factory=dict[str, Rates])
    routes: Mapping[str, Rates] = field(default_factory=dict[str, Rates])
    _remembered: dict[tuple[str, str | None, str], Applied | None] = field(
        default_factory=dict[tuple[str, str | None, str], Applied | None], init=False
    )

    @property
    def remembered(self) -> int:
        """How many callers' limits are remembered."""
        return len(self._remembered)

    @property
    def limit_anything(self) -> bool:
        every = (self.key, self.tenant, *self.keys.values(), *self.tenants.values())
        return any(rates.limits_anything for rates in (*every, *self.routes.values()))

    def of(self, caller: Caller, route: str) -> Applied | None:
        """Return what limits a call of a route, which may be none that is limited."""
        asked = (caller.tenant, caller.key_id, route if route in self.routes else "")
        try:
            return self._remembered[asked]
        except KeyError:
            pass
        if len(self._remembered) >= _MAX_REMEMBERED:
            self._remembered.clear()
        found = self._remembered[asked] = self._find(caller, asked[2])
        return found

    def _find(self, caller: Caller, route: str) -> Applied | None:
        tenant = caller.tenant
        parts = [(self.tenants.get(tenant, self.tenant), tenant, "tenant", tenant)]
        if caller.key_id is not None:
            rates = self.keys.get(caller.key_id) or self.keys.get(caller.key_name) or self.key
            parts.insert(0, (rates, tenant, "key", caller.key_id))
        if route in self.routes:
            parts.append((self.routes[route], "", "route", route))
        return applied(parts)


def named(limit: Limit) -> str:
    """Return a limit in words for whoever ran into it, without whose it is."""
    return f"{_KINDS[limit.key.kind]} of {_SCOPES[limit.key.scope]}"


def _quota_of_refusal(standings: Sequence[Standing], now: float) -> Quota | None:
    limits = [standing.limit for standing in standings]
    requests, tokens = _told(limits, LimitKind.REQUESTS), _told(limits, LimitKind.TOKENS)
    if not (requests or tokens):
        return None
    return Quota(_tightest(standings, requests), _tightest(standings, tokens), now)


def _tightest(standings: Sequence[Standing], places: tuple[int, ...]) -> Left | None:
    if not places:
        return None
    found = standings[places[0]]
    for place in places[1:]:
        if standings[place].remaining < found.remaining:
            found = standings[place]
    most = found.limit.per_minute
    remaining = found.remaining
    return Left(int(most), int(min(remaining, most)), found.reset_s)
