"""How a response ended, and what it cost: words that both lanes read."""

from collections.abc import Mapping
from typing import Final

import msgspec

from ...domain.errors import ProviderError, ProviderProtocolBroken, UpstreamFailed
from ...domain.events import FinishReason, Usage
from ..openai_errors.decode import decode_error_object
from .wire import WireIncomplete, WireUsage

CALLS: Final = frozenset({"function_call", "custom_tool_call"})
_INCOMPLETE: Final[Mapping[str, FinishReason]] = {
    "max_output_tokens": FinishReason.LENGTH,
    "content_filter": FinishReason.CONTENT_FILTER,
}


def decode_reason(
    status: str | None, incomplete: WireIncomplete | None, *, called: bool
) -> FinishReason:
    """Return why a response ended that did not fail; a reason newer than this is OTHER.

    Raises:
        UpstreamFailed: it was cancelled over there.
        ProviderProtocolBroken: it has not ended.
    """
    match status:
        case "completed" | None:
            return FinishReason.TOOL_CALLS if called else FinishReason.STOP
        case "incomplete":
            reason = incomplete.reason if incomplete is not None else None
            return _INCOMPLETE.get(reason or "", FinishReason.OTHER)
        case "cancelled":
            raise UpstreamFailed("The upstream cancelled the response.", upstream_code=status)
        case _:
            raise ProviderProtocolBroken(f"The upstream's response is {status[:40]!r}, not whole.")


def decode_usage(wire: WireUsage) -> Usage:
    """Return the tokens; the convention of the wire is the domain's own."""
    cached = cache_write = reasoning = 0
    if wire.input_tokens_details is not None:
        cached = wire.input_tokens_details.cached_tokens or 0
        cache_write = wire.input_tokens_details.cache_write_tokens or 0
    if wire.output_tokens_details is not None:
        reasoning = wire.output_tokens_details.reasoning_tokens or 0
    return Usage(wire.input_tokens or 0, wire.output_tokens or 0, cached, cache_write, reasoning)


def decode_failure(error: msgspec.Raw, hidden: tuple[str, ...]) -> ProviderError:
    """Return what `error` means, which a failed response has of itself."""
    return decode_error_object(b'{"error":%b}' % bytes(error), hidden=hidden)
