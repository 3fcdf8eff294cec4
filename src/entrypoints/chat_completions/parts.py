"""The content of a message -> its parts."""

from collections.abc import Sequence
from dataclasses import replace
from typing import assert_never

from ...domain.conversation import Audio, FileData, FileReference, Part, Refusal, Text
from ...domain.errors import InvalidRequest
from ..attachments import decode_file, decode_image, decode_mark
from .wire import (
    AssistantPart,
    Document,
    DocumentPart,
    ImagePart,
    RefusalPart,
    SoundPart,
    TextPart,
    UserPart,
)


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
        case TextPart(text, kept):
            return Text(text, cache=decode_mark(kept))
        case RefusalPart(refusal):
            return Refusal(refusal)
        case ImagePart(image, kept):
            shown = decode_image(image.url, image.detail, f"{param}.image_url.url")
            return shown if kept is None else replace(shown, cache=decode_mark(kept))
        case SoundPart(sound):
            return Audio(sound.data, sound.format)
        case DocumentPart(document, kept):
            file = _decode_document(document, f"{param}.file")
            return file if kept is None else replace(file, cache=decode_mark(kept))
        case _:
            assert_never(part)


def _decode_document(document: Document, param: str) -> FileData | FileReference:
    if document.file_data is not None:
        return decode_file(document.file_data, document.filename, f"{param}.file_data")
    if document.file_id is not None:
        return FileReference(document.file_id, document.filename)
    raise InvalidRequest(
        f"'{param}' needs 'file_data' or 'file_id'.",
        param=param,
        reason="missing_required_parameter",
    )
