"""What the handler of generation calls needs to know of the language a caller speaks."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from ..domain.dialect import Dialect
from ..domain.events import RelayedBytes, StreamEvent
from ..domain.request import Generation
from ..domain.response import Response
from .members import Members


@dataclass(frozen=True, slots=True)
class Envelope:
    """What the handler itself has to know of a request.

    `old_functions` says that tools came in the form before tools, and calls go out in it.
    """

    model: str
    stream: bool = False
    include_usage: bool = False
    old_functions: bool = False


@dataclass(frozen=True, slots=True)
class AnswerHead:
    """What every part of one answer repeats; `created` is seconds since the epoch."""

    id: str
    created: int
    envelope: Envelope


class StreamEncoder(Protocol):
    """Turns the events of one answer into bytes for the caller."""

    def encode(self, events: Sequence[StreamEvent]) -> bytes:
        """Return what `events` add to the stream; may be empty."""
        ...


class _PassedOn:
    def encode(self, events: Sequence[StreamEvent]) -> bytes:
        return b"".join([event.data for event in events if type(event) is RelayedBytes])


PASSED_ON: StreamEncoder = _PassedOn()
"""For answers that are in the caller's language already."""


def pass_on(head: AnswerHead) -> StreamEncoder:
    """Return the encoder of a dialect that is never translated."""
    del head
    return PASSED_ON


@dataclass(frozen=True, slots=True)
class ClientDialect:
    """A wire language callers speak; the functions raise `RequestError` on what is wrong."""

    dialect: Dialect
    path: str
    id_prefix: str
    decode_envelope: Callable[[Members], Envelope]
    decode_content: Callable[[Members], Generation]
    stream_encoder: Callable[[AnswerHead], StreamEncoder]
    encode_response: Callable[[AnswerHead, Response], bytes]
