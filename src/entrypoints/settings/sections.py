"""The configuration as one frozen value: what `file` makes of file and environment."""

from typing import Annotated, Literal

from msgspec import Meta

from ...domain.secret import Secret
from .attempts import BreakerSettings, RetrySettings
from .caching import CacheSettings
from .health import HealthSettings, MetricsSettings
from .limits import LimitsSettings
from .overload import OverloadSettings
from .prices import PricesSettings
from .providers import OpenAiCompatSettings, ProviderSettings
from .routing import RouteSettings, RoutingSettings
from .section import Count, Seconds, Section
from .telemetry import TelemetrySettings
from .toml_positions import KeyPath

DEFAULT_PORT = 3000
IN_MEMORY = ":memory:"


class ServerSettings(Section, frozen=True):
    """`port` 0 takes any free one, `workers` 0 one a core.

    `trusted_proxies` are those whose forwarded headers count. `drain_grace_s` is what running
    answers get at the end, `reload_grace_s` what they get after a reload.
    """

    host: str = "127.0.0.1"
    port: Annotated[int, Meta(ge=0, le=65535)] = DEFAULT_PORT
    max_body_bytes: Count = 32 * 2**20
    max_header_bytes: Count = 64 * 2**10
    header_timeout_s: Seconds = 10.0
    body_timeout_s: Seconds = 30.0
    write_timeout_s: Seconds = 120.0
    keep_alive_s: Seconds = 75.0
    stream_keepalive_s: Seconds = 15.0
    drain_grace_s: Annotated[float, Meta(ge=0)] = 30.0
    reload_grace_s: Annotated[float, Meta(ge=0)] = 3600.0
    workers: Annotated[int, Meta(ge=0, le=1024)] = 1
    trusted_proxies: tuple[str, ...] = ()


class LogSettings(Section, frozen=True):
    """`auto` is pretty on a terminal and JSON elsewhere."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    format: Literal["auto", "json", "pretty"] = "auto"

    def is_pretty(self, *, on_terminal: bool) -> bool:
        """Return whether it is written for a person."""
        return self.format == "pretty" or (self.format == "auto" and on_terminal)


class StorageSettings(Section, frozen=True):
    """`path` None is the user's data folder; `:memory:` keeps nothing.

    `url` is a Postgres database in place of the file; `redis_url` takes what is kept of turns.
    """

    path: str | None = None
    url: Secret | None = None
    redis_url: Secret | None = None
    proof_days: Annotated[float, Meta(gt=0)] = 7.0


class StateSettings(Section, frozen=True):
    """Responses and conversations. The first of `seal_keys` seals, in place of a file's."""

    days: Annotated[float, Meta(gt=0)] = 30.0
    max_response_bytes: Count = 16 * 2**20
    max_responses_per_tenant: Count = 200_000
    max_responses: Count = 1_000_000
    max_conversations_per_tenant: Count = 50_000
    max_conversations: Count = 250_000
    max_conversation_items: Count = 10_000
    max_background: Count = 1000
    seal_file: str | None = None
    seal_keys: tuple[Secret, ...] = ()


class MediaSettings(Section, frozen=True):
    """Images that callers name by address. `allow_networks` are private ones that may be asked."""

    max_bytes: Count = 10 * 2**20
    timeout_s: Seconds = 10.0
    ports: tuple[Annotated[int, Meta(ge=1, le=65535)], ...] = (80, 443)
    allow_networks: tuple[str, ...] = ()


class KeySettings(Section, frozen=True):
    """A key callers show: its SHA-256, or a reference to where its text is kept."""

    name: str
    tenant: str = "default"
    hash: Annotated[str, Meta(pattern="^sha256:[0-9a-f]{64}$")] | None = None
    key: Secret | None = None
    tags: tuple[str, ...] = ()


class Settings(Section, frozen=True):
    """Everything. `provider` is the short form of a single `[[providers]]`."""

    server: ServerSettings = ServerSettings()
    log: LogSettings = LogSettings()
    storage: StorageSettings = StorageSettings()
    state: StateSettings = StateSettings()
    media: MediaSettings = MediaSettings()
    routing: RoutingSettings = RoutingSettings()
    retry: RetrySettings = RetrySettings()
    breaker: BreakerSettings = BreakerSettings()
    provider: ProviderSettings | None = None
    providers: tuple[ProviderSettings, ...] = ()
    routes: tuple[RouteSettings, ...] = ()
    keys: tuple[KeySettings, ...] = ()
    limits: LimitsSettings = LimitsSettings()
    cache: CacheSettings = CacheSettings()
    overload: OverloadSettings = OverloadSettings()
    prices: PricesSettings = PricesSettings()
    telemetry: TelemetrySettings = TelemetrySettings()
    health: HealthSettings = HealthSettings()
    metrics: MetricsSettings = MetricsSettings()

    def named_providers(self) -> tuple[tuple[KeyPath, str, ProviderSettings], ...]:
        """Return both spellings in one list: where each provider stands, its name, and itself."""
        first = () if self.provider is None else (self.provider,)
        paths: list[KeyPath] = [("provider",) for _ in first]
        paths += [("providers", index) for index in range(len(self.providers))]
        listed = (*first, *self.providers)
        return tuple(
            (path, provider_name(provider), provider)
            for path, provider in zip(paths, listed, strict=True)
        )


def provider_name(provider: ProviderSettings) -> str:
    """Return the name, or what stands for it."""
    preset = provider.preset if isinstance(provider, OpenAiCompatSettings) else None
    return provider.name or preset or str(provider.__struct_config__.tag)
