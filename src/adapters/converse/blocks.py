"""Parts and items of a conversation as Converse's content blocks."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import blake2s
from typing import Final, assert_never

from msgspec import UNSET, Raw

from ...domain.caching import CacheMark
from ...domain.conversation import (
    Audio,
    FileData,
    FileReference,
    FileUrl,
    ImageData,
    ImageReference,
    ImageUrl,
    OpaquePart,
    Part,
    Proof,
    Reasoning,
    Refusal,
    Text,
    ToolCall,
    Vendor,
)
from ...domain.errors import UnsupportedFeature
from ...domain.refusals import refused_part
from ..calls.arguments import encode_arguments
from . import wire

_PARAM: Final = "messages"
_IMAGE_FORMATS: Final[Mapping[str, str]] = {
    "image/png": "png",
    "image/jpeg": "jpeg",
    "image/jpg": "jpeg",
    "image/gif": "gif",
    "image/webp": "webp",
}
_OFFICE: Final = "application/vnd.openxmlformats-officedocument"
_DOCUMENT_FORMATS: Final[Mapping[str, str]] = {
    "application/pdf": "pdf",
    "text/csv": "csv",
    "application/msword": "doc",
    f"{_OFFICE}.wordprocessingml.document": "docx",
    "application/vnd.ms-excel": "xls",
    f"{_OFFICE}.spreadsheetml.sheet": "xlsx",
    "text/html": "html",
    "text/plain": "txt",
    "text/markdown": "md",
}
# Documents' names: letters, digits, hyphens, brackets, and single spaces between.
_FOREIGN_IN_NAME: Final = re.compile(r"[^A-Za-z0-9\-()\[\]]+")
_MAX_NAME_CHARS: Final = 190
_FOREIGN_IN_ID: Final = re.compile(r"[^A-Za-z0-9_.:-]")
_MAX_ID_CHARS: Final = 64
_EMPTY_RESULT: Final = "(no output)"


@dataclass(slots=True)
class Naming:
    """Gives documents names that the service takes, each once in a request."""

    _given: set[str] = field(default_factory=set[str])

    def name(self, filename: str | None) -> str:
        stem = (filename or "").rpartition("/")[2]
        stem = stem.rpartition(".")[0] or stem
        name = _FOREIGN_IN_NAME.sub(" ", stem).strip()[:_MAX_NAME_CHARS].strip() or "document"
        chosen, number = name, 1
        while chosen in self._given:
            number += 1
            chosen = f"{name} {number}"
        self._given.add(chosen)
        return chosen


def is_blank(part: Part) -> bool:
    """Whether `part` is text without a letter: the service refuses it, and nobody misses it."""
    return isinstance(part, Text | Refusal) and not part.text.strip()


def encode_part(part: Part, naming: Naming) -> wire.Block:
    """Return `part` as a block of a message.

    Raises:
        UnsupportedFeature: there is none for it.
    """
    match part:
        case Audio():
            return wire.AudioBlock(wire.Media(part.format, wire.Bytes(part.data)))
        case _:
            return _encode_result_part(part, naming)


def encode_result(parts: Sequence[Part], naming: Naming) -> list[wire.ResultBlock]:
    """Return `parts` as the content of a tool's result, which must not be empty.

    Raises:
        UnsupportedFeature: there is no block for one of them.
    """
    blocks = [_encode_result_part(part, naming) for part in parts if not is_blank(part)]
    return blocks or [wire.TextBlock(_EMPTY_RESULT)]


def _encode_result_part(part: Part, naming: Naming) -> wire.ResultBlock:
    match part:
        case Text() | Refusal():
            return wire.TextBlock(part.text)
        case ImageData():
            image_format = _IMAGE_FORMATS.get(part.media_type)
            if image_format is None:
                raise UnsupportedFeature(
                    f"The model takes no images of type {part.media_type[:100]!r}.", param=_PARAM
                )
            return wire.ImageBlock(wire.Media(image_format, wire.Bytes(part.data)))
        case FileData():
            return _document(part, naming)
        case ImageUrl():
            raise UnsupportedFeature("The model takes no images by URL.", param=_PARAM)
        case Audio():
            raise UnsupportedFeature("The model takes no sound in a tool's result.", param=_PARAM)
        case ImageReference() | FileReference() | FileUrl() | OpaquePart():
            raise refused_part(part)
        case _:
            assert_never(part)


def _document(part: FileData, naming: Naming) -> wire.DocumentBlock:
    document_format = _DOCUMENT_FORMATS.get(part.media_type.partition(";")[0].strip().lower())
    if document_format is None:
        raise UnsupportedFeature(
            f"The model takes no files of type {part.media_type[:100]!r}.", param=_PARAM
        )
    notes = part.notes
    return wire.DocumentBlock(
        wire.Document(
            document_format,
            naming.name(part.filename),
            wire.Bytes(part.data),
            UNSET if notes is None or not notes.context else notes.context,
            wire.CitationsConfig() if notes is not None and notes.citations else UNSET,
        )
    )


def encode_call_id(call_id: str) -> str:
    """Return `call_id` as the service takes it: itself if it fits, else one no other id gets."""
    fitting = _FOREIGN_IN_ID.sub("_", call_id)
    if fitting == call_id and 0 < len(call_id) <= _MAX_ID_CHARS:
        return call_id
    return f"{fitting[:50]}_{blake2s(call_id.encode(), digest_size=6).hexdigest()}"


def encode_call(call: ToolCall) -> wire.ToolUseBlock:
    """Return the block of `call`, its arguments as the model wrote them."""
    return wire.ToolUseBlock(
        wire.ToolUse(encode_call_id(call.id), call.name, Raw(encode_arguments(call)))
    )


def encode_thoughts(item: Reasoning, model: str) -> wire.ReasoningBlock | None:
    """Return the block that `item` was; None if the model, or its vendor, did not make it.

    Claude alone signs. What it thought elsewhere, under the name of the same model, it knows again.
    """
    match item.proof:
        case Proof(vendor=Vendor.ANTHROPIC, model=made_by) as proof if made_by in ("", model):
            if proof.kind == "redacted_thinking":
                return wire.ReasoningBlock(wire.ReasoningContent(redacted_content=proof.value))
            said = wire.ReasoningText(item.text, proof.value)
            return wire.ReasoningBlock(wire.ReasoningContent(reasoning_text=said))
        case _:
            return None


def encode_mark(mark: CacheMark, spans: Sequence[str]) -> wire.CachePointBlock:
    """Return what marks the end of what stands before it; `spans` are the words for how long."""
    span = mark.nearest(spans) if spans else None
    return wire.CachePointBlock(wire.CachePoint(ttl=UNSET if span is None else span))
