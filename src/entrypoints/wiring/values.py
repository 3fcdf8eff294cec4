"""From the settings to the values that the layers below are given."""

from ...application.keys import HeldKey, configured_key
from ...application.ports import Clock, StateLimits
from ...domain.redaction import redact
from ...domain.secret import Secret
from ..bodies import BodyWatch
from ..lifespan import Pace
from ..services import HttpLimits
from ..settings.health import HealthSettings
from ..settings.providers import OpenAiCompatSettings, ProviderSettings
from ..settings.sections import KeySettings, ServerSettings, Settings, StateSettings


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
