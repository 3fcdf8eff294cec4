"""The part of the container for Postgres: apart, because it needs the extra `postgres`."""

from collections.abc import Iterable
from dataclasses import replace

from ...adapters.sql.postgres import PostgresDatabase
from ...application.keys import HeldKey
from ...application.ports import Clock, Observer, StateLimits
from ...application.store_breaker import StoreBreaker
from ...domain.secret import Secret
from . import sql
from .parts import Store, needing


def build(
    url: Secret,
    configured: Iterable[HeldKey],
    clock: Clock,
    proofs_kept_s: float,
    limits: StateLimits,
    observer: Observer,
) -> Store:
    breaker = StoreBreaker("postgres", count=observer.count)
    with needing("postgres"):  # the first engine imports the driver
        database = PostgresDatabase(url, breaker=breaker)
    store = sql.build_on(database, configured, clock, proofs_kept_s, limits)
    turns = replace(store.turns, is_up=lambda: breaker.is_up)
    return replace(store, turns=turns, breakers=(breaker,))
