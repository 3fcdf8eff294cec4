"""What contradicts itself in a configuration's cache."""

from collections.abc import Iterator

from .caching import RouteCacheSettings
from .origins import Origins, spell
from .sections import Settings
from .toml_positions import KeyPath

_DAY_S = 86_400.0
_LONGEST_S = 365 * _DAY_S


def check_caching(settings: Settings, origins: Origins) -> None:
    """Raise for the first thing that cannot work, or would keep nothing.

    Raises:
        ConfigurationError: with its place.
    """
    cache, storage = settings.cache, settings.storage
    if cache.backend == "redis" and storage.redis_url is None:
        raise origins.error(
            ("cache", "backend"),
            'cache.backend: "redis" is that of storage.redis_url, which is not there',
            hint='write storage.redis_url, or backend = "memory"',
        )
    if cache.backend == "memory" and cache.max_answer_bytes > cache.max_bytes:
        raise origins.error(
            ("cache", "max_answer_bytes"),
            f"cache.max_answer_bytes: one answer may be larger ({cache.max_answer_bytes}) than "
            f"all together (cache.max_bytes: {cache.max_bytes})",
            hint="a tenth of max_bytes, or less, leaves room for others",
        )
    for path, one in _every(settings):
        if one.ttl_s > _LONGEST_S:
            raise origins.error(
                (*path, "ttl_s"),
                f"{spell((*path, 'ttl_s'))}: a year is the longest",
                hint="it is in seconds: 86400 is a day",
            )
        if one.tools and one.ttl_s > storage.proof_days * _DAY_S:
            raise origins.error(
                (*path, "ttl_s"),
                f"{spell((*path, 'ttl_s'))}: calls of tools would be given longer than their "
                f"proofs are kept (storage.proof_days: {storage.proof_days:g})",
                hint=f"at most {storage.proof_days * _DAY_S:g}, or a larger storage.proof_days",
            )


def _every(settings: Settings) -> Iterator[tuple[KeyPath, RouteCacheSettings]]:
    if settings.routing.cache is not None:
        yield ("routing", "cache"), settings.routing.cache
    for number, route in enumerate(settings.routes):
        if route.cache is not None:
            yield ("routes", number, "cache"), route.cache
