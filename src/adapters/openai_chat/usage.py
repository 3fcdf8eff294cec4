"""Usage and finish reasons: small words that both lanes read."""

from collections.abc import Mapping
from typing import Final

from ...domain.errors import UpstreamFailed
from ...domain.events import FinishReason, Usage
from .wire import WireUsage

# `model_length` is Mistral's, `function_call` the old form of OpenAI, `eos` and `stop_sequence`
# what text-generation servers say.
_REASONS: Final[Mapping[str, FinishReason]] = {
    "stop": FinishReason.STOP,
    "eos": FinishReason.STOP,
    "stop_sequence": FinishReason.STOP,
    "length": FinishReason.LENGTH,
    "model_length": FinishReason.LENGTH,
    "tool_calls": FinishReason.TOOL_CALLS,
    "function_call": FinishReason.TOOL_CALLS,
    "content_filter": FinishReason.CONTENT_FILTER,
}
# DeepSeek's and Mistral's words for an answer that was given up.
FAILURES: Final = frozenset({"insufficient_system_resource", "error"})


def decode_finish_reason(word: str) -> FinishReason:
    """Return the reason; a word newer than this table is OTHER.

    Raises:
        UpstreamFailed: the word says that the upstream gave up.
    """
    reason = _REASONS.get(word)
    if reason is not None:
        return reason
    if word in FAILURES:
        raise UpstreamFailed(
            f"The upstream gave the answer up (finish reason {word!r}).", upstream_code=word
        )
    return FinishReason.OTHER


def decode_usage(wire: WireUsage) -> Usage:
    """Return the tokens; the convention of the wire is the domain's own."""
    cached = cache_write = reasoning = 0
    if wire.prompt_tokens_details is not None:
        cached = wire.prompt_tokens_details.cached_tokens or 0
        cache_write = wire.prompt_tokens_details.cache_write_tokens or 0
    if wire.completion_tokens_details is not None:
        reasoning = wire.completion_tokens_details.reasoning_tokens or 0
    input_tokens = wire.prompt_tokens or 0
    output_tokens = wire.completion_tokens
    if output_tokens is None:
        output_tokens = max((wire.total_tokens or 0) - input_tokens, 0)
    elif reasoning and wire.total_tokens == input_tokens + output_tokens + reasoning:
        # xAI counts thoughts beside the completion, as its total shows.
        output_tokens += reasoning
    return Usage(
        input_tokens=input_tokens,
        output_tokens=output_tokens,
        cached_tokens=cached or wire.prompt_cache_hit_tokens or 0,
        cache_write_tokens=cache_write,
        reasoning_tokens=reasoning,
    )
