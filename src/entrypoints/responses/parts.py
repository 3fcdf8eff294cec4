"""The content of a message or of a tool's output -> its parts."""

from collections.abc import Sequence
from dataclasses import replace
from typing import assert_never

from ...domain.conversation import (
    Audio,
    FileReference,
    FileUrl,
    ImageReference,
    Part,
    Refusal,
    Text,
)
from ...domain.errors import InvalidRequest
from ..attachments import decode_file, decode_image, decode_mark
from .wire import (
    ContentPart,
    FilePart,
    ImagePart,
    InputText,
    OtherText,
    OutputText,
    ReasoningText,
    RefusalPart,
    SoundPart,
    SummaryText,
)


def decode_parts(content: str | Sequence[ContentPart], param: str) -> tuple[Part, ...]:
    """Return the parts of `content`, which stands at `param`; none for an empty array.

    Raises:
        InvalidRequest: an image or a file is not well said.
    """
    if isinstance(content, str):
        return (Text(content),)
    return tuple([_decode_part(part, param, number) for number, part in enumerate(content)])


def _decode_part(part: ContentPart, param: str, number: int) -> Part:
    match part:
        case OutputText():
            return Text(part.text, tuple(part.annotations or ()))
        case InputText(text, kept):
            return Text(text, cache=decode_mark(kept))
        case OtherText(text) | SummaryText(text) | ReasoningText(text):
            return Text(text)
        case RefusalPart(refusal):
            return Refusal(refusal)
        case ImagePart():
            return _decode_image(part, f"{param}[{number}]")
        case FilePart():
            return _decode_file(part, f"{param}[{number}]")
        case SoundPart(sound):
            return Audio(sound.data, sound.format)
        case _:
            assert_never(part)


def _decode_image(part: ImagePart, param: str) -> Part:
    mark = decode_mark(part.prompt_cache_breakpoint)
    if part.image_url is not None:
        image = decode_image(part.image_url, part.detail, f"{param}.image_url")
        return image if mark is None else replace(image, cache=mark)
    if part.file_id is not None:
        return ImageReference(part.file_id, part.detail, mark)
    raise _empty(param, "'image_url' or 'file_id'")


def _decode_file(part: FilePart, param: str) -> Part:
    mark = decode_mark(part.prompt_cache_breakpoint)
    if part.file_data is not None:
        file = decode_file(part.file_data, part.filename, f"{param}.file_data")
        return file if mark is None else replace(file, cache=mark)
    if part.file_id is not None:
        return FileReference(part.file_id, part.filename, cache=mark)
    if part.file_url is None:
        raise _empty(param, "'file_data', 'file_id' or 'file_url'")
    if not part.file_url.startswith(("https://", "http://", "gs://")):
        raise InvalidRequest(
            f"'{param}.file_url' must be an http(s) or gs address.", param=f"{param}.file_url"
        )
    return FileUrl(part.file_url, part.filename, cache=mark)


def _empty(param: str, needed: str) -> InvalidRequest:
    return InvalidRequest(
        f"'{param}' needs {needed}.", param=param, reason="missing_required_parameter"
    )
