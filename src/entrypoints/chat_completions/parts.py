"""The content of a message -> its parts."""

import re
from collections.abc import Sequence
from typing import assert_never

from ...domain.conversation import (
    Audio,
    FileData,
    FileReference,
    ImageData,
    ImageUrl,
    Part,
    Refusal,
    Text,
)
from ...domain.errors import InvalidRequest
from .wire import (
    AssistantPart,
    Document,
    DocumentPart,
    ImageAddress,
    ImagePart,
    RefusalPart,
    SoundPart,
    TextPart,
    UserPart,
)

# The media type may carry parameters; only base64 is read (RFC 2397 allows percent-encoding too).
_DATA_URL_HEAD_CHARS = 1024
_BREAKS = str.maketrans("", "", " \t\r\n")
_DATA_URL = re.compile(r"data:([\w.+-]+/[\w.+-]+)?(?:;[\w.+-]+=[^;,]*)*;base64,", re.ASCII)
_MEDIA_TYPES = {"pdf": "application/pdf", "txt": "text/plain", "md": "text/markdown"}


def decode_parts(content: str | Sequence[UserPart | AssistantPart], param: str) -> tuple[Part, ...]:
    """Return the parts of `content`, which stands at `param`.

    Raises:
        InvalidRequest: it is empty, or an image or file is not well said.
    """
    if isinstance(content, str):
        return (Text(content),)
    if not content:
        raise InvalidRequest(f"'{param}' is empty.", param=param, reason="empty_array")
    return tuple(_decode_part(part, f"{param}[{number}]") for number, part in enumerate(content))


def _decode_part(part: UserPart | AssistantPart, param: str) -> Part:
    match part:
        case TextPart(text):
            return Text(text)
        case RefusalPart(refusal):
            return Refusal(refusal)
        case ImagePart(image):
            return _decode_image(image, f"{param}.image_url.url")
        case SoundPart(sound):
            return Audio(sound.data, sound.format)
        case DocumentPart(document):
            return _decode_document(document, f"{param}.file")
        case _:
            assert_never(part)


def _decode_image(image: ImageAddress, param: str) -> Part:
    if image.url.startswith("data:"):
        media_type, data = _decode_data_url(image.url, param)
        if not media_type.startswith("image/"):
            raise InvalidRequest(f"'{param}' holds {media_type}, not an image.", param=param)
        return ImageData(media_type, data, image.detail)
    if not image.url.startswith(("https://", "http://", "gs://")):
        raise InvalidRequest(
            f"'{param}' must be an http(s) or gs address, or a data: URL.", param=param
        )
    return ImageUrl(image.url, image.detail)


def _decode_document(document: Document, param: str) -> Part:
    if document.file_data is not None:
        if document.file_data.startswith("data:"):
            media_type, data = _decode_data_url(document.file_data, f"{param}.file_data")
        else:
            ending = (document.filename or "").rpartition(".")[2].lower()
            media_type = _MEDIA_TYPES.get(ending, "application/pdf")
            data = _without_breaks(document.file_data)
        if not data:
            raise InvalidRequest(f"'{param}.file_data' is empty.", param=f"{param}.file_data")
        return FileData(media_type, data, document.filename)
    if document.file_id is not None:
        return FileReference(document.file_id, document.filename)
    raise InvalidRequest(
        f"'{param}' needs 'file_data' or 'file_id'.",
        param=param,
        reason="missing_required_parameter",
    )


def _decode_data_url(url: str, param: str) -> tuple[str, str]:
    head = _DATA_URL.match(url, 0, _DATA_URL_HEAD_CHARS)
    if head is None or head.end() == len(url):
        raise InvalidRequest(f"'{param}' is not a base64 data: URL with content.", param=param)
    return (head[1] or "text/plain").lower(), _without_breaks(url[head.end() :])


def _without_breaks(data: str) -> str:
    return data.translate(_BREAKS) if "\n" in data or "\r" in data or " " in data else data
