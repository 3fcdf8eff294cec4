"""What contradicts itself in a configuration's limits."""

from collections.abc import Collection, Iterator

from .limits import RateSettings
from .origins import Origins, spell
from .resolving import nearest
from .sections import IN_MEMORY, Settings
from .toml_positions import KeyPath

_RATE_KEYS = ("requests_per_minute", "tokens_per_minute")
_LOCAL = "local"  # the tenant of callers without a key, on the loopback


def check_limits(settings: Settings, origins: Origins) -> None:
    """Raise for the first thing that cannot work, or could never be reached.

    Raises:
        ConfigurationError: with its place.
    """
    for path, rates in _every(settings):
        _check_rates(rates, path, origins)
    limits, storage = settings.limits, settings.storage
    if limits.shared == "redis" and storage.redis_url is None:
        raise origins.error(
            ("limits", "shared"),
            'limits.shared: "redis" is that of storage.redis_url, which is not there',
            hint='write storage.redis_url, or "machine" for the processes of this machine alone',
        )
    if storage.path == IN_MEMORY and storage.url is None:
        # Elsewhere keys are made at any time, and tenants with them.
        names = [key.name for key in settings.keys]
        tenants = dict.fromkeys((*(key.tenant for key in settings.keys), _LOCAL))
        _check_known(limits.keys, names, "keys", "key", origins)
        _check_known(limits.tenants, tenants, "tenants", "tenant", origins)


def _every(settings: Settings) -> Iterator[tuple[KeyPath, RateSettings]]:
    limits = settings.limits
    yield ("limits", "key"), limits.key
    yield ("limits", "tenant"), limits.tenant
    for name, rates in limits.keys.items():
        yield ("limits", "keys", name), rates
    for name, rates in limits.tenants.items():
        yield ("limits", "tenants", name), rates
    for number, route in enumerate(settings.routes):
        yield ("routes", number, "limits"), route.limits
    for path, _, provider in settings.named_providers():
        yield (*path, "limits"), provider.limits


def _check_rates(rates: RateSettings, path: KeyPath, origins: Origins) -> None:
    requests, tokens = rates.requests_per_minute, rates.tokens_per_minute
    flows = [(key, rate) for key, rate in zip(_RATE_KEYS, (requests, tokens), strict=True) if rate]
    if rates.wait_s > 0 and not flows and rates.concurrent is None:
        raise origins.error(
            (*path, "wait_s"),
            f"{spell((*path, 'wait_s'))}: there is no limit here to wait for",
            hint="name one beside it: requests_per_minute, tokens_per_minute or concurrent",
        )
    if rates.burst_s != RateSettings().burst_s and not flows:
        raise origins.error(
            (*path, "burst_s"),
            f"{spell((*path, 'burst_s'))}: nothing flows here that could be saved up",
            hint="name one beside it: requests_per_minute or tokens_per_minute",
        )
    for key, rate in flows:
        if rate * rates.burst_s < 60:
            raise origins.error(
                (*path, "burst_s"),
                f"{spell(path)}: in {rates.burst_s:g} s not even one of {rate} {key} is saved up",
                hint=f"burst_s = {60 / rate:g} is the least",
            )
    if requests is not None and tokens is not None and tokens < requests:
        raise origins.error(
            (*path, "tokens_per_minute"),
            f"{spell(path)}: with {tokens} tokens per minute {requests} requests can never be made",
            hint="each takes at least one token",
        )


def _check_known(
    named: Collection[str], known: Collection[str], table: str, what: str, origins: Origins
) -> None:
    for name in named:
        if name not in known:
            path: KeyPath = ("limits", table, name)
            raise origins.error(
                path, f'{spell(path)}: there is no {what} "{name}"', hint=nearest(name, known)
            )
