"""How kept turns look to clients: what the jobs need of the dialect that has them."""

from collections.abc import Sequence
from typing import Protocol

from ..domain.events import StreamEvent
from ..domain.turn import ResponseRecord


class TurnWriter(Protocol):
    """Writes the events of one stream, each a whole frame; numbers them from 0 without a gap."""

    def begin(self) -> list[bytes]:
        """Return what comes before the model's first word."""
        ...

    def write(self, events: Sequence[StreamEvent]) -> list[bytes]:
        """Return what `events` add: with `ResponseFinished` all but the last event of the stream.

        Relayed bytes have no place here.
        """
        ...


class TurnWire(Protocol):
    """Pure: the same record gives the same bytes in every process."""

    def body(self, record: ResponseRecord) -> bytes:
        """Return the response as a JSON object, whatever its status."""
        ...

    def writer(self, asked: ResponseRecord) -> TurnWriter:
        """Return a writer for the answer to `asked`, a record that runs."""
        ...

    def last(self, record: ResponseRecord, number: int) -> bytes:
        """Return the event, numbered, that tells how a response that runs no more has ended."""
        ...

    @property
    def done(self) -> bytes:
        """What marks the end of every stream."""
        ...
