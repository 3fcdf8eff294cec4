"""How Cohere's answers end: why, and after how many tokens."""

from collections.abc import Mapping
from typing import Final

from ...domain.errors import UpstreamFailed
from ...domain.events import FinishReason, Usage
from . import wire

_REASONS: Final[Mapping[str, FinishReason]] = {
    "COMPLETE": FinishReason.STOP,
    "STOP_SEQUENCE": FinishReason.STOP,
    "MAX_TOKENS": FinishReason.LENGTH,
    "TOOL_CALL": FinishReason.TOOL_CALLS,
    "ERROR_TOXIC": FinishReason.CONTENT_FILTER,
}
_FAILURES: Final = frozenset({"ERROR", "TIMEOUT", "ERROR_LIMIT", "USER_CANCEL"})


def decode_reason(finish_reason: str) -> FinishReason:
    """Return the reason.

    Raises:
        UpstreamFailed: it is that the model failed.
    """
    if finish_reason in _FAILURES:
        raise UpstreamFailed(
            f"The model's answer failed: {finish_reason}.", upstream_code=finish_reason
        )
    return _REASONS.get(finish_reason, FinishReason.OTHER)


def decode_usage(seen: wire.UsageSeen | None) -> Usage | None:
    """Return what was used; of `billed_units` only where the real figures are missing."""
    counted = None if seen is None else seen.tokens or seen.billed_units
    if seen is None or counted is None:
        return None
    return Usage(
        int(counted.input_tokens or 0),
        int(counted.output_tokens or 0),
        int(seen.cached_tokens or 0),
    )
