"""What a call is told that is turned away, and which calls can be told so unread."""

import itertools
import random
import re
from typing import Final

from ..domain.errors import Overloaded
from .errors import describe
from .messages.style import ANTHROPIC
from .wire_style import OPENAI, WireStyle

_RETRY_AFTER_S = 1.0
_ID: Final = b"shed_%010d"  # always as long, so that the length of an answer is
# So many answers are made, each with a wait of its own.
_VARIANTS = 8
_CALL: Final = b"POST /v1/"
_MESSAGES: Final = b"post /v1/messages"
_HEAD_BYTES: Final = 8192  # a larger head is looked at by others
_PLAIN: Final = re.compile(
    rb"post /v1/[!-~]+ http/1\.1\r\n(?:[-!#$%&'*+.^_`|~0-9a-z]+:[^\r\n\0]*\r\n)*+"
)
# What tells where a request ends, and what becomes of its connection.
_TELLING: Final = re.compile(
    rb"\r\n(host|content-length|connection|transfer-encoding|expect|upgrade): *([^\r]*)"
)
_USUAL: Final = frozenset({b"host", b"content-length", b"connection"})


class ShedAnswers:
    """Whole answers, made once but for their ids."""

    __slots__ = ("_numbers", "_templates")

    def __init__(self) -> None:
        self._numbers = itertools.count(1)
        self._templates: dict[tuple[bool, str, int], tuple[bytes, ...]] = {}

    def answer(self, style: WireStyle, what: str, *, closes: bool) -> bytes:
        """Return the next answer; `what` is what there is too little of."""
        number = next(self._numbers)
        key = (style.named_key_first, what, number % _VARIANTS)
        parts = self._templates.get(key)
        if parts is None:
            parts = self._templates[key] = _template(style, what, closes=closes)
        return (_ID % number).join(parts)


def plain_call(data: bytes) -> WireStyle | None:
    """Return the manners of whoever sent `data`, if that is one plain call and all of it.

    What is in any way odd is for the parser: nothing here may read a length that it, or a proxy
    before us, would read otherwise.
    """
    if not data.startswith(_CALL):
        return None
    ends = data.find(b"\r\n\r\n", 0, _HEAD_BYTES)
    head = data[: ends + 2].lower()
    if ends < 0 or not _is_plain(head, len(data) - ends - 4):
        return None
    messages = head.startswith(_MESSAGES) or b"\r\nanthropic-version:" in head
    return ANTHROPIC if messages else OPENAI


def overloaded(what: str) -> Overloaded:
    """Return the refusal of a call for which there is too little of `what`."""
    # Not all at the same moment again.
    again_s = _RETRY_AFTER_S * random.uniform(0.5, 1.5)  # noqa: S311  # nobody may not guess it
    return Overloaded(
        f"The gateway has more calls than it has {what} for; try again.", retry_after_s=again_s
    )


def _is_plain(head: bytes, body_bytes: int) -> bool:
    """Return whether a head, in small letters, says so much body and nothing unusual."""
    if _PLAIN.fullmatch(head) is None:
        return False
    found = _TELLING.findall(head)
    told = dict(found)
    return (
        len(told) == len(found)
        and told.keys() <= _USUAL
        and b"host" in told
        and told.get(b"content-length") == b"%d" % body_bytes
        and told.get(b"connection", b"keep-alive") == b"keep-alive"
    )


def _template(style: WireStyle, what: str, *, closes: bool) -> tuple[bytes, ...]:
    """Return an answer but for its id: what stands before it, between and after."""
    refusal = describe(overloaded(what))
    mark = _ID % 0
    body = style.encode_refusal(refusal, mark.decode())
    headers = [(b"x-request-id", mark), (b"content-type", b"application/json"), *refusal.headers]
    headers.append((b"content-length", b"%d" % len(body)))
    if closes:
        headers.append((b"connection", b"close"))
    head = b"".join(b"%b: %b\r\n" % header for header in headers)
    whole = b"HTTP/1.1 %d Overloaded\r\n%b\r\n%b" % (style.status_of(refusal), head, body)
    return tuple(whole.split(mark))
