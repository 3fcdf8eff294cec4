"""A turn that is kept: what was asked, what came of it, and what it continues."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from .conversation import Compaction, Item, Message, OpaqueItem, Reasoning, ToolCall, ToolResult
from .events import FinishReason, TokenLogprob, Usage

MARK = "mmx"
"""Begins the random part of every id of ours, so that ids of ours are known from a vendor's."""

_ITEM_ID = re.compile(rf"[a-z]+_({MARK}[A-Za-z0-9]{{16,64}})_([io])([0-9]{{1,6}})", re.ASCII)


class Status(StrEnum):
    """Where a response is. Queued and in progress it runs; from the others it never moves."""

    QUEUED = "queued"
    IN_PROGRESS = "in_progress"
    COMPLETED = "completed"
    INCOMPLETE = "incomplete"
    FAILED = "failed"
    CANCELLED = "cancelled"


RUNNING = frozenset({Status.QUEUED, Status.IN_PROGRESS})
CONTINUABLE = frozenset({Status.COMPLETED, Status.INCOMPLETE})


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a response failed: `code` is one of the Responses API's words, such as `server_error`."""

    code: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ResponseRecord:
    """One response as it is kept; never changed once it stopped running.

    `settings` is JSON text: what the dialect repeats of the request in every view of the response
    (model, tools, metadata, ...), opaque to all but that dialect. `input` are the response's own
    input items without instructions, `output` what the model said; their ids are made of the
    response's: `item_id`. Times are seconds since the epoch; `reason` is set with the end,
    and with it `verdict`: in what the output does not fit the schema that was asked for, if found.
    """

    tenant: str
    id: str
    status: Status
    created_at: float
    settings: bytes
    input: tuple[Item, ...] = ()
    output: tuple[Item, ...] = ()
    logprobs: tuple[TokenLogprob, ...] = ()
    previous: str | None = None
    conversation: str | None = None
    store: bool = True
    background: bool = False
    streamed: bool = False
    completed_at: float | None = None
    reason: FinishReason | None = None
    usage: Usage | None = None
    failure: Failure | None = None
    verdict: str | None = None


@dataclass(frozen=True, slots=True)
class Conversation:
    tenant: str
    id: str
    created_at: float
    metadata: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class KeptItem:
    """An item with the id it is known by."""

    id: str
    item: Item


@dataclass(slots=True)
class Turn:
    """What makes a request one turn of a kept conversation; shared by all copies of the request.

    `asked` is the record as it begins (running, without input and output). `record` is the same
    at its end; it is there before the last event of the answer is, unless the answer was relayed.
    `relayable` says that nothing of it is ours to keep: the caller's body may go upstream as it is.
    `known` are contexts by response id that the caller's own connection remembers, stored or not;
    `context` is this turn's own: all items before the answer, without instructions.
    """

    asked: ResponseRecord
    relayable: bool = False
    record: ResponseRecord | None = None
    known: Mapping[str, tuple[Item, ...]] = field(default_factory=dict[str, tuple[Item, ...]])
    context: tuple[Item, ...] = ()


def item_id(response_id: str, place: str, number: int, item: Item) -> str:
    """Return the id of an item of a response: `place` is `i` for its input, `o` for its output."""
    return f"{id_prefix(item)}_{response_id.partition('_')[2]}_{place}{number}"


def place_of(id_: str) -> tuple[str, str, int] | None:
    """Return response id, place and number of an item id made by `item_id`; None for others."""
    found = _ITEM_ID.fullmatch(id_)
    return None if found is None else (f"resp_{found[1]}", found[2], int(found[3]))


def id_prefix(item: Item) -> str:
    """Return the field's word for the kind of an item, as ids begin with it."""
    match item:
        case Message():
            return "msg"
        case Reasoning():
            return "rs"
        case ToolCall():
            return "fc" if item.kind == "function" else "ctc"
        case ToolResult():
            return "fco" if item.kind == "function" else "ctco"
        case Compaction():
            return "cmp"
        case OpaqueItem():
            return "item"
