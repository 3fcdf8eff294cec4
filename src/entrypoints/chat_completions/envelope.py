"""The top level of a chat completions request: what is checked before anything is planned.

Every member with a small value is checked here for both lanes; what stands inside messages and
tools is the upstream's to judge when relayed, and `decode.py`'s when translated.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, get_type_hints

from msgspec import Raw
from msgspec.json import Decoder

from ...domain.errors import InvalidRequest
from ..client_dialect import Envelope
from ..members import LARGE_BODY_BYTES, Members, decode_member, missing
from .wire import ModelName, SmallMembers, StreamOptions

MAX_MESSAGES = 20_000

# Each member is decoded by itself, so that an error names it and the large ones stay unread.
_CHECKS: Mapping[str, "Decoder[Any]"] = {  # Any: each decoder has its own type
    name: Decoder(kind) for name, kind in get_type_hints(SmallMembers, include_extras=True).items()
}
_MODEL = Decoder(ModelName)
_ARRAY = Decoder(list[Raw])
# Of what may be large only the outermost form: first bytes, and their name for people.
_FORMS: Mapping[str, tuple[bytes, str]] = {
    "messages": (b"[", "an array"),
    "tools": (b"[n", "an array"),
    "functions": (b"[n", "an array"),
    "tool_choice": (b'"{n', "a string or an object"),
    "function_call": (b'"{n', "a string or an object"),
    "response_format": (b"{n", "an object"),
}


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
    _check_messages(members)
    values: dict[str, Any] = {}  # Any: checked by the decoder of each name
    for name, raw in members.items():
        check = _CHECKS.get(name)
        if check is not None:
            values[name] = decode_member(check, raw, name)
        elif name in _FORMS:
            _check_form(name, raw)
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
    return ChatEnvelope(model, stream, bool(options.include_usage), old_functions)


def _check_messages(members: Members) -> None:
    raw = members.get("messages")
    if raw is None:
        raise missing("messages")
    _check_form("messages", raw)
    # Only a very short array can be empty, and only a very long one hold too many.
    size = memoryview(raw).nbytes
    if size < 64 and not decode_member(_ARRAY, raw, "messages"):
        raise InvalidRequest(
            "'messages' must hold at least one message.",
            param="messages",
            reason="empty_array",
        )
    if size > LARGE_BODY_BYTES:
        count = len(decode_member(_ARRAY, raw, "messages"))
        if count > MAX_MESSAGES:
            raise InvalidRequest(
                f"'messages' may hold {MAX_MESSAGES} messages; these are {count}.",
                param="messages",
                reason="array_above_max_length",
            )


def _check_token_limits(values: Mapping[str, Any]) -> None:
    old, new = values["max_tokens"], values.get("max_completion_tokens")
    if old is not None and new is not None and old != new:
        raise InvalidRequest(
            "'max_tokens' and 'max_completion_tokens' differ; give only the latter.",
            param="max_tokens",
        )


def _check_form(name: str, raw: Raw) -> None:
    first, expected = _FORMS[name]
    if memoryview(raw)[0] not in first:
        raise InvalidRequest(
            f"Invalid type for '{name}': expected {expected}.", param=name, reason="invalid_type"
        )


def _is_given(members: Members, name: str) -> bool:
    """Return whether an array is there that is not empty."""
    raw = members.get(name)
    return raw is not None and memoryview(raw).nbytes > 4 and memoryview(raw)[0] == 0x5B  # [
