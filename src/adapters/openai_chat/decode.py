"""Reads answers and streams of chat completions; `chat_language` is the face of this folder."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache, partial

import msgspec

from ...domain.conversation import Proof, Vendor
from ...domain.errors import ProviderProtocolBroken, StreamCut
from ...domain.events import (
    FinishReason,
    ReasoningDelta,
    ReasoningFinished,
    RefusalDelta,
    ResponseFinished,
    ResponseStarted,
    StreamEvent,
    TextDelta,
    TokenLogprob,
    Usage,
)
from ..openai_errors.bodies import is_flat_error
from ..openai_errors.decode import decode_error, decode_error_object
from ..transport.languages import StreamDecoder, WireLanguage
from ..transport.sse import SseFrame
from .calls import CallTracker
from .usage import decode_finish_reason, decode_usage
from .wire import (
    WireChoice,
    WireChunk,
    WireLogprob,
    WireMessage,
    WirePart,
    WireToolCall,
    decode_chunk,
)

_DONE = b"[DONE]"
_MAX_CHOICES = 1024


@dataclass(frozen=True, slots=True)
class Reading:
    """How the answers of one target are read.

    `model` is the upstream's name for it; `proofs` the vendor whose thoughts are proofs that must
    go back (DeepSeek's are the text itself); `hidden` words of ours that an upstream's message may
    echo and a caller must not see (host, key); `stops` the sequences that were to end the answer.
    """

    model: str
    proofs: Vendor | None = None
    hidden: tuple[str, ...] = ()
    stops: tuple[str, ...] = ()


@lru_cache(maxsize=1024)
def chat_language(reading: Reading) -> WireLanguage:
    """Return the language as one target speaks it."""
    return WireLanguage(
        decode_whole=partial(decode_whole, reading=reading),
        stream_decoder=partial(ChunkDecoder, reading),
        decode_error=partial(decode_error, hidden=reading.hidden),
    )


def decode_whole(body: bytes, *, reading: Reading) -> list[StreamEvent]:
    """Return the events of a whole answer.

    Raises:
        ProviderProtocolBroken: it is none.
        ProviderError: it is an error, in spite of its status.
    """
    decoder = ChunkDecoder(reading)
    return [*decoder.feed_whole(body), *decoder.close()]


@dataclass(slots=True)
class _Choice:
    """One of the alternative answers, as far as it has come."""

    calls: CallTracker
    thoughts: list[str] | None = None
    reason: FinishReason | None = None


@dataclass(slots=True)
class ChunkDecoder(StreamDecoder):
    """Turns one answer into events; one decoder per answer."""

    reading: Reading
    _choices: dict[int, _Choice] = field(default_factory=dict[int, _Choice])
    _answer: str = ""
    _usage: Usage | None = None
    _matched_stop: str | None = None
    _frames: int = 0
    _started: bool = False
    _finished: bool = False

    def feed(self, frames: Sequence[SseFrame]) -> list[StreamEvent]:
        events: list[StreamEvent] = []
        for frame in frames:
            if self._finished:
                break
            if frame.data.startswith(_DONE):
                self._finish(events)
            elif frame.data:
                self._add(frame.data, events, failed=frame.event == b"error")
        return events

    def feed_whole(self, body: bytes) -> list[StreamEvent]:
        """Return the events of a body that is one answer, up to its finish."""
        events: list[StreamEvent] = []
        self._add(body, events, failed=False)
        if not self._started:
            raise ProviderProtocolBroken("The upstream's answer has no choices.")
        for number, choice in self._choices.items():
            # A body that is whole JSON is whole; small servers forget to say why it ended.
            if choice.reason is None:
                reason = FinishReason.TOOL_CALLS if choice.calls else FinishReason.OTHER
                self._end_choice(number, choice, reason, events)
        return events

    def close(self) -> list[StreamEvent]:
        if self._finished:
            return []
        if not self._started:
            raise ProviderProtocolBroken("The upstream's answer is empty.")
        events: list[StreamEvent] = []
        self._finish(events)
        return events

    def _add(self, data: bytes, events: list[StreamEvent], *, failed: bool) -> None:
        try:
            chunk = decode_chunk(data)
        except msgspec.DecodeError as error:
            raise ProviderProtocolBroken(
                "The upstream sent something that is no chat completion.", detail=str(error)
            ) from error
        if chunk.error or failed or (chunk.choices is None and is_flat_error(data)):
            raise decode_error_object(data, hidden=self.reading.hidden)
        self._frames += 1
        if chunk.usage is not None:
            # The last one counts: some servers tell it as it grows, in every chunk.
            self._usage = decode_usage(chunk.usage)
        if not chunk.choices:
            return  # heartbeats, Azure's filter results, usage in a chunk of its own
        if not self._started:
            self._start(chunk, events)
        for choice in chunk.choices:
            self._add_choice(choice, events)

    def _start(self, chunk: WireChunk, events: list[StreamEvent]) -> None:
        self._started = True
        self._answer = f"{chunk.id}/{chunk.created}"
        events.append(ResponseStarted(chunk.id or "", chunk.model or self.reading.model))

    def _add_choice(self, wire: WireChoice, events: list[StreamEvent]) -> None:
        number = wire.index or 0
        choice = self._choices.get(number)
        if choice is None:
            if not 0 <= number < _MAX_CHOICES:
                raise ProviderProtocolBroken(f"The upstream sent a choice number {number}.")
            tracker = CallTracker(number, self._answer)
            choice = self._choices[number] = _Choice(tracker)
        message = wire.delta or wire.message
        if message is not None:
            self._add_message(number, choice, message, wire, events)
        elif wire.logprobs is not None:
            self._add_text("", number, choice, wire, events)
        if wire.finish_reason:
            reason = decode_finish_reason(wire.finish_reason)
            if choice.reason is None:  # some tell it again in the chunk with the usage
                if number == 0 and wire.stop_reason in self.reading.stops:
                    self._matched_stop = wire.stop_reason
                self._end_choice(number, choice, reason, events)

    def _end_choice(
        self, number: int, choice: _Choice, reason: FinishReason, events: list[StreamEvent]
    ) -> None:
        self._end_thoughts(number, choice, events)
        choice.calls.check()
        if reason is FinishReason.STOP and choice.calls:
            reason = FinishReason.TOOL_CALLS
        choice.reason = reason

    def _add_message(
        self,
        number: int,
        choice: _Choice,
        message: WireMessage,
        wire: WireChoice,
        events: list[StreamEvent],
    ) -> None:
        thoughts = message.reasoning_content or message.reasoning
        if thoughts:
            self._think(thoughts, number, choice, events)
        content = message.content
        if isinstance(content, tuple):
            self._add_parts(content, number, choice, events)
        elif content or wire.logprobs is not None:
            self._add_text(content or "", number, choice, wire, events)
        if message.refusal:
            self._end_thoughts(number, choice, events)
            events.append(RefusalDelta(message.refusal, number))
        if message.tool_calls:
            self._end_thoughts(number, choice, events)
            for part in message.tool_calls:
                choice.calls.add(part, self._frames, events)
        if message.function_call is not None:
            self._end_thoughts(number, choice, events)
            choice.calls.add(
                WireToolCall(index=0, function=message.function_call), self._frames, events
            )

    def _add_text(
        self, text: str, number: int, choice: _Choice, wire: WireChoice, events: list[StreamEvent]
    ) -> None:
        told = wire.logprobs.content if wire.logprobs is not None else None
        if text or told:
            self._end_thoughts(number, choice, events)
            logprobs = tuple(map(_decode_logprob, told)) if told else ()
            events.append(TextDelta(text, number, logprobs))

    def _add_parts(
        self,
        parts: tuple[WirePart, ...],
        number: int,
        choice: _Choice,
        events: list[StreamEvent],
    ) -> None:
        """Mistral's content: thoughts and text are parts of one list."""
        for part in parts:
            if part.thinking is not None:
                text = part.thinking
                if not isinstance(text, str):
                    text = "".join(piece.text or "" for piece in text)
                if text:
                    self._think(text, number, choice, events)
            elif part.text:
                self._end_thoughts(number, choice, events)
                events.append(TextDelta(part.text, number))
            elif part.refusal:
                self._end_thoughts(number, choice, events)
                events.append(RefusalDelta(part.refusal, number))

    def _think(self, text: str, number: int, choice: _Choice, events: list[StreamEvent]) -> None:
        if choice.thoughts is None:
            choice.thoughts = []
        if self.reading.proofs is not None:
            choice.thoughts.append(text)
        events.append(ReasoningDelta(text, number))

    def _end_thoughts(self, number: int, choice: _Choice, events: list[StreamEvent]) -> None:
        if choice.thoughts is None:
            return
        proof = None
        if self.reading.proofs is not None:
            text = "".join(choice.thoughts)
            proof = Proof(self.reading.proofs, self.reading.model, "reasoning_content", text)
        choice.thoughts = None
        events.append(ReasoningFinished(proof, number))

    def _finish(self, events: list[StreamEvent]) -> None:
        if not self._started:
            raise ProviderProtocolBroken("The upstream's answer is empty.")
        reasons: list[FinishReason] = []
        for number in range(max(self._choices) + 1):
            choice = self._choices.get(number)
            if choice is None or choice.reason is None:
                raise StreamCut("The upstream's answer ended before it was finished.")
            reasons.append(choice.reason)
        self._finished = True
        events.append(ResponseFinished(tuple(reasons), self._usage, self._matched_stop))


def _decode_logprob(wire: WireLogprob) -> TokenLogprob:
    top = tuple(map(_decode_logprob, wire.top_logprobs)) if wire.top_logprobs else ()
    return TokenLogprob(wire.token, wire.logprob, wire.bytes, top)
