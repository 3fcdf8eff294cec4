"""One line a request: what was asked, who answered, what it took.

JSON for machines, a short form for a terminal. A line costs a microsecond or two of the event
loop; writing is the writer's business. Never in a line: content, keys, message texts.
"""

import json
import time
from collections.abc import Callable

import msgspec

from ...application.ports import Event, Exchange, Observer
from ...domain.errors import ModelmuxError, ProviderError
from ...domain.events import Usage
from ...domain.request import GenerationRequest
from .lines import AttemptLine, Level, RequestLine, pretty_attempt, pretty_request
from .slots import CHATTER

_MILLISECONDS = tuple(f"{number:03d}Z" for number in range(1000))
_NO_USAGE = Usage()
_MAX_NAME = 200
_RANKS: dict[str, int] = {"debug": 10, "info": 20, "warning": 30, "error": 40}


class RequestLog(Observer):
    """`write` takes whole lines and returns at once; `redact` passes over what upstreams said.

    `now` is a clock's.
    """

    def __init__(
        self,
        write: Callable[[bytes], None],
        redact: Callable[[str], str],
        now: Callable[[], float],
        *,
        pretty: bool = False,
        level: Level = "info",
    ) -> None:
        self._write = write
        self._redact = redact
        self._pretty = pretty
        self._threshold = _RANKS[level]
        self._now = now
        self._encoder = msgspec.json.Encoder()
        self._second = -1
        self._second_text = ""

    def count(self, event: Event, *labels: str) -> None:
        """Counts are for metrics."""

    def exchange_started(self) -> None:
        """A request is told when it is over."""

    def exchange_settled(self, exchange: Exchange) -> None:
        level = _level(exchange)
        if _RANKS[level] < self._threshold:
            return
        journal = exchange.journal
        usage = journal.usage or _NO_USAGE
        first_byte_s, detail = exchange.first_byte_s, exchange.error_detail
        line = RequestLine(  # in the order of its fields: by name it takes ten times as long
            self._timestamp(),
            level,
            "request",
            exchange.request_id,
            exchange.method,
            exchange.path,
            exchange.status,
            _milliseconds(exchange.duration_s),
            None if first_byte_s is None else _milliseconds(first_byte_s),
            exchange.tenant,
            exchange.key_id,
            exchange.model or (self._redact(exchange.asked[:_MAX_NAME]) if exchange.asked else ""),
            journal.provider,
            journal.model,
            journal.attempts,
            journal.relayed,
            exchange.stream,
            usage.input_tokens,
            usage.output_tokens,
            usage.cached_tokens,
            journal.cost,
            [str(one) for one in journal.adjustments] if journal.adjustments else None,
            journal.outcome,
            exchange.client_gone,
            exchange.error,
            None if detail is None else self._redact(detail),
            journal.choice or None,
        )
        self._write(pretty_request(line) if self._pretty else self._encode(line))

    def attempt_settled(
        self, request: GenerationRequest, duration_s: float, error: ModelmuxError | None
    ) -> None:
        if error is None or _RANKS["warning"] < self._threshold:
            return
        journal = request.journal
        line = AttemptLine(
            ts=self._timestamp(),
            level="warning",
            event="attempt_failed",
            provider=journal.provider,
            upstream_model=journal.model,
            attempt=journal.attempts,
            duration_ms=_milliseconds(duration_s),
            error=type(error).__name__,
            upstream_status=error.status if isinstance(error, ProviderError) else None,
            error_detail=self._redact(error.detail or error.message),
        )
        self._write(pretty_attempt(line) if self._pretty else self._encode(line))

    def _encode(self, line: RequestLine | AttemptLine) -> bytes:
        try:
            return self._encoder.encode(line) + b"\n"
        except UnicodeEncodeError:
            # Half a surrogate pair, in an upstream's words: the slow way escapes it.
            return json.dumps(msgspec.to_builtins(line)).encode() + b"\n"

    def _timestamp(self) -> str:
        now = self._now()
        second = int(now)
        if second != self._second:
            self._second = second
            self._second_text = time.strftime("%Y-%m-%dT%H:%M:%S.", time.gmtime(second))
        return self._second_text + _MILLISECONDS[int((now - second) * 1000)]


def _milliseconds(seconds: float) -> float:
    return (seconds * 100_000 + 0.5) // 1 / 100  # half the price of round


def _level(exchange: Exchange) -> Level:
    if exchange.status >= 500 or exchange.journal.outcome == "cut":
        return "error"
    if exchange.status >= 400 and not exchange.client_gone:
        return "warning"
    # What machines ask all the time is told only when something is wrong, or at debug.
    return "debug" if exchange.path in CHATTER else "info"
