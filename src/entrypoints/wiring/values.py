"""From the settings to the values that the layers below are given."""

from collections.abc import Mapping

from ...application.keys import HeldKey, configured_key
from ...application.plan import Affinity, AttemptTerms, ProviderEntry, RouteRules, Strategy
from ...application.planning import Planner, RouteSpec, TargetSpec
from ...application.ports import Clock, StateLimits
from ...domain.redaction import redact
from ...domain.request import SchemaRules
from ...domain.secret import Secret
from ..bodies import BodyWatch
from ..caller_headers import HeaderReader, cache_control, no_headers, told_headers
from ..lifespan import Pace
from ..services import HttpLimits
from ..settings.file import Loaded
from ..settings.health import HealthSettings
from ..settings.origins import Origins, spell
from ..settings.providers import OpenAiCompatSettings, ProviderSettings
from ..settings.resolving import nearest
from ..settings.routing import RouteSettings
from ..settings.sections import KeySettings, ServerSettings, Settings, StateSettings
from . import caching


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


def body_watch(settings: Settings, clock: Clock) -> BodyWatch:
    telemetry = settings.telemetry
    return BodyWatch(clock, redact, traced=telemetry.traces and telemetry.content)


def kind_of(provider: ProviderSettings) -> str:
    """Return the type of a provider, or the known service it is."""
    preset = provider.preset if isinstance(provider, OpenAiCompatSettings) else None
    return preset or str(provider.__struct_config__.tag)


def configured_keys(keys: tuple[KeySettings, ...]) -> tuple[HeldKey, ...]:
    return tuple(
        configured_key(
            key.key or Secret(key.hash or ""), name=key.name, tenant=key.tenant, tags=key.tags
        )
        for key in keys
    )


def state_limits(state: StateSettings) -> StateLimits:
    return StateLimits(
        ttl_s=state.days * 86_400.0,
        response_bytes=state.max_response_bytes,
        tenant_responses=state.max_responses_per_tenant,
        responses=state.max_responses,
        tenant_conversations=state.max_conversations_per_tenant,
        conversations=state.max_conversations,
        conversation_items=state.max_conversation_items,
    )


def pace(health: HealthSettings) -> Pace:
    return Pace(health.probe_every_s, min(health.probe_when_unwell_s, health.probe_every_s))


def http_limits(server: ServerSettings) -> HttpLimits:
    return HttpLimits(
        max_body_bytes=server.max_body_bytes,
        body_timeout_s=server.body_timeout_s,
        max_header_bytes=server.max_header_bytes,
        header_timeout_s=server.header_timeout_s,
        keep_alive_s=server.keep_alive_s,
        stream_keepalive_s=server.stream_keepalive_s,
        drain_grace_s=server.drain_grace_s,
        reload_grace_s=server.reload_grace_s,
        write_timeout_s=server.write_timeout_s,
    )
