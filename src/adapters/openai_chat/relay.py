"""Passes on answers of OpenAI's chat completions and completions, read in passing.

Most frames of a stream hold a piece of text and nothing else. They are told from the others by
what they have: one line each, a finish reason that is null, and no usage. All else (the end, an
error, usage, other spacing) is parsed. A quote inside a JSON string is escaped, so text cannot
pass for a member.
"""

import re
from collections.abc import Iterable
from typing import Final

import msgspec

from ...domain.errors import ProviderError, ProviderProtocolBroken, StreamCut
from ...domain.events import (
    FinishReason,
    RelayedBytes,
    ResponseFinished,
    ResponseStarted,
    StreamEvent,
    Usage,
)
from ..openai_errors.bodies import is_flat_error
from ..openai_errors.decode import decode_error, decode_error_object
from ..transport.languages import ErrorReply, Relay
from ..transport.sse import FrameSplitter, SseDecoder, SseFrame
from .restream import stream_of
from .usage import decode_finish_reason, decode_usage
from .wire import WirePassing, WireReason, decode_passing

_DONE: Final = b"data: [DONE]\n\n"
_NO_ID: Final = (b'""', b"null")
_HEAD: Final = ("id", "object", "created", "model")
_decode_members: Final = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_encode: Final = msgspec.json.Encoder().encode
_REASONING: Final = re.compile(rb'([{,]\s*)"reasoning"(\s*:\s*(?:"|null))')


class ChatRelay(Relay):
    """One answer on its way through; one relay per answer.

    `model` is the upstream's name for it, `hidden` as in `Reading`. `hide_usage` takes out the
    chunk that has usage alone, `respell_reasoning` makes `reasoning_content` of `reasoning`, and
    `several` says that more than one answer was asked for: then each frame is parsed, to know
    whether all came to their end. `streamed` says that the caller wants a stream, even where the
    answer comes whole.
    """

    __slots__ = (
        "_held",
        "_hidden",
        "_hide_usage",
        "_max_event_bytes",
        "_model",
        "_reasons",
        "_respell",
        "_several",
        "_splitter",
        "_started",
        "_streamed",
        "_usage",
    )

    def __init__(
        self,
        *,
        model: str,
        max_event_bytes: int,
        hidden: tuple[str, ...] = (),
        hide_usage: bool = False,
        respell_reasoning: bool = False,
        several: bool = False,
        streamed: bool = False,
    ) -> None:
        self._model = model
        self._max_event_bytes = max_event_bytes
        self._hidden = hidden
        self._hide_usage = hide_usage
        self._respell = respell_reasoning
        self._several = several
        self._streamed = streamed
        self._splitter = FrameSplitter(max_event_bytes)
        self._started = False
        self._held: list[bytes] = []
        self._reasons: dict[int, FinishReason | None] = {}
        self._usage: Usage | None = None

    def feed(self, data: bytes) -> list[StreamEvent]:
        frames = self._splitter.feed(data)
        if not frames:
            return []
        if (
            self._started
            and not self._several
            and frames.count(b"\n") == 2 * frames.count(b'"finish_reason":null')
            and b'"usage":{' not in frames
        ):
            return [RelayedBytes(self._respelled(frames))]
        return self._read(SseDecoder(self._max_event_bytes).feed(frames))

    def close(self) -> list[StreamEvent]:
        rest = self._splitter.pending
        if not rest.strip():
            return self._finish([])
        decoder = SseDecoder(self._max_event_bytes)
        try:
            events = self._read([*decoder.feed(rest), *decoder.flush()])
        except ProviderProtocolBroken as error:
            raise StreamCut("The upstream's answer broke off inside an event.") from error
        if events and type(events[-1]) is ResponseFinished:
            return events
        return self._finish(events)

    def whole(self, body: bytes) -> list[StreamEvent]:
        passing = self._parse(body)
        if not passing.choices:
            raise ProviderProtocolBroken("The upstream's answer has no choices.")
        reasons = tuple(
            decode_finish_reason(choice.finish_reason)
            if choice.finish_reason
            else FinishReason.OTHER
            for choice in passing.choices
        )
        usage = decode_usage(passing.usage) if passing.usage is not None else None
        relayed = self._respelled(body)
        if self._streamed:
            try:
                relayed = stream_of(relayed, usage=not self._hide_usage)
            except msgspec.DecodeError as error:
                raise ProviderProtocolBroken(
                    "The upstream sent something that is no completion.", detail=str(error)
                ) from error
        return [
            ResponseStarted(passing.id or "", passing.model or self._model),
            RelayedBytes(relayed),
            ResponseFinished(reasons, usage),
        ]

    def decode_error(self, reply: ErrorReply) -> ProviderError:
        return decode_error(reply, hidden=self._hidden)

    def _read(self, frames: Iterable[SseFrame]) -> list[StreamEvent]:
        events: list[StreamEvent] = []
        passed = self._held
        for frame in frames:
            if frame.data.startswith(b"[DONE]"):
                self._pass(passed, events)
                return self._finish(events)
            if not frame.data:
                continue
            if frame.event == b"error":
                raise decode_error_object(frame.data, hidden=self._hidden)
            passing = self._parse(frame.data)
            if passing.usage is not None:
                self._usage = decode_usage(passing.usage)
            if passing.choices:
                if not self._started:
                    self._started = True
                    events.append(ResponseStarted(passing.id or "", passing.model or self._model))
                    passed[:] = [_completed(held, frame.data) for held in passed]
                for choice in passing.choices:
                    self._note(choice)
            elif passing.usage is not None and self._hide_usage:
                continue
            passed.append(b"data: " + frame.data.replace(b"\n", b"\ndata: ") + b"\n\n")
        self._pass(passed, events)
        return events

    def _pass(self, passed: list[bytes], events: list[StreamEvent]) -> None:
        """Frames before the first choice are held: until then another upstream may answer."""
        if self._started and passed:
            events.append(RelayedBytes(self._respelled(b"".join(passed))))
            self._held = []

    def _note(self, choice: WireReason) -> None:
        number = choice.index or 0
        if choice.finish_reason:
            reason = decode_finish_reason(choice.finish_reason)
            if self._reasons.get(number) is None:
                self._reasons[number] = reason
        elif self._several:
            self._reasons.setdefault(number, None)

    def _finish(self, events: list[StreamEvent]) -> list[StreamEvent]:
        if not self._started:
            raise ProviderProtocolBroken("The upstream's answer is empty.")
        reasons = [reason for _, reason in sorted(self._reasons.items()) if reason is not None]
        if not reasons or len(reasons) != len(self._reasons):
            raise StreamCut("The upstream's answer ended before it was finished.")
        events.append(RelayedBytes(_DONE))
        events.append(ResponseFinished(tuple(reasons), self._usage))
        return events

    def _parse(self, data: bytes) -> WirePassing:
        try:
            passing = decode_passing(data)
        except msgspec.DecodeError as error:
            raise ProviderProtocolBroken(
                "The upstream sent something that is no completion.", detail=str(error)
            ) from error
        if passing.error or (passing.choices is None and is_flat_error(data)):
            raise decode_error_object(data, hidden=self._hidden)
        return passing

    def _respelled(self, data: bytes) -> bytes:
        if self._respell and b'"reasoning"' in data and b'"reasoning_content"' not in data:
            return _REASONING.sub(rb'\1"reasoning_content"\2', data)
        return data


def _completed(held: bytes, first: bytes) -> bytes:
    """Return a held frame with the head of the first real chunk, if it has none of its own.

    Azure's first chunk has filter results and an empty id, model and object, which clients that
    check what they get refuse.
    """
    chunk = _decode_members(held.removeprefix(b"data: ").replace(b"\ndata: ", b"\n"))
    if bytes(chunk.get("id", b'""')) not in _NO_ID:
        return held
    head = _decode_members(first)
    named = {name: head[name] for name in _HEAD if name in head}
    return b"data: " + _encode(chunk | named) + b"\n\n"
