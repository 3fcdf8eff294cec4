"""Items and their parts as stores hold them: arrays that begin with a number for their kind.

Apart from the domain's shapes: those may be renamed, stored ones may not. A field may only be
added at the end, with a default; a change that older releases would misread raises `VERSION`.
JSON values are kept as JSON text, which takes integers of any size.
"""

from typing import TypeAlias, assert_never

import msgspec

from ...domain.conversation import (
    Audio,
    Compaction,
    FileData,
    FileReference,
    FileUrl,
    ImageData,
    ImageReference,
    ImageUrl,
    Item,
    Message,
    OpaqueItem,
    Part,
    Proof,
    Reasoning,
    Refusal,
    Role,
    Text,
    ToolCall,
    ToolKind,
    ToolResult,
    Vendor,
)
from .json_text import decode_object, decode_objects, json_text


class StoredProof(msgspec.Struct, frozen=True, array_like=True, gc=False):
    vendor: Vendor
    model: str
    kind: str
    value: str
    item_id: str | None = None


class StoredText(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=0):
    text: str
    annotations: bytes | None = None


class StoredRefusal(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=1):
    text: str


class StoredImageUrl(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=2):
    url: str
    detail: str | None = None


class StoredImageData(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=3):
    media_type: str
    data: str
    detail: str | None = None


class StoredImageReference(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=4):
    file_id: str
    detail: str | None = None


class StoredAudio(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=5):
    data: str
    format: str


class StoredFileData(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=6):
    media_type: str
    data: str
    filename: str | None = None


class StoredFileReference(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=7):
    file_id: str
    filename: str | None = None


class StoredFileUrl(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=8):
    url: str
    filename: str | None = None


StoredPart: TypeAlias = (
    StoredText
    | StoredRefusal
    | StoredImageUrl
    | StoredImageData
    | StoredImageReference
    | StoredAudio
    | StoredFileData
    | StoredFileReference
    | StoredFileUrl
)


class StoredMessage(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=0):
    role: Role
    parts: tuple[StoredPart, ...]
    name: str | None = None
    phase: str | None = None


class StoredReasoning(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=1):
    text: str
    proof: StoredProof | None = None


class StoredCall(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=2):
    id: str
    name: str
    arguments: str
    kind: ToolKind = "function"
    proof: StoredProof | None = None
    namespace: str | None = None


class StoredResult(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=3):
    call_id: str
    parts: tuple[StoredPart, ...]
    is_error: bool = False
    kind: ToolKind = "function"


class StoredCompaction(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=4):
    summary: str


class StoredOpaque(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=5):
    name: str
    value: bytes


StoredItem: TypeAlias = (
    StoredMessage | StoredReasoning | StoredCall | StoredResult | StoredCompaction | StoredOpaque
)


def stored_item(item: Item) -> StoredItem:
    match item:
        case Message():
            return StoredMessage(item.role, _stored_parts(item.parts), item.name, item.phase)
        case Reasoning():
            return StoredReasoning(item.text, stored_proof(item.proof))
        case ToolCall():
            return StoredCall(
                item.id,
                item.name,
                item.arguments,
                item.kind,
                stored_proof(item.proof),
                item.namespace,
            )
        case ToolResult():
            return StoredResult(item.call_id, _stored_parts(item.parts), item.is_error, item.kind)
        case Compaction():
            return StoredCompaction(item.summary)
        case OpaqueItem():
            return StoredOpaque(item.type, json_text(item.value))
        case _:
            assert_never(item)


def domain_item(item: StoredItem) -> Item:
    """Return the item again.

    Raises:
        ValueError: the JSON text in it is none.
    """
    match item:
        case StoredMessage():
            return Message(item.role, _domain_parts(item.parts), item.name, item.phase)
        case StoredReasoning():
            return Reasoning(item.text, domain_proof(item.proof))
        case StoredCall():
            return ToolCall(
                item.id,
                item.name,
                item.arguments,
                item.kind,
                domain_proof(item.proof),
                item.namespace,
            )
        case StoredResult():
            return ToolResult(item.call_id, _domain_parts(item.parts), item.is_error, item.kind)
        case StoredCompaction():
            return Compaction(item.summary)
        case StoredOpaque():
            return OpaqueItem(item.name, decode_object(item.value))
        case _:
            assert_never(item)


def _stored_parts(parts: tuple[Part, ...]) -> tuple[StoredPart, ...]:
    return tuple([_stored_part(part) for part in parts])


def _domain_parts(parts: tuple[StoredPart, ...]) -> tuple[Part, ...]:
    return tuple([_domain_part(part) for part in parts])


def _stored_part(part: Part) -> StoredPart:
    match part:
        case Text():
            return StoredText(part.text, json_text(part.annotations) if part.annotations else None)
        case Refusal():
            return StoredRefusal(part.text)
        case ImageUrl():
            return StoredImageUrl(part.url, part.detail)
        case ImageData():
            return StoredImageData(part.media_type, part.data, part.detail)
        case ImageReference():
            return StoredImageReference(part.file_id, part.detail)
        case Audio():
            return StoredAudio(part.data, part.format)
        case FileData():
            return StoredFileData(part.media_type, part.data, part.filename)
        case FileReference():
            return StoredFileReference(part.file_id, part.filename)
        case FileUrl():
            return StoredFileUrl(part.url, part.filename)
        case _:
            assert_never(part)


def _domain_part(part: StoredPart) -> Part:
    match part:
        case StoredText():
            return Text(part.text, decode_objects(part.annotations) if part.annotations else ())
        case StoredRefusal():
            return Refusal(part.text)
        case StoredImageUrl():
            return ImageUrl(part.url, part.detail)
        case StoredImageData():
            return ImageData(part.media_type, part.data, part.detail)
        case StoredImageReference():
            return ImageReference(part.file_id, part.detail)
        case StoredAudio():
            return Audio(part.data, part.format)
        case StoredFileData():
            return FileData(part.media_type, part.data, part.filename)
        case StoredFileReference():
            return FileReference(part.file_id, part.filename)
        case StoredFileUrl():
            return FileUrl(part.url, part.filename)
        case _:
            assert_never(part)


def stored_proof(proof: Proof | None) -> StoredProof | None:
    if proof is None:
        return None
    return StoredProof(proof.vendor, proof.model, proof.kind, proof.value, proof.item_id)


def domain_proof(stored: StoredProof | None) -> Proof | None:
    if stored is None:
        return None
    return Proof(stored.vendor, stored.model, stored.kind, stored.value, stored.item_id)
