"""Planning: the name a client used -> the targets to try, in order, with the reason for each.

A name is, in this order: a route or its alias; `provider/model`; a model some provider lists or
was found to serve; any name that a provider without a list accepts. The first that fits decides.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from typing import Any

from ..domain.adjustments import Policy
from ..domain.capabilities import refine
from ..domain.errors import ConfigurationError, ModelNotFound
from ..domain.request import LENIENT, SchemaRules
from .plan import (
    DEFAULT_TERMS,
    Affinity,
    AttemptTerms,
    Plan,
    ProviderEntry,
    RouteRules,
    Strategy,
    Target,
)

_REMEMBERED_PLANS = 2048


@dataclass(frozen=True, slots=True)
class TargetSpec:
    """One target of a route as configured; `changes` override its capability record."""

    provider: str
    model: str
    changes: Mapping[str, Any] = field(default_factory=dict[str, Any])  # Any: see CapabilityRule
    weight: float = 1.0


@dataclass(frozen=True, slots=True)
class RouteSpec:
    """A name clients use, and the targets behind it; `fallbacks` are other names."""

    model: str
    targets: tuple[TargetSpec, ...]
    aliases: tuple[str, ...] = ()
    policy: Policy = Policy.WARN
    schema_rules: SchemaRules = LENIENT
    terms: AttemptTerms = DEFAULT_TERMS
    strategy: Strategy = Strategy.ORDERED
    affinity: Affinity | None = None
    rules: RouteRules | None = None
    fallbacks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ModelEntry:
    """A name clients may use, and the provider that stands first behind it."""

    id: str
    owned_by: str


class Planner:
    """Plans by name. Built once; only what upstreams are found to serve is learnt later."""

    def __init__(
        self,
        providers: Sequence[ProviderEntry],
        routes: Sequence[RouteSpec] = (),
        default_policy: Policy = Policy.WARN,
    ) -> None:
        """Index the configuration.

        Raises:
            ConfigurationError: two providers or routes share a name, a route names no target or
                a provider that is not there, or its fallbacks lead nowhere or in a circle.
        """
        self._providers = {entry.name: entry for entry in providers}
        if len(self._providers) != len(providers):
            raise ConfigurationError("two providers have the same name; give each its own")
        self._default_policy = default_policy
        self._routes = self._index_routes(routes)
        self._found: dict[str, tuple[str, ...]] = {}
        self._listed: dict[str, Plan] = {}
        self._remembered: dict[str, Plan] = {}
        self._index()

    @property
    def providers(self) -> tuple[ProviderEntry, ...]:
        return tuple(self._providers.values())

    def plan(self, name: str) -> Plan:
        """Return what to try for a name a client used.

        Raises:
            ModelNotFound: nothing stands behind it.
        """
        plan = self._routes.get(name) or self._listed.get(name) or self._remembered.get(name)
        if plan is None:
            plan = self._by_provider(name)
            if len(self._remembered) >= _REMEMBERED_PLANS:
                self._remembered.clear()
            self._remembered[name] = plan
        return plan

    def learn(self, provider: str, models: Iterable[str]) -> None:
        """Take note of what a provider was found to serve."""
        self._found[provider] = tuple(models)
        self._index()

    def models(self) -> tuple[ModelEntry, ...]:
        """Return every name known to work, routes first."""
        named = {**self._listed, **self._routes}
        order = [*self._routes, *(name for name in self._listed if name not in self._routes)]
        return tuple(ModelEntry(name, named[name].targets[0].provider.name) for name in order)

    def _index(self) -> None:
        """List `model` for whoever serves it, several in order, and each as `provider/model`."""
        behind: dict[str, list[Target]] = {}
        for entry in self._providers.values():
            found = self._found.get(entry.name, ())
            for model in dict.fromkeys((*entry.models, *found)):
                told = "listed" if model in entry.models else "found to be served"
                target = self._target(entry, model, f"{told} by provider {entry.name}")
                behind.setdefault(model, []).append(target)
        self._listed = {
            model: Plan(model, tuple(targets), self._default_policy)
            for model, targets in behind.items()
        }
        self._remembered.clear()

    def _index_routes(self, routes: Sequence[RouteSpec]) -> dict[str, Plan]:
        named: dict[str, RouteSpec] = {}
        for spec in routes:
            for name in (spec.model, *spec.aliases):
                if name in named:
                    raise ConfigurationError(f"two routes or aliases are called {name!r}")
                named[name] = spec
        alone = {spec.model: self._route(spec) for spec in routes}
        whole: dict[str, Plan] = {}
        for spec in routes:
            there = {target.name for target in alone[spec.model].targets}
            fallbacks: list[Target] = []
            for target, reason in self._behind(spec, named, alone):
                if target.name not in there:
                    there.add(target.name)
                    fallbacks.append(replace(target, reason=reason))
            whole[spec.model] = replace(alone[spec.model], fallbacks=tuple(fallbacks))
        return {name: whole[spec.model] for name, spec in named.items()}

    def _behind(
        self, spec: RouteSpec, named: Mapping[str, RouteSpec], alone: Mapping[str, Plan]
    ) -> Iterator[tuple[Target, str]]:
        """Yield the targets of a route's fallbacks, of their fallbacks, and so on; and why.

        Raises:
            ConfigurationError: a fallback leads nowhere, or back.
        """
        path, walks, seen = {spec.model: None}, [iter(spec.fallbacks)], {spec.model}
        while walks:
            name = next(walks[-1], None)
            if name is None:
                walks.pop()
                path.popitem()
                continue
            route = next(reversed(path))
            other, reason = named.get(name), f"fallback {name} of route {route}"
            if other is None:
                yield self._fallback(name, route), reason
            elif other.model in path:
                names = [*path, other.model]
                circle = " -> ".join(names[names.index(other.model) :])
                raise ConfigurationError(f"fallbacks go in a circle: {circle}")
            elif other.model not in seen:
                seen.add(other.model)
                for target in alone[other.model].targets:
                    yield target, reason
                path[other.model] = None
                walks.append(iter(other.fallbacks))

    def _fallback(self, name: str, route: str) -> Target:
        prefix, _, rest = name.partition("/")
        entry, model = self._providers.get(prefix), rest
        if entry is None or not (rest in entry.models or entry.accepts(rest)):
            listing = (one for one in self._providers.values() if name in one.models)
            entry, model = next(listing, None), name
        if entry is None:
            raise ConfigurationError(
                f"the fallback {name!r} of route {route!r} is no route, alias or provider/model"
            )
        return self._target(entry, model, f"fallback of route {route}")

    def _route(self, spec: RouteSpec) -> Plan:
        if not spec.targets:
            raise ConfigurationError(f"route {spec.model!r} has no targets")
        targets = tuple(
            self._target(
                self._provider(target.provider, spec.model),
                target.model,
                f"target {number} of route {spec.model}",
                target.changes,
                target.weight,
            )
            for number, target in enumerate(spec.targets, 1)
        )
        return Plan(
            spec.model,
            targets,
            spec.policy,
            spec.schema_rules,
            spec.terms,
            spec.strategy,
            spec.affinity,
            spec.rules,
        )

    def _provider(self, name: str, route: str) -> ProviderEntry:
        entry = self._providers.get(name)
        if entry is None:
            near = get_close_matches(name, self._providers, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"known: {', '.join(self._providers)}"
            raise ConfigurationError(
                f"route {route!r} names the provider {name!r}, which is not configured", hint=hint
            )
        return entry

    def _target(
        self,
        entry: ProviderEntry,
        model: str,
        reason: str,
        changes: Mapping[str, Any] | None = None,  # Any: see CapabilityRule
        weight: float = 1.0,
    ) -> Target:
        record = entry.capabilities(model)
        if changes:
            record = refine(record, changes)
        return Target(entry, model, record, reason, weight)

    def _by_provider(self, name: str) -> Plan:
        prefix, slash, rest = name.partition("/")
        entry = self._providers.get(prefix)
        if slash and entry is not None and (rest in entry.models or entry.accepts(rest)):
            target = self._target(entry, rest, "named by the caller as provider/model")
            return Plan(name, (target,), self._default_policy)
        for entry in self._providers.values():
            if not entry.models and entry.accepts(name):
                target = self._target(entry, name, f"{entry.name} lists no models and takes it")
                return Plan(name, (target,), self._default_policy)
        known = [entry.id for entry in self.models()]
        lower = {known_name.lower(): known_name for known_name in known}
        near = get_close_matches(name[:200].lower(), lower, n=3, cutoff=0.5)
        raise ModelNotFound(name, nearest=tuple(lower[match] for match in near))
