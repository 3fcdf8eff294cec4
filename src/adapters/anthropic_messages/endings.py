"""How answers end: why, and after how many tokens."""

from ...domain.events import FinishReason, RefusalDelta, ResponseFinished, StreamEvent, Usage
from . import wire

_REASONS = {
    "end_turn": FinishReason.STOP,
    "stop_sequence": FinishReason.STOP,
    "pause_turn": FinishReason.PAUSED,
    "tool_use": FinishReason.TOOL_CALLS,
    "max_tokens": FinishReason.LENGTH,
    "model_context_window_exceeded": FinishReason.LENGTH,
    "refusal": FinishReason.CONTENT_FILTER,
}


def decode_reason(stop_reason: str | None) -> FinishReason:
    return _REASONS.get(stop_reason or "", FinishReason.OTHER)


def ending(last: wire.FinalDelta | wire.WholeMessage, usage: Usage | None) -> list[StreamEvent]:
    """Return the last events; a refusal is explained where the model says why."""
    reason = decode_reason(last.stop_reason)
    finished = ResponseFinished((reason,), usage, last.stop_sequence)
    details = last.stop_details
    if details is None or not details.explanation:
        return [finished]
    return [RefusalDelta(details.explanation), finished]


class UsageSoFar:
    """The latest of each figure: the last event's are cumulative, and not all are repeated."""

    __slots__ = ("_known", "cache_read", "cache_write", "input", "output", "thinking")

    def __init__(self) -> None:
        self.input = self.output = self.cache_read = self.cache_write = self.thinking = 0
        self._known = False

    def add(self, usage: wire.WireUsage | None) -> None:
        if usage is None:
            return
        self._known = True
        if usage.input_tokens is not None:
            self.input = usage.input_tokens
        if usage.output_tokens is not None:
            self.output = usage.output_tokens
        if usage.cache_read_input_tokens is not None:
            self.cache_read = usage.cache_read_input_tokens
        if usage.cache_creation_input_tokens is not None:
            self.cache_write = usage.cache_creation_input_tokens
        details = usage.output_tokens_details
        if details is not None and details.thinking_tokens is not None:
            self.thinking = details.thinking_tokens

    def total(self) -> Usage | None:
        """Return OpenAI's figures: theirs leave cache reads and writes out of the input."""
        if not self._known:
            return None
        return Usage(
            self.input + self.cache_read + self.cache_write,
            self.output,
            self.cache_read,
            self.cache_write,
            self.thinking,
        )
