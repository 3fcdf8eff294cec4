"""What every answer has in common: the request id, the headers, the way it is sent."""

import re
from collections.abc import Iterable, Mapping

from ..application.ports import IdSource
from ..domain.adjustments import Adjustment
from ..domain.journal import Journal
from .asgi import Send
from .wire_style import Headers, WireStyle

JSON = (b"content-type", b"application/json")
CLIENT_GONE_STATUS = 499  # nginx's word in logs for an answer that nobody waited for
_REQUEST_ID = re.compile(rb"[A-Za-z0-9._-]{1,128}")
_MAX_NAME = 256
_MAX_ADJUSTED = 2048
_MAX_REMEMBERED = 4096
# Who joined another's call was given what somebody else has asked for, as with a hit.
_CACHE = {
    took: (b"x-modelmux-cache", told)
    for took, told in (
        ("hit", b"hit"), ("joined", b"hit"), ("miss", b"miss"), ("bypass", b"bypass"),
    )
}  # fmt: skip


def request_id(headers: Mapping[bytes, bytes], ids: IdSource) -> str:
    """Return the client's own id for the request if it is harmless, else a new one."""
    given = headers.get(b"x-request-id")
    if given is not None and _REQUEST_ID.fullmatch(given):
        return given.decode("ascii")
    return ids.new("req_")


def is_request_id(text: str) -> bool:
    """Return whether a client's own id would be used as it is."""
    return _REQUEST_ID.fullmatch(text.encode("utf-8", "surrogateescape")) is not None


class AnswerHeaders:
    """Builds the headers of answers; those of a target are built once and remembered."""

    __slots__ = ("_style", "_targets")

    def __init__(self, style: WireStyle) -> None:
        self._style = style
        self._targets: dict[tuple[str, str], tuple[tuple[bytes, bytes], tuple[bytes, bytes]]] = {}

    def build(
        self, id_: str, elapsed_s: float, journal: Journal, terms: Mapping[str, str]
    ) -> Headers:
        """Return all but the content headers."""
        headers = self._style.headers(id_.encode("ascii"), elapsed_s, terms)
        if journal.quota is not None:
            headers += self._style.quota(journal.quota)
        if journal.provider:
            headers += self._target(journal.provider, journal.model)
            headers.append((b"x-modelmux-attempts", b"%d" % journal.attempts))
            if journal.told:
                headers.append((b"x-modelmux-adjusted", _adjusted(journal.told)))
        if journal.cache:
            headers.append(_CACHE[journal.cache])
            if journal.cache == "hit":
                headers.append((b"age", b"%d" % journal.cache_age_s))
        return headers

    def _target(self, provider: str, model: str) -> tuple[tuple[bytes, bytes], tuple[bytes, bytes]]:
        known = self._targets.get((provider, model))
        if known is None:
            # Clients can bring ever new model names where a provider judges them itself.
            if len(self._targets) >= _MAX_REMEMBERED:
                self._targets.clear()
            known = self._targets[provider, model] = (
                (b"x-modelmux-provider", header_text(provider)),
                (b"x-modelmux-model", header_text(model)),
            )
        return known


def header_text(text: str) -> bytes:
    """Return `text` as a header's value: a caller's line breaks can make no header of their own."""
    text = text[:_MAX_NAME]
    if not (text.isascii() and text.isprintable()):
        text = "".join(letter if " " <= letter <= "~" else "?" for letter in text)
    return text.encode("ascii")


def _adjusted(adjustments: Iterable[Adjustment]) -> bytes:
    words = dict.fromkeys(header_text(str(adjustment)) for adjustment in adjustments)
    joined = b", ".join(words)
    return joined if len(joined) <= _MAX_ADJUSTED else joined[:_MAX_ADJUSTED].rpartition(b", ")[0]


async def send_whole(send: Send, status: int, headers: Headers, body: bytes) -> None:
    """Send a whole answer, its length told."""
    headers.append((b"content-length", b"%d" % len(body)))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
