"""Responses as rows: what the database is asked, and what its answers mean."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import (
    ColumnElement,
    Connection,
    Double,
    String,
    and_,
    bindparam,
    delete,
    func,
    insert,
    or_,
    select,
    tuple_,
    update,
)

from ...domain.turn import RUNNING, ResponseRecord
from ..stored.records import decode_if_known, decode_record, encode_record
from ..stored.refusals import too_large
from . import schema

_responses = schema.responses.c
_events = schema.response_events.c
_leases = schema.leases.c
_EXPORT_KEYS = 500
_EXPORT_BYTES = 8 * 2**20

RUNS = _responses.status.in_(sorted(RUNNING))
RUNS_NO_MORE = _responses.status.not_in(sorted(RUNNING))

INSERT = insert(schema.responses)

_this = and_(_responses.tenant == bindparam("of"), _responses.id == bindparam("this"))
_FIND = select(_responses.value).where(_this, or_(_responses.used_at > bindparam("oldest"), RUNS))
_SETTLE = (
    update(schema.responses)
    .where(_this, RUNS)
    .values({name: bindparam(f"new_{name}") for name in ("status", "used_at", "value")})
)
_TOUCH = (
    update(schema.responses)
    .where(_this, _responses.used_at < bindparam("now"))
    .values(used_at=bindparam("now"))
)
_DELETE = delete(schema.responses).where(_this, or_(_responses.used_at > bindparam("oldest"), RUNS))
_DELETE_EVENTS = delete(schema.response_events).where(
    _events.tenant == bindparam("of"), _events.response == bindparam("this")
)

# Ids alone go through the recursion, and each once: a circle, which nobody can build, would end.
_line = select(_responses.id, _responses.previous).where(_this).cte("line", recursive=True)
_line = _line.union(
    select(_responses.id, _responses.previous).where(
        _responses.tenant == bindparam("of"), _responses.id == _line.c.previous
    )
)
_CHAIN = (
    select(_responses.id, _responses.previous, _responses.used_at, RUNS, _responses.value)
    .join_from(_line, schema.responses, _responses.id == _line.c.id)
    .where(_responses.tenant == bindparam("of"))
)

_ABANDONED = (
    select(_responses.tenant, _responses.id, _responses.value)
    .outerjoin(
        schema.leases,
        and_(
            _leases.tenant == _responses.tenant,
            _leases.subject == _responses.id,
            _leases.held_until > bindparam("now"),
        ),
    )
    .where(RUNS, _responses.background == 1, _leases.holder.is_(None))
    .order_by(_responses.created_at)
    .limit(1000)
)

_EXPORT = (
    select(_responses.created_at, _responses.id, func.length(_responses.value))
    .where(
        _responses.tenant == bindparam("of"),
        or_(_responses.used_at > bindparam("oldest"), RUNS),
        tuple_(_responses.created_at, _responses.id)
        > tuple_(bindparam("after_time", type_=Double), bindparam("after_id", type_=String)),
    )
    .order_by(_responses.created_at, _responses.id)
    .limit(_EXPORT_KEYS)
)


@dataclass(frozen=True, slots=True)
class NewRow:
    columns: Mapping[str, object]
    size_bytes: int


def new_row(record: ResponseRecord, now: float, most_bytes: int) -> NewRow:
    """Return a response ready to be stored.

    Raises:
        InvalidRequest: it is larger than a response may be.
        StoreError: it cannot be written down.
    """
    value = encode_record(record)
    if len(value) > most_bytes:
        raise too_large(len(value), most_bytes)
    columns = {
        "tenant": record.tenant,
        "id": record.id,
        "previous": record.previous,
        "status": record.status.value,
        "background": int(record.background),
        "created_at": record.created_at,
        "used_at": now,
        "value": value,
    }
    return NewRow(columns, len(value))


def settle(connection: Connection, new: NewRow) -> bool:
    """Replace a response that runs; False if it runs no more or is gone."""
    columns = new.columns
    parameters = {"of": columns["tenant"], "this": columns["id"]}
    parameters |= {f"new_{name}": columns[name] for name in ("status", "used_at", "value")}
    return connection.execute(_SETTLE, parameters).rowcount == 1


def find(
    connection: Connection, tenant: str, response_id: str, oldest: float
) -> ResponseRecord | None:
    row = connection.execute(
        _FIND, {"of": tenant, "this": response_id, "oldest": oldest}
    ).one_or_none()
    return None if row is None else decode_record(row[0], tenant, response_id)


@dataclass(frozen=True, slots=True)
class Chain:
    """The records from the root on, and the ids of those last used before `stale`."""

    records: Sequence[ResponseRecord]
    stale: Sequence[str]


def chain(
    connection: Connection, tenant: str, response_id: str, oldest: float, stale: float
) -> Chain:
    """Return all a response continues; nothing if one of them is not there or `oldest`."""
    rows = {
        id_: (previous, used_at, value)
        for id_, previous, used_at, runs, value in connection.execute(
            _CHAIN, {"of": tenant, "this": response_id}
        )
        if runs or used_at > oldest
    }
    line: list[str] = []
    at: str | None = response_id
    while at is not None:
        row = rows.get(at)
        if row is None or len(line) >= len(rows):
            return Chain((), ())
        line.append(at)
        at = row[0]
    line.reverse()
    return Chain(
        [decode_record(rows[id_][2], tenant, id_) for id_ in line],
        sorted(id_ for id_ in line if rows[id_][1] < stale),
    )


def touch(connection: Connection, tenant: str, ids: Iterable[str], now: float) -> None:
    """Note the use of responses, in the order of their ids: two who do so never wait in a ring."""
    connection.execute(_TOUCH, [{"of": tenant, "this": id_, "now": now} for id_ in ids])


def forget(connection: Connection, tenant: str, response_id: str, oldest: float) -> bool:
    key = {"of": tenant, "this": response_id}
    if connection.execute(_DELETE, {**key, "oldest": oldest}).rowcount == 0:
        return False
    # After the response itself: who appends at the same time has either ended or finds it gone.
    connection.execute(_DELETE_EVENTS, key)
    return True


def abandoned(connection: Connection, now: float) -> Sequence[ResponseRecord]:
    rows = connection.execute(_ABANDONED, {"now": now})
    found = [decode_if_known(value, tenant, id_) for tenant, id_, value in rows]
    return [record for record in found if record is not None]


def export_keys(
    connection: Connection, tenant: str, after: tuple[float, str], oldest: float
) -> Sequence[tuple[float, str, int]]:
    """Return time, id and size of the next responses by age."""
    parameters = {"of": tenant, "after_time": after[0], "after_id": after[1], "oldest": oldest}
    rows = connection.execute(_EXPORT, parameters)
    return [(created_at, id_, size) for created_at, id_, size in rows]


def export_groups(keys: Iterable[tuple[float, str, int]]) -> Iterable[Sequence[str]]:
    """Yield the ids in groups of a few megabytes."""
    group: list[str] = []
    total = 0
    for _, id_, size in keys:
        if group and total + size > _EXPORT_BYTES:
            yield group
            group, total = [], 0
        group.append(id_)
        total += size
    if group:
        yield group


def read_group(connection: Connection, tenant: str, ids: Sequence[str]) -> list[ResponseRecord]:
    """Return those of the responses that are still there, by age."""
    rows = connection.execute(
        select(_responses.id, _responses.value)
        .where(_responses.tenant == tenant, _responses.id.in_(ids))
        .order_by(_responses.created_at, _responses.id)
    )
    return [decode_record(value, tenant, id_) for id_, value in rows]


def free(now: float, in_use_s: float) -> ColumnElement[bool]:
    """Return the condition of responses that may be swept."""
    return and_(RUNS_NO_MORE, _responses.used_at <= now - in_use_s)
