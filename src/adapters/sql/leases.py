"""Leases as rows: a row is a lease while its time is not over."""

import hashlib
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from itertools import islice

from sqlalchemy import Connection, and_, bindparam, delete, select, update

from ...application.ports import Clock, LeaseKey, Leases
from . import schema
from .database import Database
from .records import is_storable

_leases = schema.leases.c
_IN_ONE_SELECT = 500
_LONGEST = 200

_this = and_(_leases.tenant == bindparam("of"), _leases.subject == bindparam("this"))
_RELEASE = delete(schema.leases).where(_this, _leases.holder == bindparam("by"))
_HELD = (
    select(_leases.subject)
    .where(
        _leases.tenant == bindparam("of"),
        _leases.subject.in_(bindparam("some", expanding=True)),
        _leases.holder == bindparam("by"),
        _leases.held_until > bindparam("now"),
    )
    .order_by(_leases.subject)
    .with_for_update()
)
_RENEW = update(schema.leases).where(_this).values(held_until=bindparam("new_end"))


class SqlLeases(Leases):
    """Time is this machine's: machines that share a database keep their clocks together."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._take = database.upsert(schema.leases, where=_leases.held_until <= bindparam("now"))

    async def take(self, key: LeaseKey, holder: str, ttl_s: float) -> bool:
        now = self._clock.now()
        row = {
            "tenant": _word(key.tenant),
            "subject": _word(key.subject),
            "holder": holder,
            "held_until": now + ttl_s,
            "now": now,
        }
        return await self._database.write(
            lambda connection: connection.execute(self._take, row).rowcount == 1
        )

    async def renew(
        self, keys: Collection[LeaseKey], holder: str, ttl_s: float
    ) -> Collection[LeaseKey]:
        by_tenant: defaultdict[str, dict[str, LeaseKey]] = defaultdict(dict)
        for key in keys:
            by_tenant[_word(key.tenant)][_word(key.subject)] = key
        if not by_tenant:
            return ()
        now = self._clock.now()
        wanted = {tenant: sorted(subjects) for tenant, subjects in sorted(by_tenant.items())}
        renewed = await self._database.write(
            lambda connection: _renew(connection, wanted, holder, now, ttl_s)
        )
        return [by_tenant[tenant][subject] for tenant, subject in renewed]

    async def release(self, key: LeaseKey, holder: str) -> None:
        this = {"of": _word(key.tenant), "this": _word(key.subject), "by": holder}

        def release(connection: Connection) -> None:
            connection.execute(_RELEASE, this)

        await self._database.write(release)


def _renew(
    connection: Connection,
    wanted: Mapping[str, Sequence[str]],
    holder: str,
    now: float,
    ttl_s: float,
) -> list[tuple[str, str]]:
    renewed: list[tuple[str, str]] = []
    for tenant, subjects in wanted.items():
        rest = iter(subjects)
        while some := list(islice(rest, _IN_ONE_SELECT)):
            held = connection.execute(_HELD, {"of": tenant, "some": some, "by": holder, "now": now})
            renewed.extend((tenant, subject) for (subject,) in held)
    if renewed:
        connection.execute(
            _RENEW,
            [
                {"of": tenant, "this": subject, "new_end": now + ttl_s}
                for tenant, subject in renewed
            ],
        )
    return renewed


def _word(text: str) -> str:
    """Return the text, or what stands for one that a key cannot hold: subjects may be anything."""
    if len(text) <= _LONGEST and is_storable(text):
        return text
    return "#" + hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
