"""Options that providers reached over HTTP have in common."""

from collections.abc import Mapping

from ...adapters.transport.proxies import NO_PROXIES, ProxyRules
from ...adapters.transport.settings import TransportSettings
from ...domain.secret import Secret
from ..settings.providers import NetworkSection
from .parts import Surroundings


def transport_of(provider: NetworkSection, house: Surroundings) -> TransportSettings:
    trusted = provider.trust_env_proxy
    return TransportSettings(
        connect_timeout_s=provider.connect_timeout_s,
        first_byte_timeout_s=provider.first_byte_timeout_s,
        idle_timeout_s=provider.idle_timeout_s,
        total_timeout_s=provider.total_timeout_s,
        max_connections=provider.max_connections,
        max_waiting=provider.max_waiting,
        wait_timeout_s=provider.wait_timeout_s,
        ca_file=provider.ca_file,
        verify_tls=provider.verify_tls,
        proxies=ProxyRules.from_environment(house.environ) if trusted else NO_PROXIES,
        dry=house.dry,
    )


def headers_of(provider: NetworkSection) -> tuple[tuple[str, str], ...]:
    return tuple((name.lower(), value.reveal()) for name, value in provider.headers.items())


def own_key(
    written: Secret | None, variable: str | None, environ: Mapping[str, str]
) -> Secret | None:
    """Return the key that is written, or the one where the service's users keep theirs."""
    if written is None and variable and (kept := environ.get(variable)):
        return Secret(kept)
    return written
