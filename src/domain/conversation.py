"""The items of a conversation and their parts, shaped like the Responses API.

A conversation is a flat list of items; chat messages and Anthropic blocks are views of it. A
`cache` on a thing marks its end as one up to which a prompt is worth keeping.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Literal, TypeAlias

from .caching import CacheMark
from .dialect import Dialect
from .json_values import JsonObject


class Role(StrEnum):
    SYSTEM = "system"
    DEVELOPER = "developer"
    USER = "user"
    ASSISTANT = "assistant"


class Vendor(StrEnum):
    """Who makes, and alone can open, a proof."""

    ANTHROPIC = "anthropic"
    GOOGLE = "google"
    OPENAI = "openai"
    DEEPSEEK = "deepseek"


@dataclass(frozen=True, slots=True)
class Proof:
    """Opaque bytes a vendor wants back unchanged, on the same item, for the same model.

    `kind` is the vendor's own word for it (`signature`, `redacted_thinking`,
    `thought_signature`, `reasoning_content`, `encrypted_content`); `value` is the text as it came
    on the wire; `item_id` the vendor's own id of the item, where it wants that back too. `model`
    is empty where the client that carried the proof could not say it.
    """

    vendor: Vendor
    model: str
    kind: str
    value: str
    item_id: str | None = None


@dataclass(frozen=True, slots=True)
class Text:
    """Words; `annotations` are citations, JSON objects as Responses or Messages has them."""

    text: str
    annotations: tuple[JsonObject, ...] = ()
    cache: CacheMark | None = None


@dataclass(frozen=True, slots=True)
class Refusal:
    """The model's words for not answering."""

    text: str


@dataclass(frozen=True, slots=True)
class ImageUrl:
    """An image at an address (http, https or gs) that somebody still has to fetch."""

    url: str
    detail: str | None = None
    cache: CacheMark | None = None


@dataclass(frozen=True, slots=True)
class ImageData:
    """An image by value; `data` is base64 text without line breaks."""

    media_type: str
    data: str
    detail: str | None = None
    cache: CacheMark | None = None


@dataclass(frozen=True, slots=True)
class ImageReference:
    """An image that only the vendor who keeps it can see."""

    file_id: str
    detail: str | None = None
    cache: CacheMark | None = None


@dataclass(frozen=True, slots=True)
class Audio:
    """A sound by value; `data` is base64 text, `format` is `wav` or `mp3`."""

    data: str
    format: str


@dataclass(frozen=True, slots=True)
class DocumentNotes:
    """What a model is told of a document: `context` is about it, `citations` asks for them."""

    context: str | None = None
    citations: bool = False


@dataclass(frozen=True, slots=True)
class FileData:
    """A document by value; `data` is base64 text."""

    media_type: str
    data: str
    filename: str | None = None
    notes: DocumentNotes | None = None
    cache: CacheMark | None = None


@dataclass(frozen=True, slots=True)
class FileReference:
    """A document that only the vendor who keeps it can read."""

    file_id: str
    filename: str | None = None
    notes: DocumentNotes | None = None
    cache: CacheMark | None = None


@dataclass(frozen=True, slots=True)
class FileUrl:
    """A document at an address that the vendor has to fetch."""

    url: str
    filename: str | None = None
    notes: DocumentNotes | None = None
    cache: CacheMark | None = None


@dataclass(frozen=True, slots=True)
class OpaquePart:
    """A part that only a server of `dialect` understands; `value` is the whole of it."""

    type: str
    value: JsonObject
    dialect: Dialect


Part: TypeAlias = (
    Text
    | Refusal
    | ImageUrl
    | ImageData
    | ImageReference
    | Audio
    | FileData
    | FileReference
    | FileUrl
    | OpaquePart
)


@dataclass(frozen=True, slots=True)
class Message:
    """`phase` is an assistant's word for what the text is: `commentary` or `final_answer`."""

    role: Role
    parts: tuple[Part, ...]
    name: str | None = None
    phase: str | None = None


@dataclass(frozen=True, slots=True)
class Reasoning:
    """What a model thought before the items that follow; stands before them.

    `text` may be empty when only the proof is left (redacted or omitted thinking).
    """

    text: str
    proof: Proof | None = None


ToolKind: TypeAlias = Literal["function", "custom"]


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A model's call of a tool.

    `arguments` is the text the model produced: JSON for a function (empty means `{}`), free
    text for a custom tool. `namespace` is that of the tool, None for one outside of any.
    """

    id: str
    name: str
    arguments: str
    kind: ToolKind = "function"
    proof: Proof | None = None
    namespace: str | None = None
    cache: CacheMark | None = None


@dataclass(frozen=True, slots=True)
class ToolResult:
    """The answer to the call with id `call_id`."""

    call_id: str
    parts: tuple[Part, ...]
    is_error: bool = False
    kind: ToolKind = "function"
    cache: CacheMark | None = None


@dataclass(frozen=True, slots=True)
class Compaction:
    """What stood before it in short: our own summary, which clients carry sealed."""

    summary: str


@dataclass(frozen=True, slots=True)
class OpaqueItem:
    """An item that only a server of `dialect` understands: its vendor's own tools, for the most.

    `value` is the whole item, its `type` among it. Of Messages it is an assistant's block.
    """

    type: str
    value: JsonObject
    dialect: Dialect = Dialect.RESPONSES


Item: TypeAlias = Message | Reasoning | ToolCall | ToolResult | Compaction | OpaqueItem
