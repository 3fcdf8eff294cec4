"""Parts and items of a conversation as Claude's content blocks."""

import re
from base64 import b64decode
from hashlib import blake2s
from typing import assert_never

import msgspec
from msgspec import UNSET, Raw

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
from ...domain.errors import InvalidRequest, UnsupportedFeature
from ...domain.refusals import refused_part
from . import wire

_PARAM = "messages"
_IMAGE_TYPES = frozenset({"image/jpeg", "image/png", "image/gif", "image/webp"})
_FOREIGN_IN_ID = re.compile(r"[^A-Za-z0-9_-]")
_is_object = msgspec.json.Decoder(dict[str, Raw]).decode


def encode_part(part: Part, *, image_urls: bool) -> wire.ResultBlock:
    """Return `part` as a block; `image_urls` says whether an image may stay a URL.

    Raises:
        UnsupportedFeature: Claude has no block for it.
    """
    match part:
        case Text() | Refusal():
            return wire.TextBlock(part.text)
        case ImageData():
            if part.media_type not in _IMAGE_TYPES:
                raise UnsupportedFeature(
                    f"The model takes no images of type {part.media_type[:100]!r}.",
                    param=_PARAM,
                )
            return wire.ImageBlock(wire.Base64Source(part.media_type, part.data))
        case ImageUrl():
            if not image_urls or not part.url.startswith(("https://", "http://")):
                raise UnsupportedFeature("The model takes no images by URL.", param=_PARAM)
            return wire.ImageBlock(wire.UrlSource(part.url))
        case FileData():
            return _document(part)
        case Audio():
            raise UnsupportedFeature("The model takes no audio input.", param=_PARAM)
        case ImageReference() | FileReference() | FileUrl() | OpaquePart():
            raise refused_part(part)
        case _:
            assert_never(part)


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
        case Proof(vendor=Vendor.ANTHROPIC, model=made_by) as proof if made_by == model:
            if proof.kind == "redacted_thinking":
                return wire.RedactedThinkingBlock(proof.value)
            return wire.ThinkingBlock(item.text, proof.value)
        case _:
            return None


def encode_call(call: ToolCall) -> wire.ToolUseBlock:
    """Return the block of `call`, its arguments as the model wrote them."""
    arguments: bytes
    if call.kind == "custom":
        arguments = msgspec.json.encode({"input": call.arguments})
    else:
        arguments = call.arguments.encode() or b"{}"
        try:
            _is_object(arguments)
        except msgspec.DecodeError:
            # A model once broke off, or erred: its words are kept where it can see them.
            arguments = msgspec.json.encode({"unparsed_arguments": call.arguments})
    return wire.ToolUseBlock(encode_call_id(call.id), call.name, Raw(arguments))


def _document(part: FileData) -> wire.DocumentBlock:
    title = part.filename or UNSET
    if part.media_type == "application/pdf":
        return wire.DocumentBlock(wire.Base64Source(part.media_type, part.data), title)
    if part.media_type.startswith("text/"):
        try:
            text = b64decode(part.data, validate=True).decode()
        except ValueError as error:
            raise InvalidRequest("A text file is not UTF-8 in base64.", param=_PARAM) from error
        return wire.DocumentBlock(wire.TextSource("text/plain", text), title)
    raise UnsupportedFeature(
        f"The model takes no files of type {part.media_type[:100]!r}.", param=_PARAM
    )
