"""Reading a request's body: judged by its headers first, bounded in bytes and time."""

from collections.abc import Mapping

from ..domain.errors import BodyTooLarge, WrongMediaType
from .asgi import Receive
from .watcher import ClientGone, RunningCall


def check_body_headers(headers: Mapping[bytes, bytes], max_body_bytes: int) -> None:
    """Refuse a body for what its headers say, before any of it is read.

    A missing content type is taken for JSON: old and small clients send none.

    Raises:
        WrongMediaType: it is not JSON in UTF-8, or it is compressed.
        BodyTooLarge: it says that it is longer than the limit.
    """
    content_type = headers.get(b"content-type")
    if content_type is not None and content_type != b"application/json":
        _check_content_type(content_type)
    encoding = headers.get(b"content-encoding")
    if encoding is not None and encoding.strip().lower() not in (b"", b"identity"):
        raise WrongMediaType("A compressed body is not read here; send it without encoding.")
    length = headers.get(b"content-length")
    if length is not None and int(length) > max_body_bytes:
        raise _too_large(max_body_bytes)


def _check_content_type(content_type: bytes) -> None:
    kind, *parameters = content_type.decode("latin-1").lower().split(";")
    if kind.strip() != "application/json":
        raise WrongMediaType("The content type must be application/json.")
    for parameter in parameters:
        name, _, value = parameter.strip().partition("=")
        if name == "charset" and value.strip('"') not in ("utf-8", "utf8"):
            raise WrongMediaType("The body must be JSON in UTF-8.")


async def read_body(receive: Receive, call: RunningCall, max_body_bytes: int) -> bytes:
    """Return the whole body.

    Raises:
        BodyTooLarge: it is longer than the limit; what comes after is not read.
        ClientGone: the client left in the middle.
    """
    message = await receive()
    body: bytes = message.get("body", b"")
    if message["type"] == "http.disconnect":
        raise ClientGone
    if message.get("more_body", False):
        body = await _read_rest(receive, call, body, max_body_bytes)
    elif len(body) > max_body_bytes:
        raise _too_large(max_body_bytes)
    call.body_complete()
    return body


async def _read_rest(receive: Receive, call: RunningCall, first: bytes, limit: int) -> bytes:
    chunks = [first]
    size = len(first)
    more = True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientGone
        chunk: bytes = message.get("body", b"")
        size += len(chunk)
        if size > limit:
            raise _too_large(limit)
        call.body_came(len(chunk))
        chunks.append(chunk)
        more = message.get("more_body", False)
    return b"".join(chunks)


def _too_large(limit: int) -> BodyTooLarge:
    return BodyTooLarge(f"The body is larger than {limit} bytes, which is the limit here.")
