"""Kept turns as the Responses API shows them: the response object, and its last event."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Literal

import msgspec
from msgspec import UNSET, Raw
from msgspec.json import Decoder

from ...application.ports import Sealer
from ...application.turn_wire import TurnWire
from ...domain.events import FinishReason
from ...domain.turn import RUNNING, KeptItem, ResponseRecord, Status, item_id
from ..sse import DONE
from .answer_wire import (
    ConversationName,
    ErrorShape,
    IncompleteDetails,
    ItemShape,
    ItemStatus,
    ResponseShape,
)
from .objects import ItemEncoder, encode_usage, part_logprobs
from .open_items import frame
from .settings import LOGPROBS, SEALED_THOUGHTS
from .stream import ResponseWriter

_encode = msgspec.json.Encoder().encode
_MEMBERS = Decoder(dict[str, Raw])
# Repeated to nobody: it says what of the answer is told, and is no member of it.
_INCLUDE = "include"
_INCLUDE_MEMBER = b'"include"'
VERDICT = "modelmux_structured_output"
_METADATA: Decoder[dict[str, str] | None] = Decoder(dict[str, str] | None)
_MOST_METADATA = 16
_WISHES: Decoder[list[str] | None] = Decoder(list[str] | None)
# There is no `response.cancelled`: the SDKs know three ends, and of these the one that tells of a
# part only is true of a response that was stopped. Its status says the rest.
_ENDS: Mapping[Status, bytes] = {
    Status.COMPLETED: b"response.completed",
    Status.INCOMPLETE: b"response.incomplete",
    Status.CANCELLED: b"response.incomplete",
    Status.FAILED: b"response.failed",
}


class ResponsesWire(TurnWire):
    """One for all responses."""

    def __init__(self, sealer: Sealer) -> None:
        self._sealer = sealer

    def body(self, record: ResponseRecord, include: Collection[str] = ()) -> bytes:
        """Return the response; `include` is told beside what its request asked to include."""
        settings = _Settings(record.settings, include)
        items = self._items(record, settings)
        logprobs = record.logprobs if settings.logprobs else ()
        shares = part_logprobs(record.output, logprobs)
        end: ItemStatus = "completed" if record.status is Status.COMPLETED else "incomplete"
        last = len(record.output) - 1
        output = [
            items.encode(
                item_id(record.id, "o", number, item),
                item,
                end if number == last else "completed",
                shares[number],
            )
            for number, item in enumerate(record.output)
        ]
        return _response(record, output, settings)

    def writer(self, asked: ResponseRecord) -> ResponseWriter:
        settings = _Settings(asked.settings)
        response = _response(asked, (), settings)
        heads = [(b"response.created", response)]
        if asked.background:
            heads.append((b"response.queued", response))
            response = _response(replace(asked, status=Status.IN_PROGRESS), (), settings)
        heads.append((b"response.in_progress", response))
        return ResponseWriter(
            asked.id, heads, self._items(asked, settings), logprobs=settings.logprobs
        )

    def last(self, record: ResponseRecord, number: int) -> bytes:
        """Raises ValueError if the response runs."""
        if record.status in RUNNING:
            raise ValueError("a response that runs has no last event")
        return frame(_ENDS[record.status], b'"response":' + self.body(record), number)

    @property
    def done(self) -> bytes:
        return DONE

    def kept_item(self, tenant: str, kept: KeptItem, *, sealed: bool = False) -> Raw:
        """Return an item of an input or of a conversation; with `sealed` thoughts can go back."""
        items = ItemEncoder(self._sealer, tenant, sealed=sealed)
        return Raw(_encode(items.encode(kept.id, kept.item)))

    def _items(self, record: ResponseRecord, settings: "_Settings") -> ItemEncoder:
        # Of what is kept the proofs are kept too: only who carries them himself needs them.
        return ItemEncoder(self._sealer, record.tenant, sealed=settings.sealed or not record.store)


class _Settings:
    """What a response repeats of its request, and what that says of how much is told."""

    __slots__ = ("logprobs", "repeated", "sealed")

    def __init__(self, settings: bytes, more: Collection[str] = ()) -> None:
        include: Collection[str] = ()
        if _INCLUDE_MEMBER in settings:  # in a tool's words, perhaps
            members = _MEMBERS.decode(settings)
            wishes = members.pop(_INCLUDE, None)
            include = (None if wishes is None else _WISHES.decode(wishes)) or ()
            settings = _encode(members)
        self.sealed = SEALED_THOUGHTS in include or SEALED_THOUGHTS in more
        self.logprobs = LOGPROBS in include or LOGPROBS in more
        self.repeated = b"," + settings[1:] if settings != b"{}" else b"}"


def _response(record: ResponseRecord, output: Sequence[ItemShape], settings: _Settings) -> bytes:
    failure = record.failure
    own = _encode(
        ResponseShape(
            id=record.id,
            created_at=int(record.created_at),
            status=record.status,
            completed_at=int(record.completed_at)
            if record.status is Status.COMPLETED and record.completed_at is not None
            else None,
            error=None if failure is None else ErrorShape(failure.code, failure.message),
            incomplete_details=IncompleteDetails(_cut_by(record.reason))
            if record.status is Status.INCOMPLETE
            else None,
            output=output,
            previous_response_id=record.previous,
            conversation=ConversationName(record.conversation)
            if record.conversation is not None
            else UNSET,
            store=record.store,
            background=record.background,
            usage=None if record.usage is None else encode_usage(record.usage),
        )
    )
    repeated = settings.repeated
    return own[:-1] + (repeated if record.verdict is None else _judged(repeated, record.verdict))


def _judged(repeated: bytes, verdict: str) -> bytes:
    """Return the members with the verdict among the metadata, unless those are full."""
    members = _MEMBERS.decode(b"{" + repeated.removeprefix(b","))
    present = members.get("metadata")
    metadata = (None if present is None else _METADATA.decode(present)) or {}
    if len(metadata) < _MOST_METADATA:
        members["metadata"] = Raw(_encode({**metadata, VERDICT: verdict}))
    return b"," + _encode(members)[1:]


def _cut_by(reason: FinishReason | None) -> Literal["max_output_tokens", "content_filter"]:
    return "content_filter" if reason is FinishReason.CONTENT_FILTER else "max_output_tokens"
