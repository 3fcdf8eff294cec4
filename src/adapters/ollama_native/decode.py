"""Ollama's answers as events.

Each line of a stream is a whole object with what is new, so a whole answer is a stream of one
line. The last says `done`, why, and what was used. Errors may come as a line.
"""

from collections.abc import Mapping, Sequence
from functools import partial
from hashlib import blake2s
from typing import Final

import msgspec

from ...domain.errors import ProviderProtocolBroken, StreamCut
from ...domain.events import (
    FinishReason,
    ReasoningDelta,
    ReasoningFinished,
    ResponseFinished,
    ResponseStarted,
    StreamEvent,
    TextDelta,
    TokenLogprob,
    ToolCallDelta,
    ToolCallStarted,
    Usage,
)
from ..transport.languages import FramedLanguage, Reader
from . import wire
from .call_ids import make_call_id
from .errors import decode_error, decode_error_line
from .lines import LineSplitter

# Servers before 0.1.45 tell no reason.
_REASONS: Final[Mapping[str, FinishReason]] = {
    "": FinishReason.STOP,
    "stop": FinishReason.STOP,
    "length": FinishReason.LENGTH,
}
_decode_answer = msgspec.json.Decoder(wire.ChatAnswer).decode


def ollama_language(model: str) -> FramedLanguage:
    """Return how the answer of `model` is read."""
    return FramedLanguage(
        partial(decode_whole, model=model),
        lambda longest: OllamaReader(OllamaDecoder(model), longest),
        decode_error,
    )


def decode_reason(done_reason: str, *, called: bool) -> FinishReason:
    """Return the reason; Ollama has none of its own for an answer that calls tools."""
    reason = _REASONS.get(done_reason, FinishReason.OTHER)
    return FinishReason.TOOL_CALLS if reason is FinishReason.STOP and called else reason


class OllamaDecoder:
    """Turns the lines of one answer into events; `model` is the name that was asked."""

    __slots__ = ("_answer", "_calls", "_finished", "_model", "_thinking")

    def __init__(self, model: str) -> None:
        self._model = model
        # What tells this answer from all others: its first line bears a time in nanoseconds.
        self._answer = ""
        self._calls = 0
        self._thinking = False
        self._finished = False

    def feed(self, lines: Sequence[bytes]) -> list[StreamEvent]:
        """Return the events of `lines`; `ResponseFinished` as soon as the answer is whole.

        Raises:
            ProviderError: a line is an error, or none of Ollama's chat.
        """
        events: list[StreamEvent] = []
        for line in lines:
            if not self._finished:
                self._line(_decode(line), line, events)
        return events

    def close(self) -> list[StreamEvent]:
        """Return nothing more; raises as `StreamDecoder.close`."""
        if self._finished:
            return []
        if not self._answer:
            raise ProviderProtocolBroken("The upstream's answer is empty.")
        raise StreamCut("The upstream's answer ended before it was finished.")

    def _line(self, line: wire.ChatAnswer, raw: bytes, events: list[StreamEvent]) -> None:
        if line.error is not msgspec.UNSET:
            raise decode_error_line(line.error)
        message = line.message
        if message is None and not line.done:
            raise ProviderProtocolBroken("The upstream's answer is not one of Ollama's chat.")
        if not self._answer:
            self._answer = blake2s(raw, digest_size=12).hexdigest()
            events.append(ResponseStarted("", line.model or self._model))
        if message is not None:
            self._message(message, line.logprobs, events)
        if line.done:
            self._end_thoughts(events)
            self._finished = True
            reason = decode_reason(line.done_reason, called=self._calls > 0)
            events.append(ResponseFinished((reason,), decode_usage(line)))

    def _message(
        self,
        message: wire.MessageSeen,
        logprobs: tuple[wire.TokenSeen, ...] | None,
        events: list[StreamEvent],
    ) -> None:
        if message.thinking:
            self._thinking = True
            events.append(ReasoningDelta(message.thinking))
        if message.content:
            self._end_thoughts(events)
            told = _decode_logprobs(logprobs) if logprobs else ()
            events.append(TextDelta(message.content, 0, told))
        for call in message.tool_calls or ():
            self._call(call, events)

    def _call(self, call: wire.CallSeen, events: list[StreamEvent]) -> None:
        self._end_thoughts(events)
        index = self._calls
        self._calls += 1
        name = call.function.name
        if not name:
            raise ProviderProtocolBroken("The upstream's answer calls a tool without a name.")
        call_id = call.id or make_call_id(self._answer, index)
        arguments = bytes(call.function.arguments).decode()
        events.append(ToolCallStarted(index, call_id, name))
        if arguments:
            events.append(ToolCallDelta(index, arguments))

    def _end_thoughts(self, events: list[StreamEvent]) -> None:
        if self._thinking:
            self._thinking = False
            events.append(ReasoningFinished())


class OllamaReader(Reader):
    """Lines first, then the language."""

    __slots__ = ("_decoder", "_lines")

    def __init__(self, decoder: OllamaDecoder, max_line_bytes: int) -> None:
        self._decoder = decoder
        self._lines = LineSplitter(max_line_bytes)

    def feed(self, data: bytes) -> list[StreamEvent]:
        lines = self._lines.feed(data)
        return self._decoder.feed(lines) if lines else []

    def close(self) -> list[StreamEvent]:
        line = self._lines.flush()
        if not line:
            return self._decoder.close()
        try:
            events = self._decoder.feed((line,))
        except ProviderProtocolBroken as error:
            raise StreamCut("The upstream's answer broke off inside a line.") from error
        return [*events, *self._decoder.close()]


def decode_whole(body: bytes, *, model: str) -> list[StreamEvent]:
    """Return the events of a whole answer.

    Raises:
        ProviderProtocolBroken: it is none.
    """
    decoder = OllamaDecoder(model)
    events = decoder.feed((body,))
    try:
        return events + decoder.close()
    except StreamCut as error:
        raise ProviderProtocolBroken("The upstream's answer is not finished.") from error


def decode_usage(line: wire.ChatAnswer) -> Usage | None:
    """Return what was used; the prompt's figure is missing where all of it was kept from before."""
    if line.eval_count is None and line.prompt_eval_count is None:
        return None
    return Usage(line.prompt_eval_count or 0, line.eval_count or 0)


def _decode(data: bytes) -> wire.ChatAnswer:
    try:
        return _decode_answer(data)
    except msgspec.DecodeError as error:
        raise ProviderProtocolBroken(
            "The upstream's answer is not one of Ollama's chat.", detail=str(error)
        ) from error


def _decode_logprobs(seen: tuple[wire.TokenSeen, ...]) -> tuple[TokenLogprob, ...]:
    return tuple(
        TokenLogprob(
            one.token,
            one.logprob,
            one.bytes,
            tuple(
                TokenLogprob(top.token, top.logprob, top.bytes) for top in one.top_logprobs or ()
            ),
        )
        for one in seen
    )
