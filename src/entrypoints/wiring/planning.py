"""The part of the container for routes: what plans by them, and what they read of requests."""

from collections.abc import Mapping

from ...application.plan import Affinity, AttemptTerms, ProviderEntry, RouteRules, Strategy
from ...application.planning import Planner, RouteSpec, TargetSpec
from ...application.ports import PriceBook
from ...domain.request import SchemaRules
from ..caller_headers import HeaderReader, cache_control, no_headers, told_headers
from ..settings.file import Loaded
from ..settings.origins import Origins, spell
from ..settings.resolving import nearest
from ..settings.routing import RouteSettings
from ..settings.sections import Settings
from . import caching
from .parts import GivePart


def rules(loaded: Loaded, prices: PriceBook, part: GivePart) -> Mapping[str, RouteRules]:
    """Return the rules of each route that has some, by its name.

    Raises:
        ConfigurationError: one does not compile, with its place; or what compiles is not installed.
    """
    if not any(route.rules for route in loaded.settings.routes):
        return {}
    compiled: Mapping[str, RouteRules] = part("rules", "rules").build(loaded, prices)
    return compiled


def planner(
    loaded: Loaded, entries: tuple[ProviderEntry, ...], rules: Mapping[str, RouteRules]
) -> Planner:
    """Return what plans by name.

    Raises:
        ConfigurationError: a fallback names a model that its provider does not take; its place.
    """
    settings = loaded.settings
    _check_fallbacks(settings, entries, loaded.origins)
    routes = [_route(route, rules.get(route.model)) for route in settings.routes]
    return Planner(entries, routes, settings.routing.policy)


def _check_fallbacks(
    settings: Settings, entries: tuple[ProviderEntry, ...], origins: Origins
) -> None:
    named = {name for route in settings.routes for name in (route.model, *route.aliases)}
    listed = {model for entry in entries for model in entry.models}
    by_name = {entry.name: entry for entry in entries}
    for number, route in enumerate(settings.routes):
        for index, name in enumerate(route.fallbacks):
            provider, _, model = name.partition("/")
            entry = by_name.get(provider)
            if name in named or name in listed or entry is None:
                continue  # that a provider is there was checked when the file was read
            if model not in entry.models and not entry.accepts(model):
                path = ("routes", number, "fallbacks", index)
                raise origins.error(
                    path, f'{spell(path)}: the provider "{provider}" has no model "{model}"',
                    hint=nearest(model, entry.models),
                )  # fmt: skip


def _route(route: RouteSettings, rules: RouteRules | None) -> RouteSpec:
    return RouteSpec(
        route.model,
        tuple(
            TargetSpec(target.provider, target.model, target.capabilities, target.weight)
            for target in route.targets
        ),
        route.aliases,
        route.policy,
        SchemaRules(route.structured_output.strict, route.structured_output.repair),
        AttemptTerms(
            frozenset(route.failover_on),
            route.first_event_timeout_s,
            route.total_timeout_s,
            route.hedge_after_s,
        ),
        Strategy(route.strategy),
        affinity_of(route.affinity),
        rules,
        route.fallbacks,
    )


def affinity_of(written: str | None) -> Affinity | None:
    """Return what `affinity` of a route means; it was checked when the file was read."""
    match written:
        case None:
            return None
        case "conversation" | "prompt_cache_key":
            return Affinity(written)
        case _:
            return Affinity("header", written.removeprefix("header:").lower())


def wants_headers(settings: Settings) -> bool:
    """Return whether anything in the configuration reads callers' headers."""
    return any(
        bool(route.rules) or (route.affinity or "").startswith("header:")
        for route in settings.routes
    )


def header_reader(settings: Settings) -> HeaderReader:
    """Return what picks those headers of callers that something reads."""
    if wants_headers(settings):
        return told_headers
    return no_headers if caching.routes(settings) is None else cache_control
