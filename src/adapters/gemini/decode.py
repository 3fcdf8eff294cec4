"""Gemini's answers as events.

Each frame of a stream is a whole response object with the new parts, so a whole answer is a
stream of one frame. There is no end marker: an answer is whole when its candidates have told a
finish reason and the body has ended. Usage repeats cumulatively; the last counts.
"""

from collections.abc import Sequence
from functools import partial
from hashlib import blake2s

import msgspec

from ...domain.conversation import Proof, Vendor
from ...domain.errors import (
    ConversionError,
    ProviderProtocolBroken,
    StreamCut,
    UpstreamFailed,
)
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
from ..transport.languages import StreamDecoder, WireLanguage
from ..transport.sse import SseFrame
from . import wire
from .call_ids import make_call_id
from .errors import decode_error, decode_error_info

_REASONS = {
    "STOP": FinishReason.STOP,
    "MAX_TOKENS": FinishReason.LENGTH,
    "SAFETY": FinishReason.CONTENT_FILTER,
    "RECITATION": FinishReason.CONTENT_FILTER,
    "LANGUAGE": FinishReason.CONTENT_FILTER,
    "BLOCKLIST": FinishReason.CONTENT_FILTER,
    "PROHIBITED_CONTENT": FinishReason.CONTENT_FILTER,
    "SPII": FinishReason.CONTENT_FILTER,
    "MODEL_ARMOR": FinishReason.CONTENT_FILTER,
}
# The model failed, not the caller; a continuation is an answer that is not whole.
_FAILURES = frozenset(
    {
        "MALFORMED_FUNCTION_CALL", "UNEXPECTED_TOOL_CALL", "TOO_MANY_TOOL_CALLS",
        "MISSING_THOUGHT_SIGNATURE", "MALFORMED_RESPONSE", "OTHER", "CONTINUATION",
    }
)  # fmt: skip
_UNSAID = frozenset({"", "FINISH_REASON_UNSPECIFIED", "BLOCK_REASON_UNSPECIFIED"})
SIGNATURE = "thought_signature"

_decode_answer = msgspec.json.Decoder(wire.GenerateAnswer).decode
_decode_answers = msgspec.json.Decoder(list[wire.GenerateAnswer]).decode


def gemini_language(model: str) -> WireLanguage:
    """Return how the answer of `model` is read."""
    return WireLanguage(
        partial(decode_whole, model=model),
        partial(GeminiStreamDecoder, model),
        decode_error,
    )


def decode_reason(finish_reason: str, *, called: bool) -> FinishReason:
    """Return the reason; Gemini has none of its own for an answer that calls tools."""
    if finish_reason == "STOP" and called:
        return FinishReason.TOOL_CALLS
    if finish_reason.startswith("IMAGE_"):
        return FinishReason.CONTENT_FILTER
    return _REASONS.get(finish_reason, FinishReason.OTHER)


class _Choice:
    """One candidate in the making."""

    __slots__ = ("calls", "reason", "thinking")

    def __init__(self) -> None:
        self.calls = 0
        self.reason = ""
        self.thinking = False


class GeminiStreamDecoder(StreamDecoder):
    """Turns one stream into events; `model` is the name that was asked, for the proofs."""

    __slots__ = ("_choices", "_id", "_model", "_started", "_usage")

    def __init__(self, model: str) -> None:
        self._model = model
        self._choices: dict[int, _Choice] = {}
        self._id = ""
        self._started = False
        self._usage: wire.UsageSeen | None = None

    def feed(self, frames: Sequence[SseFrame]) -> list[StreamEvent]:
        events: list[StreamEvent] = []
        for frame in frames:
            for answer in _decode(frame.data):
                self._answer(answer, frame.data, events)
        return events

    def close(self) -> list[StreamEvent]:
        """Return the finish, which only the body's end tells."""
        choices = self._choices
        if not choices and not self._started:
            raise ProviderProtocolBroken("The upstream's answer is empty.")
        if not choices or any(choice.reason in _UNSAID for choice in choices.values()):
            raise StreamCut("The upstream's answer ended before it was finished.")
        events: list[StreamEvent] = []
        reasons: list[FinishReason] = []
        for number in range(max(choices) + 1):
            choice = choices.get(number) or _Choice()
            if choice.thinking:
                events.append(ReasoningFinished(None, number))
            reasons.append(decode_reason(choice.reason, called=choice.calls > 0))
        events.append(ResponseFinished(tuple(reasons), decode_usage(self._usage)))
        return events

    def _answer(self, answer: wire.GenerateAnswer, raw: bytes, events: list[StreamEvent]) -> None:
        if answer.error is not None:
            raise decode_error_info(answer.error)
        if not self._started:
            self._started = True
            self._id = answer.response_id or blake2s(raw, digest_size=12).hexdigest()
            events.append(ResponseStarted(answer.response_id, answer.model_version or self._model))
        if answer.usage_metadata is not None:
            self._usage = answer.usage_metadata
        for candidate in answer.candidates:
            self._candidate(candidate, events)
        feedback = answer.prompt_feedback
        if feedback is not None and feedback.block_reason not in _UNSAID and not self._choices:
            blocked = self._choices[0] = _Choice()
            blocked.reason = "PROHIBITED_CONTENT"

    def _candidate(self, candidate: wire.CandidateSeen, events: list[StreamEvent]) -> None:
        number = candidate.index
        choice = self._choices.get(number)
        if choice is None:
            if number > 127:
                raise ProviderProtocolBroken("The upstream numbers its candidates out of range.")
            choice = self._choices[number] = _Choice()
        if candidate.finish_reason in _FAILURES:
            raise UpstreamFailed(
                f"The model's answer failed: {candidate.finish_reason}.",
                upstream_code=candidate.finish_reason,
                detail=candidate.finish_message,
            )
        if candidate.finish_reason not in _UNSAID:
            choice.reason = candidate.finish_reason
        logprobs = _decode_logprobs(candidate.logprobs_result)
        for part in candidate.content.parts if candidate.content is not None else ():
            logprobs = self._part(part, number, choice, logprobs, events)
        if logprobs:
            events.append(TextDelta("", number, logprobs))

    def _part(
        self,
        part: wire.PartSeen,
        number: int,
        choice: _Choice,
        logprobs: tuple[TokenLogprob, ...],
        events: list[StreamEvent],
    ) -> tuple[TokenLogprob, ...]:
        """Add the events of `part`; return the log probabilities that are still to be told."""
        if part.thought:
            choice.thinking = True
            if part.text:
                events.append(ReasoningDelta(part.text, number))
        elif part.text or part.function_call is not None:
            if choice.thinking:
                choice.thinking = False
                events.append(ReasoningFinished(None, number))
            if part.text:
                events.append(TextDelta(part.text, number, logprobs))
                logprobs = ()
        proof = None
        if part.thought_signature:
            proof = Proof(Vendor.GOOGLE, self._model, SIGNATURE, part.thought_signature)
        if part.function_call is not None:
            self._call(part.function_call, proof, number, choice, events)
        elif proof is not None:
            # A signature without a call belongs to what was open last, even if it comes alone.
            choice.thinking = False
            events.append(ReasoningFinished(proof, number))
        if part.inline_data is not msgspec.UNSET or part.file_data is not msgspec.UNSET:
            raise ConversionError("The model answered with media, which cannot be passed on.")
        return logprobs

    def _call(
        self,
        call: wire.CallSeen,
        proof: Proof | None,
        number: int,
        choice: _Choice,
        events: list[StreamEvent],
    ) -> None:
        index = choice.calls
        choice.calls += 1
        call_id = call.id or make_call_id(self._id, number, index)
        events.append(ToolCallStarted(index, call_id, call.name, "function", proof, number))
        arguments = _on_one_line(call.args)
        if arguments:
            events.append(ToolCallDelta(index, arguments, number))


def _decode(data: bytes) -> Sequence[wire.GenerateAnswer]:
    try:
        # An error may come as a list of one.
        return _decode_answers(data) if data[:1] == b"[" else (_decode_answer(data),)
    except msgspec.DecodeError as error:
        raise ProviderProtocolBroken(
            "The upstream's answer is not one of generateContent.", detail=str(error)
        ) from error


def _on_one_line(value: msgspec.Raw) -> str:
    """Return the text of `value`; Google lays whole bodies out over many lines."""
    text = bytes(value)
    return (msgspec.json.format(text, indent=0) if b"\n" in text else text).decode()


def _decode_logprobs(seen: wire.LogprobsSeen | None) -> tuple[TokenLogprob, ...]:
    if seen is None:
        return ()
    tops = seen.top_candidates
    return tuple(
        TokenLogprob(
            chosen.token,
            chosen.log_probability,
            tuple(chosen.token.encode()),
            tuple(
                TokenLogprob(top.token, top.log_probability, tuple(top.token.encode()))
                for top in (tops[place].candidates if place < len(tops) else ())
            ),
        )
        for place, chosen in enumerate(seen.chosen_candidates)
    )


def decode_usage(seen: wire.UsageSeen | None) -> Usage | None:
    """Return OpenAI's figures: theirs leave thoughts out of the candidates' tokens."""
    if seen is None:
        return None
    thoughts = seen.thoughts_token_count or 0
    return Usage(
        (seen.prompt_token_count or 0) + (seen.tool_use_prompt_token_count or 0),
        (seen.candidates_token_count or 0) + thoughts,
        seen.cached_content_token_count or 0,
        0,
        thoughts,
    )


def decode_whole(body: bytes, *, model: str) -> list[StreamEvent]:
    """Return the events of a whole answer.

    Raises:
        ProviderProtocolBroken: it is none.
        UpstreamFailed: the model failed.
    """
    decoder = GeminiStreamDecoder(model)
    events = decoder.feed((SseFrame(b"", body),))
    try:
        return events + decoder.close()
    except StreamCut as error:
        raise ProviderProtocolBroken(
            "The upstream's answer has no candidate that finished."
        ) from error
