"""What the provider's parts of the container share: the shape they give, and common options.

Each `wiring_*` module names the adapters of one family and is imported by `container.py` alone,
when the configuration names that family.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from ..adapters.transport.proxies import NO_PROXIES, ProxyRules
from ..adapters.transport.settings import TransportSettings
from ..application.planning import accepts_any
from ..application.ports import KeyRegistry, KeyRing, LlmProvider, ProofVault, UpstreamProbe
from ..domain.capabilities import Capabilities
from ..domain.secret import Secret
from .provider_settings import AzureProvider, NetworkProvider

Closing: TypeAlias = Callable[[], Awaitable[None]]


async def nothing_to_close() -> None: ...


@dataclass(frozen=True, slots=True)
class Adapter:
    """A provider as its package gives it, before filters.

    `models` are those it always has. Each of `explains` says in a sentence what was found where for
    it, and why; it may ask the network, and raise what was wrong.
    """

    llm: LlmProvider
    capabilities: Callable[[str], Capabilities]
    accepts: Callable[[str], bool] = accepts_any
    probe: UpstreamProbe | None = None
    models: tuple[str, ...] = ()
    aclose: Closing = nothing_to_close
    explains: tuple[Callable[[], Awaitable[str]], ...] = ()


@dataclass(frozen=True, slots=True)
class Store:
    """What is kept; `opens` and `closes` are in the order to be called."""

    ring: KeyRing
    registry: KeyRegistry
    vault: ProofVault
    opens: tuple[Closing, ...] = ()
    closes: tuple[Closing, ...] = ()


def transport_of(provider: NetworkProvider, environ: Mapping[str, str]) -> TransportSettings:
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
        proxies=ProxyRules.from_environment(environ) if trusted else NO_PROXIES,
    )


def headers_of(provider: NetworkProvider) -> tuple[tuple[str, str], ...]:
    return tuple((name.lower(), value.reveal()) for name, value in provider.headers.items())


def own_key(
    written: Secret | None, variable: str | None, environ: Mapping[str, str]
) -> Secret | None:
    """Return the key that is written, or the one where the service's users keep theirs."""
    if written is None and variable and (kept := environ.get(variable)):
        return Secret(kept)
    return written


def uses_deployments(settings: AzureProvider) -> bool:
    """Return whether Azure is called at the older path; its versions are dates."""
    if settings.deployments is not None:
        return settings.deployments
    return settings.api_version not in (None, "preview", "latest", "v1")
