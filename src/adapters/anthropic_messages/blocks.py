"""Parts and items of a conversation as Claude's content blocks."""

import re
from base64 import b64decode
from dataclasses import dataclass
from hashlib import blake2s
from typing import assert_never

from msgspec import UNSET, Raw, UnsetType

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
from ...domain.dialect import Dialect
from ...domain.errors import InvalidRequest, UnsupportedFeature
from ...domain.refusals import refused_part
from ..calls.arguments import encode_arguments
from . import wire

_PARAM = "messages"
_IMAGE_TYPES = frozenset({"image/jpeg", "image/png", "image/gif", "image/webp"})
_WEB = ("https://", "http://")
# Citations as answers have them; those of the Responses API are of other types.
_CITATIONS = frozenset(
    {
        "char_location", "page_location", "content_block_location", "search_result_location",
        "web_search_result_location",
    }
)  # fmt: skip
_FOREIGN_IN_ID = re.compile(r"[^A-Za-z0-9_-]")


@dataclass(frozen=True, slots=True)
class Media:
    """Whether images and documents may be said by address."""

    image_urls: bool = False
    file_urls: bool = False


def encode_mark(mark: CacheMark | None) -> wire.CacheControl | UnsetType:
    if mark is None:
        return UNSET
    ttl = mark.nearest(("5m", "1h"))
    return wire.CacheControl(UNSET if ttl is None else ttl)


def encode_part(part: Part, media: Media) -> wire.ResultBlock:
    """Return `part` as a block.

    Raises:
        UnsupportedFeature: Claude has no block for it.
    """
    match part:
        case Text():
            return encode_text(part)
        case Refusal():
            return wire.TextBlock(part.text)
        case ImageData():
            if part.media_type not in _IMAGE_TYPES:
                raise UnsupportedFeature(
                    f"The model takes no images of type {part.media_type[:100]!r}.",
                    param=_PARAM,
                )
            source = wire.Base64Source(part.media_type, part.data)
            return wire.ImageBlock(source, encode_mark(part.cache))
        case ImageUrl():
            if not media.image_urls or not part.url.startswith(_WEB):
                raise UnsupportedFeature("The model takes no images by URL.", param=_PARAM)
            return wire.ImageBlock(wire.UrlSource(part.url), encode_mark(part.cache))
        case ImageReference():
            return wire.ImageBlock(wire.FileSource(part.file_id), encode_mark(part.cache))
        case FileData():
            return _document(_file_source(part), part)
        case FileReference():
            return _document(wire.FileSource(part.file_id), part)
        case FileUrl():
            if not media.file_urls or not part.url.startswith(_WEB):
                raise refused_part(part)
            return _document(wire.UrlSource(part.url), part)
        case OpaquePart():
            if part.dialect is not Dialect.MESSAGES:
                raise refused_part(part)
            return part.value
        case Audio():
            raise UnsupportedFeature("The model takes no audio input.", param=_PARAM)
        case _:
            assert_never(part)


def encode_text(part: Text) -> wire.TextBlock:
    """Return `part` with those of its citations that are Claude's own."""
    cited = [one for one in part.annotations if one.get("type") in _CITATIONS]
    return wire.TextBlock(part.text, cited or UNSET, encode_mark(part.cache))


def encode_call_id(call_id: str) -> str:
    """Return `call_id` in Claude's alphabet: itself if it fits, else one that no other id gets."""
    fitting = _FOREIGN_IN_ID.sub("_", call_id)
    if fitting == call_id and call_id:
        return call_id
    return f"{fitting}_{blake2s(call_id.encode(), digest_size=6).hexdigest()}"


def encode_proof(
    item: Reasoning, model: str
) -> wire.ThinkingBlock | wire.RedactedThinkingBlock | None:
    """Return the block that `item` was; None if Claude, or this model of it, did not make it."""
    match item.proof:
        case Proof(vendor=Vendor.ANTHROPIC, model=made_by) as proof if made_by in (model, ""):
            if proof.kind == "redacted_thinking":
                return wire.RedactedThinkingBlock(proof.value)
            return wire.ThinkingBlock(item.text, proof.value)
        case _:
            return None


def encode_call(call: ToolCall, id_: str) -> wire.ToolUseBlock:
    """Return the block of `call`, named `id_`, its arguments as the model wrote them."""
    return wire.ToolUseBlock(id_, call.name, Raw(encode_arguments(call)), encode_mark(call.cache))


def _document(
    source: wire.Base64Source | wire.TextSource | wire.UrlSource | wire.FileSource,
    part: FileData | FileReference | FileUrl,
) -> wire.DocumentBlock:
    notes = part.notes
    return wire.DocumentBlock(
        source,
        part.filename or UNSET,
        (notes.context if notes is not None else None) or UNSET,
        wire.Citations() if notes is not None and notes.citations else UNSET,
        encode_mark(part.cache),
    )


def _file_source(part: FileData) -> wire.Base64Source | wire.TextSource:
    if part.media_type == "application/pdf":
        return wire.Base64Source(part.media_type, part.data)
    if part.media_type.startswith("text/"):
        try:
            text = b64decode(part.data, validate=True).decode()
        except ValueError as error:
            raise InvalidRequest("A text file is not UTF-8 in base64.", param=_PARAM) from error
        return wire.TextSource("text/plain", text)
    raise UnsupportedFeature(
        f"The model takes no files of type {part.media_type[:100]!r}.", param=_PARAM
    )
