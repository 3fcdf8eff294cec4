"""Items and their parts as stores hold them: arrays that begin with a number for their kind.

Apart from the domain's shapes: those may be renamed, stored ones may not. A field may only be
added at the end, with a default; a change that older releases would misread raises `VERSION`.
JSON values are kept as JSON text, which takes integers of any size. A cache mark is its time to
live, empty for the vendor's default.
"""

from typing import TypeAlias, assert_never

import msgspec

from ...domain.caching import CacheMark
from ...domain.conversation import (
    Audio,
    Compaction,
    DocumentNotes,
    FileData,
    FileReference,
    FileUrl,
    ImageData,
    ImageReference,
    ImageUrl,
    Item,
    Message,
    OpaqueItem,
    OpaquePart,
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
from ...domain.dialect import Dialect
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
    cache: str | None = None


class StoredRefusal(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=1):
    text: str


class StoredImageUrl(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=2):
    url: str
    detail: str | None = None
    cache: str | None = None


class StoredImageData(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=3):
    media_type: str
    data: str
    detail: str | None = None
    cache: str | None = None


class StoredImageReference(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=4):
    file_id: str
    detail: str | None = None
    cache: str | None = None


class StoredAudio(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=5):
    data: str
    format: str


class StoredNotes(msgspec.Struct, frozen=True, array_like=True, gc=False):
    context: str | None = None
    citations: bool = False


class StoredFileData(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=6):
    media_type: str
    data: str
    filename: str | None = None
    notes: StoredNotes | None = None
    cache: str | None = None


class StoredFileReference(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=7):
    file_id: str
    filename: str | None = None
    notes: StoredNotes | None = None
    cache: str | None = None


class StoredFileUrl(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=8):
    url: str
    filename: str | None = None
    notes: StoredNotes | None = None
    cache: str | None = None


class StoredOpaquePart(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=9):
    name: str
    value: bytes
    dialect: Dialect


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
    | StoredOpaquePart
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
    cache: str | None = None


class StoredResult(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=3):
    call_id: str
    parts: tuple[StoredPart, ...]
    is_error: bool = False
    kind: ToolKind = "function"
    cache: str | None = None


class StoredCompaction(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=4):
    summary: str


class StoredOpaque(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=5):
    name: str
    value: bytes
    dialect: Dialect = Dialect.RESPONSES


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
                _ttl(item.cache),
            )
        case ToolResult():
            return StoredResult(
                item.call_id,
                _stored_parts(item.parts),
                item.is_error,
                item.kind,
                _ttl(item.cache),
            )
        case Compaction():
            return StoredCompaction(item.summary)
        case OpaqueItem():
            return StoredOpaque(item.type, json_text(item.value), item.dialect)
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
                _mark(item.cache),
            )
        case StoredResult():
            return ToolResult(
                item.call_id,
                _domain_parts(item.parts),
                item.is_error,
                item.kind,
                _mark(item.cache),
            )
        case StoredCompaction():
            return Compaction(item.summary)
        case StoredOpaque():
            return OpaqueItem(item.name, decode_object(item.value), item.dialect)
        case _:
            assert_never(item)


def _stored_parts(parts: tuple[Part, ...]) -> tuple[StoredPart, ...]:
    return tuple([_stored_part(part) for part in parts])


def _domain_parts(parts: tuple[StoredPart, ...]) -> tuple[Part, ...]:
    return tuple([_domain_part(part) for part in parts])


def _stored_part(part: Part) -> StoredPart:
    match part:
        case Text():
            annotations = json_text(part.annotations) if part.annotations else None
            return StoredText(part.text, annotations, _ttl(part.cache))
        case Refusal():
            return StoredRefusal(part.text)
        case ImageUrl():
            return StoredImageUrl(part.url, part.detail, _ttl(part.cache))
        case ImageData():
            return StoredImageData(part.media_type, part.data, part.detail, _ttl(part.cache))
        case ImageReference():
            return StoredImageReference(part.file_id, part.detail, _ttl(part.cache))
        case Audio():
            return StoredAudio(part.data, part.format)
        case FileData():
            return StoredFileData(
                part.media_type,
                part.data,
                part.filename,
                _stored_notes(part.notes),
                _ttl(part.cache),
            )
        case FileReference():
            return StoredFileReference(
                part.file_id, part.filename, _stored_notes(part.notes), _ttl(part.cache)
            )
        case FileUrl():
            return StoredFileUrl(
                part.url, part.filename, _stored_notes(part.notes), _ttl(part.cache)
            )
        case OpaquePart():
            return StoredOpaquePart(part.type, json_text(part.value), part.dialect)
        case _:
            assert_never(part)


def _domain_part(part: StoredPart) -> Part:
    match part:
        case StoredText():
            annotations = decode_objects(part.annotations) if part.annotations else ()
            return Text(part.text, annotations, _mark(part.cache))
        case StoredRefusal():
            return Refusal(part.text)
        case StoredImageUrl():
            return ImageUrl(part.url, part.detail, _mark(part.cache))
        case StoredImageData():
            return ImageData(part.media_type, part.data, part.detail, _mark(part.cache))
        case StoredImageReference():
            return ImageReference(part.file_id, part.detail, _mark(part.cache))
        case StoredAudio():
            return Audio(part.data, part.format)
        case StoredFileData():
            return FileData(
                part.media_type,
                part.data,
                part.filename,
                _domain_notes(part.notes),
                _mark(part.cache),
            )
        case StoredFileReference():
            return FileReference(
                part.file_id, part.filename, _domain_notes(part.notes), _mark(part.cache)
            )
        case StoredFileUrl():
            return FileUrl(part.url, part.filename, _domain_notes(part.notes), _mark(part.cache))
        case StoredOpaquePart():
            return OpaquePart(part.name, decode_object(part.value), part.dialect)
        case _:
            assert_never(part)


def _ttl(mark: CacheMark | None) -> str | None:
    return None if mark is None else mark.ttl or ""


def _mark(ttl: str | None) -> CacheMark | None:
    return None if ttl is None else CacheMark(ttl or None)


def _stored_notes(notes: DocumentNotes | None) -> StoredNotes | None:
    return None if notes is None else StoredNotes(notes.context, notes.citations)


def _domain_notes(notes: StoredNotes | None) -> DocumentNotes | None:
    return None if notes is None else DocumentNotes(notes.context, notes.citations)


def stored_proof(proof: Proof | None) -> StoredProof | None:
    if proof is None:
        return None
    return StoredProof(proof.vendor, proof.model, proof.kind, proof.value, proof.item_id)


def domain_proof(stored: StoredProof | None) -> Proof | None:
    if stored is None:
        return None
    return Proof(stored.vendor, stored.model, stored.kind, stored.value, stored.item_id)
