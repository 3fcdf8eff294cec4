"""Reads what an error says of itself, in all the envelopes it comes in.

`{"error": {message, type, param, code}}` is OpenAI's. vLLM and Mistral send the inner object flat,
with an integer code; FastAPI servers `{"detail": [{loc, msg, type}]}` or a text; Mistral also
`{"message": {"detail": [...]}}`; Azure adds `innererror` and, from its management layer,
`{"statusCode", "message"}`; Ollama `{"error": "text"}`; proxies send HTML or plain text.
"""

import re
from dataclasses import dataclass
from typing import TypeVar

import msgspec

T = TypeVar("T")
_NOTHING = msgspec.Raw(b"null")
_MAX_WORD_CHARS = 200
# Prose is searched for what has no code; what matters stands in its first lines.
_MAX_MESSAGE_CHARS = 4000
_TITLE = re.compile(r"<title[^>]*>([^<]{1,200})", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Told:
    """What an error says; `status` only where its body has one."""

    message: str = ""
    code: str | None = None
    type: str | None = None
    param: str | None = None
    inner_code: str | None = None
    status: int | None = None


class _Envelope(msgspec.Struct, frozen=True):
    """Each member is read on its own, so that one of an unknown form hides no other."""

    object: msgspec.Raw = _NOTHING
    error: msgspec.Raw = _NOTHING
    detail: msgspec.Raw = _NOTHING
    message: msgspec.Raw = _NOTHING
    code: msgspec.Raw = _NOTHING
    type: msgspec.Raw = _NOTHING
    param: msgspec.Raw = _NOTHING
    innererror: msgspec.Raw = _NOTHING
    status: msgspec.Raw = _NOTHING
    status_code: msgspec.Raw = msgspec.field(default=_NOTHING, name="statusCode")


class _Coded(msgspec.Struct, frozen=True):
    code: str = ""


class _Detailed(msgspec.Struct, frozen=True):
    detail: msgspec.Raw = _NOTHING


class _Located(msgspec.Struct, frozen=True):
    """FastAPI's word on one thing that is wrong, and where."""

    loc: tuple[str | int, ...] = ()
    msg: str = ""

    @property
    def path(self) -> str:
        """The place as in `messages[0].content`."""
        path = ""
        for step in self.loc[1:] if self.loc[:1] == ("body",) else self.loc:
            path += f"[{step}]" if isinstance(step, int) else f".{step}" if path else step
        return path


def read_error(body: bytes) -> Told:
    """Return what is told; a body that is no JSON is its own message, bounded."""
    envelope = _read(body, _Envelope)
    if envelope is None:
        listed = _read(body, tuple[_Envelope, ...])
        if not listed:
            return Told(_plain(body))
        envelope = listed[0]
    inner = _read(envelope.error, _Envelope)
    if inner is not None:
        return _told(inner)
    text = _read(envelope.error, str)
    if text is not None:
        return _told(envelope, message=text)
    if envelope.detail is not _NOTHING:
        message, param = _detail(envelope.detail)
        return Told(message[:_MAX_MESSAGE_CHARS], param=param)
    return _told(envelope)


def is_flat_error(body: bytes) -> bool:
    """Return whether JSON without choices is vLLM's flat error."""
    if b'"error"' not in body:
        return False
    envelope = _read(body, _Envelope)
    return envelope is not None and _read(envelope.object, str) == "error"


def _told(envelope: _Envelope, *, message: str | None = None) -> Told:
    param = _read(envelope.param, str)
    if message is None:
        message = _read(envelope.message, str)
    if message is None:
        wrapped = _read(envelope.message, _Detailed)
        if wrapped is not None:
            message, param = _detail(wrapped.detail)
    code = _read(envelope.code, str)
    number = _read(envelope.code, int) or _read(envelope.status_code, int)
    if number is None:
        number = _read(envelope.status, int)
    if code is not None and code.isdecimal() and len(code) == 3:
        number = int(code)
    innermost = _read(envelope.innererror, _Coded)
    return Told(
        message=(message or "")[:_MAX_MESSAGE_CHARS],
        code=_word(code),
        type=_word(_read(envelope.type, str)),
        param=_word(param),
        inner_code=_word(innermost.code if innermost is not None else None),
        status=number if number is not None and 400 <= number < 600 else None,
    )


def _detail(raw: msgspec.Raw) -> tuple[str, str | None]:
    text = _read(raw, str)
    if text is not None:
        return text, None
    places = _read(raw, tuple[_Located, ...]) or ()
    told = [f"{one.path}: {one.msg}" if one.loc else one.msg for one in places[:5]]
    return "; ".join(told), _word(places[0].path) if places else None


def _plain(body: bytes) -> str:
    text = body[:4096].decode("utf-8", "replace").strip()
    if text.startswith("<"):
        title = _TITLE.search(text)
        return f"a web page: {title[1].strip()}" if title is not None else "a web page"
    return text[:500]


def _word(text: str | None) -> str | None:
    return text[:_MAX_WORD_CHARS] if text else None


def _read(data: bytes | msgspec.Raw, kind: type[T]) -> T | None:
    """Return the value if it has that form."""
    try:
        return msgspec.json.decode(data, type=kind)
    except (msgspec.DecodeError, RecursionError):
        return None
