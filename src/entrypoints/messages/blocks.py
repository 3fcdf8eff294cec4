"""Content blocks -> parts, one by one: an error knows its place, and a future block stays whole.

What Anthropic's servers alone understand (search results, their own tools' blocks, whatever comes
after this was written) is kept as it is; whether the target can is decided later.
"""

import binascii
from base64 import b64encode
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from msgspec import Raw
from msgspec.json import Decoder

from ...application.ports import Sealer
from ...domain.caching import CacheMark
from ...domain.conversation import (
    DocumentNotes,
    FileData,
    FileReference,
    FileUrl,
    ImageData,
    ImageReference,
    ImageUrl,
    OpaquePart,
    Part,
    Text,
)
from ...domain.dialect import Dialect
from ...domain.errors import InvalidRequest
from ..members import decode_member, missing
from ..noting import decode_keeping, decode_noting
from .wire import (
    CacheControl,
    DocumentBlock,
    DocumentBytes,
    FileSource,
    ImageBlock,
    ImageBytes,
    Kind,
    PlainTextSource,
    SystemText,
    TextBlock,
    UrlSource,
)

MOST_MARKS = 4

_KIND = Decoder(Kind)
_TEXT = Decoder(TextBlock)
_SYSTEM_TEXT = Decoder(SystemText)
_IMAGE = Decoder(ImageBlock)
_DOCUMENT = Decoder(DocumentBlock)
_IMAGE_BYTES = Decoder(ImageBytes)
_DOCUMENT_BYTES = Decoder(DocumentBytes)
_PLAIN_TEXT = Decoder(PlainTextSource)
_URL = Decoder(UrlSource)
_FILE = Decoder(FileSource)
_OBJECT = Decoder(dict[str, Any])  # Any: JSON that is not looked into
_BREAKS = str.maketrans("", "", " \t\r\n")
# An image may take megabytes and is one value; what has many values is a bounded few of them, for
# they are all decoded in one go.
_MAX_UNCOUNTED_BYTES = 1024 * 1024
_MAX_VALUES = 200_000


@dataclass(slots=True)
class Reading:
    """What is needed to read on: who asks, what has no place here, and the marks so far."""

    sealer: Sealer
    tenant: str
    ignored: dict[str, None] = field(default_factory=dict[str, None])
    marks: int = 0

    def mark(self, shape: CacheControl | None) -> CacheMark | None:
        """Return what `cache_control` asks for, and count it."""
        if shape is None:
            return None
        self.marks += 1
        return CacheMark(shape.ttl)

    def opaque(self, raw: Raw, param: str) -> dict[str, Any]:  # Any: JSON that is not looked into
        """Return a whole block or tool that is not looked into, its mark counted."""
        check_weight(raw, param)
        value = decode_member(_OBJECT, raw, param)
        if value.get("cache_control") is not None:
            self.marks += 1
        return value

    def check_marks(self) -> None:
        """Raise if there are more marks than Anthropic takes."""
        if self.marks > MOST_MARKS:
            raise InvalidRequest(
                f"A maximum of {MOST_MARKS} blocks with cache_control may be provided. Found "
                f"{self.marks}.",
                param="cache_control",
            )


def kind_of(raw: Raw, param: str) -> str:
    """Return the type that the object at `param` says it is of.

    Raises:
        InvalidRequest: it says none, or is no object.
    """
    kind = decode_member(_KIND, raw, param).type
    if kind is None:
        raise missing(f"{param}.type")
    return kind


def check_weight(raw: Raw, param: str) -> None:
    """Raise if what is decoded in one go has too many values."""
    if memoryview(raw).nbytes > _MAX_UNCOUNTED_BYTES:
        text = bytes(raw)
        values = text.count(b",") + text.count(b"[") + text.count(b"{")
        if values > _MAX_VALUES:
            raise InvalidRequest(
                f"There may be {_MAX_VALUES} values here; these are about {values}", param=param
            )


def decode_parts(
    content: str | Sequence[Raw] | None, param: str, reading: Reading
) -> tuple[Part, ...]:
    """Return the parts of `content`, which stands at `param`; none for an empty array or null.

    Raises:
        InvalidRequest: a block is not well said.
    """
    if content is None:
        return ()
    if isinstance(content, str):
        return (Text(content),) if content else ()
    return tuple(
        [
            decode_part(raw, kind_of(raw, place), place, reading)
            for number, raw in enumerate(content)
            for place in (f"{param}[{number}]",)
        ]
    )


def decode_part(raw: Raw, kind: str, param: str, reading: Reading) -> Part:
    """Return the part that a block of type `kind` is.

    Raises:
        InvalidRequest: it is not well said.
    """
    read = _READERS.get(kind)
    if read is None:
        return OpaquePart(kind, reading.opaque(raw, param), Dialect.MESSAGES)
    return read(raw, param, reading)


def decode_system(content: str | Sequence[Raw], param: str, reading: Reading) -> tuple[Part, ...]:
    """Return the parts of a system prompt, which is of texts; none where it says nothing.

    Raises:
        InvalidRequest: a block is not well said.
    """
    if isinstance(content, str):
        return (Text(content),) if content else ()
    parts: list[Part] = []
    for number, raw in enumerate(content):
        place = f"{param}[{number}]"
        kind = kind_of(raw, place)
        if kind != "text":
            parts.append(OpaquePart(kind, reading.opaque(raw, place), Dialect.MESSAGES))
            continue
        block = decode_noting(_SYSTEM_TEXT, raw, place, reading.ignored)
        parts.append(Text(_filled(block.text, place), cache=reading.mark(block.cache_control)))
    return tuple(parts)


def _read_text(raw: Raw, param: str, reading: Reading) -> Part:
    return text_part(decode_noting(_TEXT, raw, param, reading.ignored), param, reading)


def text_part(block: TextBlock, param: str, reading: Reading) -> Text:
    """Return what `block` says.

    Raises:
        InvalidRequest: that is nothing.
    """
    cited = tuple(block.citations or ())
    return Text(_filled(block.text, param), cited, reading.mark(block.cache_control))


def _filled(text: str, param: str) -> str:
    if not text:
        raise InvalidRequest("text content blocks must be non-empty", param=f"{param}.text")
    return text


def _read_image(raw: Raw, param: str, reading: Reading) -> Part:
    block = decode_keeping(_IMAGE, raw, param, reading.ignored)
    source = f"{param}.source"
    match kind_of(block.source, source):
        case "base64":
            image = decode_noting(_IMAGE_BYTES, block.source, source, reading.ignored)
            data = _checked_base64(image.data, f"{source}.data")
            return ImageData(image.media_type, data, cache=reading.mark(block.cache_control))
        case "url":
            url = _checked_url(block.source, source, reading)
            return ImageUrl(url, cache=reading.mark(block.cache_control))
        case "file":
            file = decode_noting(_FILE, block.source, source, reading.ignored)
            return ImageReference(file.file_id, cache=reading.mark(block.cache_control))
        case _:
            return OpaquePart("image", reading.opaque(raw, param), Dialect.MESSAGES)


def _read_document(raw: Raw, param: str, reading: Reading) -> Part:
    block = decode_keeping(_DOCUMENT, raw, param, reading.ignored)
    cites = block.citations is not None and bool(block.citations.enabled)
    notes = DocumentNotes(block.context, cites) if block.context is not None or cites else None
    source = f"{param}.source"
    kind = kind_of(block.source, source)
    match kind:
        case "base64":
            pdf = decode_noting(_DOCUMENT_BYTES, block.source, source, reading.ignored)
            data = _checked_base64(pdf.data, f"{source}.data")
            cache = reading.mark(block.cache_control)
            return FileData(pdf.media_type, data, block.title, notes, cache)
        case "text":
            plain = decode_noting(_PLAIN_TEXT, block.source, source, reading.ignored)
            if not plain.data:
                raise InvalidRequest("text must be non-empty", param=f"{source}.data")
            data = b64encode(plain.data.encode()).decode("ascii")
            cache = reading.mark(block.cache_control)
            return FileData(plain.media_type, data, block.title, notes, cache)
        case "url":
            url = _checked_url(block.source, source, reading)
            return FileUrl(url, block.title, notes, reading.mark(block.cache_control))
        case "file":
            file = decode_noting(_FILE, block.source, source, reading.ignored)
            cache = reading.mark(block.cache_control)
            return FileReference(file.file_id, block.title, notes, cache)
        case _:  # `content`, whose parts are cited one by one, and what is still to come
            return OpaquePart("document", reading.opaque(raw, param), Dialect.MESSAGES)


def _checked_base64(data: str, param: str) -> str:
    data = data.translate(_BREAKS) if any(letter in data for letter in " \t\r\n") else data
    try:
        found = binascii.a2b_base64(data, strict_mode=True)
    except ValueError as error:
        raise InvalidRequest("invalid base64 data", param=param) from error
    # Python's strict mode lets more padding pass than there is room for.
    if len(data) % 4 or data.endswith("==="):
        raise InvalidRequest("invalid base64 data", param=param)
    if not found:
        raise InvalidRequest("the data is empty", param=param)
    return data


def _checked_url(raw: Raw, param: str, reading: Reading) -> str:
    url = decode_noting(_URL, raw, param, reading.ignored).url
    if not url.startswith(("https://", "http://", "gs://")):
        raise InvalidRequest("must be an http(s) or gs address", param=f"{param}.url")
    return url


_READERS: Mapping[str, Callable[[Raw, str, Reading], Part]] = {
    "text": _read_text,
    "image": _read_image,
    "document": _read_document,
}
