"""A whole completion as the stream that was asked for: some servers do not stream every answer."""

from typing import Final

import msgspec

_Members = dict[str, msgspec.Raw]
_DONE: Final = b"data: [DONE]\n\n"
_encode: Final = msgspec.json.Encoder().encode
_decode_members: Final = msgspec.json.Decoder(_Members).decode
_decode_list: Final = msgspec.json.Decoder(list[_Members]).decode


def stream_of(body: bytes, *, usage: bool) -> bytes:
    """Return the frames of `body`, a whole answer of chat completions or completions.

    One chunk holds all, whatever members it has; with `usage` another tells it.
    """
    members: dict[str, object] = dict(_decode_members(body))
    choices = [_chunked(choice) for choice in _decode_list(_raw(members.pop("choices")))]
    told = members.pop("usage", None)
    if "object" in members and bytes(_raw(members["object"])) == b'"chat.completion"':
        members["object"] = "chat.completion.chunk"
    frames = b"data: %b\n\n" % _encode({**members, "choices": choices})
    if usage and told is not None:
        frames += b"data: %b\n\n" % _encode({**members, "choices": [], "usage": told})
    return frames + _DONE


def _chunked(choice: _Members) -> dict[str, object]:
    chunk: dict[str, object] = dict(choice)
    message = chunk.pop("message", None)
    if message is not None:
        delta: dict[str, object] = dict(_decode_members(_raw(message)))
        calls = delta.get("tool_calls")
        if calls is not None and bytes(_raw(calls)) != b"null":
            delta["tool_calls"] = [
                {"index": index, **call} for index, call in enumerate(_decode_list(_raw(calls)))
            ]
        chunk["delta"] = delta
    return chunk


def _raw(value: object) -> msgspec.Raw:
    return value if isinstance(value, msgspec.Raw) else msgspec.Raw()
