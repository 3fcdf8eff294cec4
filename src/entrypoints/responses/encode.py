"""Answers -> what callers of the Responses API get: streams, resumed streams, whole responses."""

import re
from collections.abc import Sequence
from dataclasses import replace

from ...domain.events import RelayedBytes, ResponseFinished, StreamEvent
from ...domain.response import Response
from ...domain.turn import Failure, ResponseRecord, Status, Turn
from ..client_dialect import AnswerHead, StreamEncoder
from ..errors import Refusal, encode_refusal
from ..sse import data_frame
from .envelope import ResponsesEnvelope
from .turn_wire import ResponsesWire

# Inside a string the second quote would have a backslash before it.
_NUMBER = re.compile(rb'"sequence_number"\s*:\s*([0-9]{1,18})')
_MENTION = b'"sequence_number"'
_RATE_LIMITED = 429
_OVERLOADED = "server_is_overloaded"


class TurnEncoder(StreamEncoder):
    """Writes the stream of one turn, from its first event to the mark of its end."""

    __slots__ = ("_begun", "_ended", "_turn", "_wire", "_writer")

    def __init__(self, wire: ResponsesWire, turn: Turn) -> None:
        self._wire = wire
        self._turn = turn
        self._writer = wire.writer(turn.asked)
        self._begun = False
        self._ended = False

    def encode(self, events: Sequence[StreamEvent]) -> bytes:
        frames = self._writer.write(events) if self._begun else self._begin(events)
        if events and type(events[-1]) is ResponseFinished:
            record = self._turn.record
            if record is None:
                raise AssertionError("a turn has its record before its answer has its last event")
            frames += self._end(record)
        return frames[0] if len(frames) == 1 else b"".join(frames)

    def refuse(self, refusal: Refusal, request_id: str) -> bytes:
        if self._ended:
            return b""  # all was said: it did not arrive
        frames = [] if self._begun else self._begin(())
        frames += self._end(failed(self._turn, refusal, request_id))
        return b"".join(frames)

    def _begin(self, events: Sequence[StreamEvent]) -> list[bytes]:
        self._begun = True
        return [*self._writer.begin(), *self._writer.write(events)]

    def _end(self, record: ResponseRecord) -> list[bytes]:
        self._ended = True
        return [self._wire.last(record, self._writer.number), self._wire.done]


class PassedEncoder(StreamEncoder):
    """For answers that are in this dialect already; where they fail, it goes on numbering."""

    __slots__ = ("_ended", "_last", "_passed", "_turn", "_wire")

    def __init__(self, wire: ResponsesWire, turn: Turn) -> None:
        self._wire = wire
        self._turn = turn
        self._passed = False
        self._ended = False
        self._last = b""

    def encode(self, events: Sequence[StreamEvent]) -> bytes:
        data = b"".join([event.data for event in events if type(event) is RelayedBytes])
        if data:
            self._passed = True
            if _MENTION in data:
                self._last = data
        if events and type(events[-1]) is ResponseFinished:
            self._ended = True
        return data

    def refuse(self, refusal: Refusal, request_id: str) -> bytes:
        if self._ended:
            return b""
        if self._turn.asked.background:
            # The stream breaks off, the response goes on: whoever follows may come back.
            return data_frame(encode_refusal(refusal, request_id))
        if self._passed:
            numbers = _NUMBER.findall(self._last)
            frames, number = list[bytes](), int(numbers[-1]) + 1 if numbers else 0
        else:
            frames = self._wire.writer(self._turn.asked).begin()
            number = len(frames)
        record = failed(self._turn, refusal, request_id)
        return b"".join([*frames, self._wire.last(record, number), self._wire.done])


def encode_response(
    wire: ResponsesWire, head: AnswerHead[ResponsesEnvelope], response: Response
) -> bytes:
    """Return the body of a whole answer: the upstream's own where it was relayed."""
    if response.relayed is not None:
        return response.relayed
    record = turn_of(head).record
    if record is None:
        raise AssertionError("a turn has its record before its answer has its last event")
    return wire.body(record)


def turn_of(head: AnswerHead[ResponsesEnvelope]) -> Turn:
    if head.turn is None:
        raise AssertionError("every call of this dialect is a turn")
    return head.turn


def failed(turn: Turn, refusal: Refusal, request_id: str) -> ResponseRecord:
    """Return the turn as it ends by `refusal`; the request id is told for support."""
    record = turn.record or turn.asked
    code = _code(refusal) if record.failure is None else record.failure.code
    return replace(
        record,
        status=Status.FAILED,
        completed_at=None,
        failure=Failure(code, f"{refusal.message} (request id: {request_id})"),
    )


def _code(refusal: Refusal) -> str:
    """Return one of the few words that a response has for why it failed."""
    if refusal.status == _RATE_LIMITED or refusal.code == _OVERLOADED:
        return "rate_limit_exceeded"
    return "invalid_prompt" if refusal.type == "invalid_request_error" else "server_error"
