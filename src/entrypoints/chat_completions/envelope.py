"""The top level of a chat completions request.

Every member with a small value is checked here for both lanes; what stands inside messages and
tools is the upstream's to judge when relayed, and `decode.py`'s when translated.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from msgspec.json import Decoder

from ...domain.errors import InvalidRequest
from ..client_dialect import Envelope
from ..members import Members, decode_member, missing
from ..top_level import TopLevel, check_count, decoders_of
from .wire import ModelName, SmallMembers, StreamOptions

MAX_MESSAGES = 20_000

_MODEL = Decoder(ModelName)
_TOP = TopLevel(
    decoders_of(SmallMembers),
    {
        "messages": (b"[", "an array"),
        "tools": (b"[n", "an array"),
        "functions": (b"[n", "an array"),
        "tool_choice": (b'"{n', "a string or an object"),
        "function_call": (b'"{n', "a string or an object"),
        "response_format": (b"{n", "an object"),
    },
)


@dataclass(frozen=True, slots=True)
class ChatEnvelope(Envelope):
    """`old_functions`: tools came in the form before tools, and calls go out in it."""

    old_functions: bool = False


def decode_envelope(members: Members) -> ChatEnvelope:
    """Return what the handler needs to know, once the top level is right.

    Raises:
        InvalidRequest: a member is missing, of the wrong type, out of range or at odds with
            another.
    """
    raw = members.get("model")
    if raw is None:
        raise missing("model")
    model = decode_member(_MODEL, raw, "model")
    messages = members.get("messages")
    if messages is None:
        raise missing("messages")
    values = _TOP.check(members)
    check_count(messages, "messages", "message", most=MAX_MESSAGES)
    if "max_tokens" in values:
        _check_token_limits(values)
    if values.get("top_logprobs") is not None and not values.get("logprobs"):
        raise InvalidRequest(
            "'top_logprobs' is only allowed when 'logprobs' is true.", param="top_logprobs"
        )
    old_functions = _is_given(members, "functions")
    if old_functions and _is_given(members, "tools"):
        raise InvalidRequest(
            "'functions' and 'tools' cannot be given together; use 'tools'.", param="functions"
        )
    stream = bool(values.get("stream"))
    options: StreamOptions | None = values.get("stream_options")
    if options is None:
        return ChatEnvelope(model, stream, old_functions=old_functions)
    if not stream:
        raise InvalidRequest(
            "'stream_options' is only allowed when 'stream' is true.", param="stream_options"
        )
    return ChatEnvelope(model, stream, bool(options.include_usage), old_functions=old_functions)


def _check_token_limits(values: Mapping[str, Any]) -> None:
    old, new = values["max_tokens"], values.get("max_completion_tokens")
    if old is not None and new is not None and old != new:
        raise InvalidRequest(
            "'max_tokens' and 'max_completion_tokens' differ; give only the latter.",
            param="max_tokens",
        )


def _is_given(members: Members, name: str) -> bool:
    """Return whether an array is there that is not empty."""
    raw = members.get(name)
    return raw is not None and memoryview(raw).nbytes > 4 and memoryview(raw)[0] == 0x5B  # [
