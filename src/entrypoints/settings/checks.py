"""What the types alone cannot say about a configuration."""

from collections import Counter
from collections.abc import Collection, Mapping
from ipaddress import ip_network

from .checks_attempts import check_api_keys, check_breaker, check_retries, check_route_times
from .checks_caching import check_caching
from .checks_health import check_health_settings
from .checks_limits import check_limits
from .checks_prices import check_prices
from .checks_providers import check_capabilities, check_provider
from .checks_routing import check_routing
from .checks_rules import check_rules
from .checks_server import check_server
from .checks_telemetry import check_telemetry
from .origins import Origins, spell
from .raw_tables import Table, is_list
from .references import references_in
from .resolving import nearest
from .sections import KeySettings, Settings, StateSettings, StorageSettings
from .toml_positions import KeyPath

_POSTGRES = ("postgresql://", "postgres://")
_REDIS = ("redis://", "rediss://", "unix://")
_SEAL_KEY_LETTERS = 32


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
        check_provider(provider, name, place, origins, presets)
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
            check_capabilities(target.capabilities, (*at, "capabilities"), origins)
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
