"""How Converse's answers end: why, and with which figures."""

from typing import Final

from ...domain.errors import UpstreamFailed
from ...domain.events import FinishReason, Usage
from . import wire

_REASONS: Final = {
    "end_turn": FinishReason.STOP,
    "stop_sequence": FinishReason.STOP,
    "tool_use": FinishReason.TOOL_CALLS,
    "max_tokens": FinishReason.LENGTH,
    "model_context_window_exceeded": FinishReason.LENGTH,
    "guardrail_intervened": FinishReason.CONTENT_FILTER,
    "content_filtered": FinishReason.CONTENT_FILTER,
}
_MALFORMED: Final = frozenset({"malformed_model_output", "malformed_tool_use"})


def decode_reason(stop_reason: str) -> FinishReason:
    """Return why an answer ended.

    Raises:
        UpstreamFailed: the model wrote what is no answer.
    """
    if stop_reason in _MALFORMED:
        raise UpstreamFailed(
            "The model's answer was malformed, and the upstream does not tell it.",
            upstream_code=stop_reason,
        )
    return _REASONS.get(stop_reason, FinishReason.OTHER)


def decode_usage(usage: wire.WireUsage | None) -> Usage | None:
    """Return OpenAI's figures: theirs leave cache reads and writes out of the input."""
    if usage is None:
        return None
    read = usage.cache_read_input_tokens or 0
    written = usage.cache_write_input_tokens or 0
    return Usage(usage.input_tokens + read + written, usage.output_tokens, read, written)
