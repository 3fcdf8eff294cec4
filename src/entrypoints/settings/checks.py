"""What the types alone cannot say about a configuration."""

import re
from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from ipaddress import ip_network
from urllib.parse import urlsplit

from ...domain.capabilities import Capabilities, refine
from ...domain.errors import ConfigurationError
from ...domain.secret import Secret
from .checks_attempts import check_api_keys, check_breaker, check_retries, check_route_times
from .checks_caching import check_caching
from .checks_health import check_health_settings
from .checks_limits import check_limits
from .checks_prices import check_prices
from .checks_routing import check_routing
from .checks_rules import check_rules
from .checks_server import check_server
from .checks_telemetry import check_telemetry
from .origins import Origins, spell
from .providers import (
    AnthropicSettings,
    AzureSettings,
    BedrockSettings,
    CohereSettings,
    DemoSettings,
    KeyedSection,
    OpenAiCompatSettings,
    ProviderSettings,
    VertexSettings,
)
from .raw_tables import Raw, Table, is_list
from .references import references_in
from .resolving import nearest
from .sections import KeySettings, Settings, StateSettings, StorageSettings
from .toml_positions import KeyPath

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # RFC 9110, token
_POSTGRES = ("postgresql://", "postgres://")
_REDIS = ("redis://", "rediss://", "unix://")
_SEAL_KEY_LETTERS = 32
_HEADER_VALUE = re.compile(r"[\t\x20-\x7e\x80-\xff]*")  # RFC 9110, field-content


def check_settings(
    settings: Settings, tree: Table, origins: Origins, presets: Collection[str]
) -> None:
    """Raise for the first thing that cannot work; `tree` is the file before references.

    Raises:
        ConfigurationError: with its place.
    """
    providers = settings.named_providers()
    names = {path: name for path, name, _ in providers}
    _check_unique(names, "providers", 'give one of them a "name"', origins)
    for place, name, provider in providers:
        _check_provider(provider, name, place, origins, presets)
        check_api_keys(provider, place, origins)
    check_breaker(settings.breaker, origins)
    check_retries(settings.retry, origins)
    check_prices(settings.prices.models, ("prices", "models"), names.values(), origins)
    _check_storage(settings.storage, origins)
    check_server(settings, origins)
    _check_seal_keys(settings.state, tree, origins)
    for number, network in enumerate(settings.media.allow_networks):
        _check_network(network, ("media", "allow_networks", number), origins)
    routes: dict[KeyPath, str] = {}
    for number, route in enumerate(settings.routes):
        path: KeyPath = ("routes", number)
        routes[(*path, "model")] = route.model
        for index, alias in enumerate(route.aliases):
            routes[(*path, "aliases", index)] = alias
        for index, target in enumerate(route.targets):
            at = (*path, "targets", index)
            if target.provider not in names.values():
                raise origins.error(
                    (*at, "provider"),
                    f'{spell(at)}: there is no provider "{target.provider}"',
                    hint=nearest(target.provider, names.values()),
                )
            _check_capabilities(target.capabilities, (*at, "capabilities"), origins)
        check_route_times(route, path, origins)
    _check_unique(routes, "routes or aliases", "each name can mean one thing", origins)
    check_routing(settings, origins)
    check_rules(settings, origins)
    check_telemetry(settings.telemetry, origins)
    check_limits(settings, origins)
    check_caching(settings, origins)
    check_health_settings(settings.health, origins)
    keys: dict[KeyPath, str] = {
        ("keys", index, "name"): key.name for index, key in enumerate(settings.keys)
    }
    _check_unique(keys, "keys", "give each its own name", origins)
    for index, key in enumerate(settings.keys):
        _check_key(key, tree["keys"][index], ("keys", index), origins)


def _check_unique(names: Mapping[KeyPath, str], what: str, hint: str, origins: Origins) -> None:
    counts = Counter(names.values())
    for path, name in reversed(list(names.items())):
        if counts[name] > 1:
            raise origins.error(path, f'two {what} are called "{name}"', hint=hint)


def _check_provider(
    provider: ProviderSettings,
    name: str,
    path: KeyPath,
    origins: Origins,
    presets: Collection[str],
) -> None:
    if not _NAME.fullmatch(name):
        raise origins.error(
            (*path, "name"),
            f'{spell(path)}: "{name}" cannot be a provider\'s name',
            hint="letters, digits, dot, dash and underscore: clients write name/model",
        )
    for pattern, changes in provider.capabilities.items():
        _check_capabilities(changes, (*path, "capabilities", pattern), origins)
    if isinstance(provider, DemoSettings):
        return
    for header, content in provider.headers.items():
        _check_header(header, content, (*path, "headers", header), origins)
    if isinstance(provider, KeyedSection):
        if provider.api_key is not None:
            _check_header("authorization", provider.api_key, (*path, "api_key"), origins)
        for number, one in enumerate(provider.api_keys):
            _check_header("authorization", one, (*path, "api_keys", number), origins)
    if isinstance(provider, OpenAiCompatSettings) and provider.auth_header is not None:
        _check_header(provider.auth_header, Secret(""), (*path, "auth_header"), origins)
    if provider.base_url is not None:
        _check_url(provider.base_url, (*path, "base_url"), origins)
    if (
        isinstance(provider, OpenAiCompatSettings)
        and provider.preset is None
        and provider.base_url is None
    ):
        raise origins.error(
            path,
            f'{spell(path)}: "base_url" is missing',
            hint='such as base_url = "https://llm.example.com/v1", or name a preset',
        )
    if isinstance(provider, OpenAiCompatSettings) and provider.preset not in (None, *presets):
        raise origins.error(
            (*path, "preset"),
            f'{spell(path)}: there is no preset "{provider.preset}"',
            hint=nearest(str(provider.preset), presets),
        )
    if isinstance(provider, AzureSettings):
        _check_azure(provider, path, origins)
    if isinstance(provider, BedrockSettings):
        _check_bedrock(provider, path, origins)
    for key, text in _sent_in_headers(provider):
        _check_header("x", Secret(text), (*path, key), origins)


def _sent_in_headers(provider: ProviderSettings) -> Iterator[tuple[str, str]]:
    """Yield what of a provider's own keys goes out in a header, beside its key."""
    if isinstance(provider, VertexSettings | AnthropicSettings | BedrockSettings):
        yield "anthropic_beta", ",".join(provider.anthropic_beta)
    if isinstance(provider, AnthropicSettings):
        yield "workspace_id", provider.workspace_id or ""
    if isinstance(provider, CohereSettings):
        yield "client_name", provider.client_name or ""


def _check_header(name: str, value: Secret, path: KeyPath, origins: Origins) -> None:
    if not _HEADER_NAME.fullmatch(name):
        raise origins.error(path, f'{spell(path)}: "{name}" cannot be a header\'s name')
    if not _HEADER_VALUE.fullmatch(value.reveal()):
        raise origins.error(
            path,
            f"{spell(path)}: no header can hold this value",
            hint="look for line breaks, and for typographic quotes or spaces around it",
        )


def _check_storage(storage: StorageSettings, origins: Origins) -> None:
    if storage.path is not None and storage.url is not None:
        raise origins.error(
            ("storage", "url"),
            "storage: path and url are two places for the same things",
            hint="keep url for Postgres, path for a file of SQLite",
        )
    for key, url, schemes, example in (
        ("url", storage.url, _POSTGRES, "postgresql://user@db.example.com/modelmux"),
        ("redis_url", storage.redis_url, _REDIS, "redis://redis.example.com:6379/0"),
    ):
        if url is not None and not url.reveal().startswith(schemes):
            raise origins.error(
                ("storage", key),
                f"storage.{key}: this address begins with none of {', '.join(schemes)}",
                hint=f'such as "{example}"',
            )


def _check_seal_keys(state: StateSettings, tree: Table, origins: Origins) -> None:
    if state.seal_keys and state.seal_file is not None:
        raise origins.error(
            ("state", "seal_file"),
            "state: seal_file and seal_keys are two places for the same keys",
            hint="keep seal_keys where several machines share them",
        )
    written = tree.get("state", {}).get("seal_keys", ())
    listed = written if is_list(written) else [written] * len(state.seal_keys)
    for number, (key, raw) in enumerate(zip(state.seal_keys, listed, strict=False)):
        path: KeyPath = ("state", "seal_keys", number)
        if not references_in(str(raw)):
            raise origins.error(
                path,
                f"{spell(path)}: a key does not stand in the file as it is",
                hint='write "${VARIABLE}" or "${file:/path}"',
            )
        if len(key.reveal()) < _SEAL_KEY_LETTERS:
            raise origins.error(
                path,
                f"{spell(path)}: a key has at least {_SEAL_KEY_LETTERS} letters",
                hint="openssl rand -base64 32 makes one",
            )


def _check_network(network: str, path: KeyPath, origins: Origins) -> None:
    try:
        ip_network(network)
    except ValueError as error:
        raise origins.error(
            path, f"{spell(path)}: {error}", hint='such as "10.1.0.0/16" or "10.1.2.3"'
        ) from error


def _check_url(url: str, path: KeyPath, origins: Origins) -> None:
    try:
        parts = urlsplit(url)
        good = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        good = False
        parts = urlsplit("")
    if not good:
        raise origins.error(
            path,
            f"{spell(path)}: this is not an http or https address",
            hint='such as "https://llm.example.com/v1"',
        )
    if parts.username is not None:
        raise origins.error(
            path,
            f"{spell(path)}: an address holds no user or password",
            hint='write the key as api_key = "${VARIABLE}"',
        )


def _check_azure(provider: AzureSettings, path: KeyPath, origins: Origins) -> None:
    ways = {
        "api_key": provider.api_key,
        "api_keys": provider.api_keys or None,
        "client_secret": provider.client_secret,
        "identity": provider.identity,
    }
    chosen = [way for way, value in ways.items() if value is not None]
    if len(chosen) > 1:
        raise origins.error(
            (*path, chosen[-1]),
            f"{spell(path)}: {' and '.join(chosen)} are two ways to sign in",
            hint="keep one of them",
        )
    if provider.client_secret is not None and None in (provider.tenant_id, provider.client_id):
        raise origins.error(
            (*path, "client_secret"),
            f"{spell(path)}: client_secret needs tenant_id and client_id beside it",
        )


def _check_bedrock(provider: BedrockSettings, path: KeyPath, origins: Origins) -> None:
    if (provider.api_key or provider.api_keys) and provider.profile is not None:
        raise origins.error(
            (*path, "profile"),
            f"{spell(path)}: an API key and profile are two ways to sign in",
            hint="keep one of them",
        )
    if provider.mantle_base_url is not None:
        _check_url(provider.mantle_base_url, (*path, "mantle_base_url"), origins)


def _check_capabilities(changes: Mapping[str, Raw], path: KeyPath, origins: Origins) -> None:
    for name, value in changes.items():
        try:
            refine(Capabilities(), {name: value})
        except ConfigurationError as error:
            known = Capabilities.__dataclass_fields__
            hint = None if name in known else nearest(name, known)
            message = f'there is no capability "{name}"' if hint else error.message
            raise origins.error((*path, name), f"{spell(path)}: {message}", hint=hint) from error


def _check_key(key: KeySettings, raw: Table, path: KeyPath, origins: Origins) -> None:
    if (key.hash is None) == (key.key is None):
        raise origins.error(path, f'{spell(path)}: write either "hash" or "key"', hint=_HOW_TO_HASH)
    if key.key is not None and not references_in(str(raw.get("key", ""))):
        raise origins.error(
            (*path, "key"), f"{spell(path)}: a key does not stand in the file as it is",
            hint=_HOW_TO_HASH,
        )  # fmt: skip


_HOW_TO_HASH = (
    'write hash = "sha256:…" as `modelmux keys hash` prints it, or key = "${VARIABLE}", '
    'or key = "${file:/path}"'
)
