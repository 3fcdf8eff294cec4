"""Turns of the Responses API as tests begin and end them."""

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Sequence
from typing import Any

from modelmux.application.outcomes import finished
from modelmux.application.ports import SEAL_MARK, Sealer
from modelmux.domain.errors import InvalidRequest
from modelmux.domain.events import StreamEvent
from modelmux.domain.request import Caller
from modelmux.domain.response import ResponseBuilder
from modelmux.domain.turn import ResponseRecord
from modelmux.entrypoints.members import decode_members
from modelmux.entrypoints.responses.envelope import begin_turn, decode_envelope
from modelmux.entrypoints.responses.turn_wire import ResponsesWire

RESPONSE_ID = "resp_mmx0123456789abcdefABCDEF"
ASKED_AT = 1_700_000_000.75
ENDED_AT = 1_700_000_003.25


class OpenSealer(Sealer):
    """Seals nothing: the same content gives the same text, which shows what was sealed."""

    def seal(self, tenant: str, purpose: str, content: bytes) -> str:
        return SEAL_MARK + urlsafe_b64encode(_bound(tenant, purpose) + content).decode()

    def open(self, tenant: str, purpose: str, sealed: str) -> bytes:
        content = urlsafe_b64decode(sealed.removeprefix(SEAL_MARK))
        if not content.startswith(_bound(tenant, purpose)):
            raise InvalidRequest("not sealed so", reason="invalid_encrypted_content")
        return content.removeprefix(_bound(tenant, purpose))


def _bound(tenant: str, purpose: str) -> bytes:
    return f"{tenant}\n{purpose}\n".encode()


def asked(**members: Any) -> ResponseRecord:  # Any: what a caller writes
    """Return the record that a request begins with."""
    body = json.dumps({"model": "m", "input": "Hi", **members}).encode()
    envelope = decode_envelope(decode_members(body))
    return begin_turn(envelope, Caller("acme"), RESPONSE_ID, ASKED_AT).asked


def answered(record: ResponseRecord, events: Sequence[StreamEvent]) -> ResponseRecord:
    builder = ResponseBuilder()
    builder.add(events)
    return finished(record, builder.build(), ENDED_AT)


def whole_stream(
    wire: ResponsesWire, record: ResponseRecord, events: Sequence[StreamEvent]
) -> list[bytes]:
    """Return the frames of the stream that answers `record` with `events`."""
    writer = wire.writer(record)
    frames = [*writer.begin(), *writer.write(events)]
    return [*frames, wire.last(answered(record, events), len(frames)), wire.done]
