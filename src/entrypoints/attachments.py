"""What callers of OpenAI's languages attach to messages: images, documents, marks."""

import re
from typing import Annotated, Literal

from msgspec import Meta, Struct

from ..domain.caching import CacheMark
from ..domain.conversation import FileData, ImageData, ImageUrl
from ..domain.errors import InvalidRequest

# The media type may carry parameters; only base64 is read (RFC 2397 allows percent-encoding too).
_DATA_URL_HEAD_CHARS = 1024
_BREAKS = str.maketrans("", "", " \t\r\n")
_DATA_URL = re.compile(r"data:([\w.+-]+/[\w.+-]+)?(?:;[\w.+-]+=[^;,]*)*;base64,", re.ASCII)
_MEDIA_TYPES = {"pdf": "application/pdf", "txt": "text/plain", "md": "text/markdown"}


class CacheBreakpoint(Struct, frozen=True):
    mode: Literal["explicit"] = "explicit"
    ttl: Annotated[str, Meta(max_length=16)] | None = None


def decode_mark(breakpoint_: CacheBreakpoint | None) -> CacheMark | None:
    """Return the mark that a part's `prompt_cache_breakpoint` is."""
    return None if breakpoint_ is None else CacheMark(breakpoint_.ttl)


def decode_image(url: str, detail: str | None, param: str) -> ImageData | ImageUrl:
    """Return the image at `url`, which stands at `param`.

    Raises:
        InvalidRequest: it is neither an address nor a data: URL of an image.
    """
    if url.startswith("data:"):
        media_type, data = _decode_data_url(url, param)
        if not media_type.startswith("image/"):
            raise InvalidRequest(f"'{param}' holds {media_type}, not an image.", param=param)
        return ImageData(media_type, data, detail)
    if not url.startswith(("https://", "http://", "gs://")):
        raise InvalidRequest(
            f"'{param}' must be an http(s) or gs address, or a data: URL.", param=param
        )
    return ImageUrl(url, detail)


def decode_file(data: str, filename: str | None, param: str) -> FileData:
    """Return the document in `data`, a data: URL or plain base64, which stands at `param`.

    Raises:
        InvalidRequest: it is empty, or a data: URL that cannot be read.
    """
    if data.startswith("data:"):
        media_type, data = _decode_data_url(data, param)
    else:
        ending = (filename or "").rpartition(".")[2].lower()
        media_type = _MEDIA_TYPES.get(ending, "application/pdf")
        data = _without_breaks(data)
    if not data:
        raise InvalidRequest(f"'{param}' is empty.", param=param)
    return FileData(media_type, data, filename)


def _decode_data_url(url: str, param: str) -> tuple[str, str]:
    head = _DATA_URL.match(url, 0, _DATA_URL_HEAD_CHARS)
    if head is None or head.end() == len(url):
        raise InvalidRequest(f"'{param}' is not a base64 data: URL with content.", param=param)
    return (head[1] or "text/plain").lower(), _without_breaks(url[head.end() :])


def _without_breaks(data: str) -> str:
    return data.translate(_BREAKS) if "\n" in data or "\r" in data or " " in data else data
