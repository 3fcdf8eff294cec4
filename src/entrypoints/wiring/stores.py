"""The part of the container that says where things are kept."""

from pathlib import Path

from ...application.ports import Clock, Observer, StateLimits
from ..settings.sections import IN_MEMORY, Settings
from . import values
from .parts import GivePart, Store


def build(
    settings: Settings, clock: Clock, limits: StateLimits, observer: Observer, part: GivePart
) -> Store:
    """Return the store that is configured: in Redis what it keeps, the rest in the main one.

    Raises:
        ConfigurationError: what it needs is not installed.
    """
    storage = settings.storage
    kept_s = storage.proof_days * 86_400.0
    store = _main(settings, clock, kept_s, limits, observer, part)
    if storage.redis_url is not None:
        redis = part("redis", "redis")
        store = redis.build(storage.redis_url, store, clock, kept_s, limits, observer)
    return store


def _main(
    settings: Settings,
    clock: Clock,
    kept_s: float,
    limits: StateLimits,
    observer: Observer,
    part: GivePart,
) -> Store:
    keys = values.configured_keys(settings.keys)
    storage = settings.storage
    store: Store
    if storage.url is not None:
        postgres = part("postgres", "postgres")
        store = postgres.build(storage.url, keys, clock, kept_s, limits, observer)
    elif storage.path in (None, IN_MEMORY):
        store = part("memory").build(keys, clock, kept_s, limits)
    else:
        path = Path(storage.path).expanduser()
        store = part("sql").build(path, keys, clock, kept_s, limits)
    return store
