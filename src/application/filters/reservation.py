"""Tokens are reserved before a request goes out, and settled by what it really used."""

from collections.abc import Callable, Sequence
from typing import TypeAlias

from ...domain.events import RelayedBytes, ResponseFinished, StreamEvent, Usage
from ...domain.journal import Journal
from ...domain.request import GenerationRequest
from ..admission import Admission, Wanted
from ..estimating import estimate_tokens
from ..limit_rules import Applied
from ..ports import Answer
from .answer import WrappedAnswer

MostOutput: TypeAlias = Callable[[GenerationRequest], int | None]
"""Tells how many tokens a request lets be generated, where that costs next to nothing."""

EXPECTED_OUTPUT = 512
"""What is reserved for an answer whose length nobody bounds."""

_BYTES_A_TOKEN = 4
CACHED = frozenset({"hit", "joined"})
"""What a journal says of the cache where nothing was asked for this request alone."""


def input_tokens(request: GenerationRequest) -> int:
    """Return about how many tokens are sent: by the content if it was read, else by the size."""
    if request.embedding is None and request.content.is_made:
        return estimate_tokens(request.content.get())
    return request.size_bytes // _BYTES_A_TOKEN


class Reservation:
    """What a request has taken and must settle, once: requests count in any case."""

    __slots__ = ("_admission", "_applied", "_input", "_tokens", "wanted")

    def __init__(
        self,
        admission: Admission,
        applied: Applied,
        request: GenerationRequest,
        most_output: MostOutput,
    ) -> None:
        self._admission = admission
        self._applied: Applied | None = applied
        self._input = 0
        self._tokens: Wanted = ()
        self.wanted: Wanted = applied.counted
        if applied.tokens:
            self._input = input_tokens(request)
            output = 0
            if request.embedding is None:
                output = most_output(request) or EXPECTED_OUTPUT
            amount = float(self._input + output)
            # An estimate alone refuses nothing for good: more than may be saved up is settled.
            self._tokens = [(limit, min(amount, limit.burst)) for limit in applied.tokens]
            self.wanted = (*applied.counted, *self._tokens)

    def settle(self, tokens: float | None) -> None:
        """Give back what runs no more and tokens that were not used; None: as reserved."""
        applied, self._applied = self._applied, None
        if applied is None:
            return
        changes = [*applied.running]
        if tokens is not None:
            changes += [(limit, amount - tokens) for limit, amount in self._tokens]
        if changes:
            self._admission.give(changes)

    def settle_cut(self, generated: int) -> None:
        """Settle an answer that nobody told the tokens of: what was sent, and what came."""
        self.settle(self._input + generated)

    def watch(self, answer: Answer, journal: Journal | None = None) -> Answer:
        """Return the answer; closing it settles.

        What the cache gave, or somebody else's call, costs no tokens: `journal` tells.
        """
        if not self._tokens:
            return _RunningAnswer(answer, self)
        return _CountedAnswer(answer, self, journal)


class _RunningAnswer(WrappedAnswer):
    """Only its end matters."""

    __slots__ = ("_reservation",)

    def __init__(self, inner: Answer, reservation: Reservation) -> None:
        super().__init__(inner)
        self._reservation = reservation

    async def aclose(self) -> None:
        try:
            await self._inner.aclose()
        finally:
            self._reservation.settle(None)


class _CountedAnswer(WrappedAnswer):
    """Settled by the usage its end tells; before that by what passed, about one token an event."""

    __slots__ = ("_finished", "_journal", "_passed", "_reservation", "_usage")

    def __init__(self, inner: Answer, reservation: Reservation, journal: Journal | None) -> None:
        super().__init__(inner)
        self._reservation = reservation
        self._journal = journal
        self._passed = 0
        self._finished = False
        self._usage: Usage | None = None

    async def read(self) -> Sequence[StreamEvent]:
        events = await self._inner.read()
        if not events:
            return events
        last = events[-1]
        if type(last) is ResponseFinished:
            self._finished, self._usage = True, last.usage
            return events
        for event in events:
            self._passed += event.data.count(b"data:") if type(event) is RelayedBytes else 1
        return events

    async def aclose(self) -> None:
        try:
            await self._inner.aclose()
        finally:
            usage, journal = self._usage, self._journal
            if journal is not None and journal.usage is None and journal.cache in CACHED:
                self._reservation.settle(0)
            elif usage is not None and usage.total_tokens:
                self._reservation.settle(usage.total_tokens)
            elif self._finished:
                self._reservation.settle(None)  # nobody counted
            else:
                self._reservation.settle_cut(self._passed)
