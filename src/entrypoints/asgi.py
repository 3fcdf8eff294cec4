"""ASGI as far as it is spoken here: its types, and its headers."""

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, TypeAlias

Scope: TypeAlias = MutableMapping[str, Any]  # Any: each key has its own type
Event: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Event]]
Send: TypeAlias = Callable[[Event], Awaitable[None]]
Asgi: TypeAlias = Callable[[Scope, Receive, Send], Awaitable[None]]

# Those of the lists among the headers that anybody here reads.
_LISTS = (b"anthropic-beta",)


def headers_of(scope: Scope) -> dict[bytes, bytes]:
    """Return the headers by name: of repeated ones the last, of a list in several lines all."""
    lines: list[tuple[bytes, bytes]] = scope["headers"]
    headers = dict(lines)
    if len(headers) < len(lines):
        for name in _LISTS:
            if name in headers:
                headers[name] = b",".join([value for other, value in lines if other == name])
    return headers
