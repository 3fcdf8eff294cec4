"""The shapes of Converse: what we write, and what we read of its answers.

Source: the service model bedrock-runtime 2023-09-30 (botocore 1.44). A content block is an object
with one member, whose name says what it is.
"""

from typing import Literal, TypeAlias

from msgspec import UNSET, Raw, Struct, UnsetType

from ...domain.json_values import JsonObject

# What we write.


class Sent(Struct, frozen=True, rename="camel"):
    pass


class TextBlock(Sent, frozen=True):
    text: str


class CachePoint(Sent, frozen=True):
    type: Literal["default"] = "default"
    ttl: str | UnsetType = UNSET


class CachePointBlock(Sent, frozen=True):
    cache_point: CachePoint


class Bytes(Sent, frozen=True):
    """Base64 text."""

    bytes: str


class Media(Sent, frozen=True):
    format: str
    source: Bytes


class ImageBlock(Sent, frozen=True):
    image: Media


class AudioBlock(Sent, frozen=True):
    audio: Media


class CitationsConfig(Sent, frozen=True):
    enabled: bool = True


class Document(Sent, frozen=True):
    format: str
    name: str
    source: Bytes
    context: str | UnsetType = UNSET
    citations: CitationsConfig | UnsetType = UNSET


class DocumentBlock(Sent, frozen=True):
    document: Document


class ToolUse(Sent, frozen=True):
    tool_use_id: str
    name: str
    input: Raw


class ToolUseBlock(Sent, frozen=True):
    tool_use: ToolUse


ResultBlock: TypeAlias = TextBlock | ImageBlock | DocumentBlock


class ToolResult(Sent, frozen=True):
    """`status` is known to Claude and Nova alone; who hears none takes it for success."""

    tool_use_id: str
    content: list[ResultBlock]
    status: Literal["error"] | UnsetType = UNSET


class ToolResultBlock(Sent, frozen=True):
    tool_result: ToolResult


class ReasoningText(Sent, frozen=True):
    text: str
    signature: str | UnsetType = UNSET


class ReasoningContent(Sent, frozen=True):
    """One of the two; `redacted_content` is base64 text."""

    reasoning_text: ReasoningText | UnsetType = UNSET
    redacted_content: str | UnsetType = UNSET


class ReasoningBlock(Sent, frozen=True):
    reasoning_content: ReasoningContent


SystemBlock: TypeAlias = TextBlock | CachePointBlock
Block: TypeAlias = (
    TextBlock
    | CachePointBlock
    | ImageBlock
    | AudioBlock
    | DocumentBlock
    | ToolUseBlock
    | ToolResultBlock
    | ReasoningBlock
)
TurnRole: TypeAlias = Literal["user", "assistant"]


class Turn(Sent, frozen=True):
    role: TurnRole
    content: list[Block]


class InputSchema(Sent, frozen=True):
    json: JsonObject


class ToolSpec(Sent, frozen=True):
    name: str
    input_schema: InputSchema
    description: str | UnsetType = UNSET
    strict: bool | UnsetType = UNSET


class Tool(Sent, frozen=True):
    tool_spec: ToolSpec


class Nothing(Sent, frozen=True):
    """`{}`"""


class ToolName(Sent, frozen=True):
    name: str


class ToolChoice(Sent, frozen=True):
    """One of the three."""

    auto: Nothing | UnsetType = UNSET
    any: Nothing | UnsetType = UNSET
    tool: ToolName | UnsetType = UNSET


class ToolConfig(Sent, frozen=True):
    tools: list[Tool | CachePointBlock]
    tool_choice: ToolChoice | UnsetType = UNSET


class InferenceConfig(Sent, frozen=True, omit_defaults=True):
    max_tokens: int | None = None
    temperature: float | None = None
    top_p: float | None = None
    stop_sequences: tuple[str, ...] = ()


class JsonSchema(Sent, frozen=True):
    """`schema` is JSON text."""

    schema: str
    name: str | UnsetType = UNSET
    description: str | UnsetType = UNSET


class Structure(Sent, frozen=True):
    json_schema: JsonSchema


class TextFormat(Sent, frozen=True):
    structure: Structure
    type: Literal["json_schema"] = "json_schema"


class OutputConfig(Sent, frozen=True):
    text_format: TextFormat | UnsetType = UNSET
    effort: str | UnsetType = UNSET


class ServiceTier(Sent, frozen=True):
    type: str


class ConverseRequest(Sent, frozen=True):
    messages: list[Turn]
    system: list[SystemBlock] | UnsetType = UNSET
    inference_config: InferenceConfig | UnsetType = UNSET
    tool_config: ToolConfig | UnsetType = UNSET
    additional_model_request_fields: JsonObject | UnsetType = UNSET
    output_config: OutputConfig | UnsetType = UNSET
    service_tier: ServiceTier | UnsetType = UNSET
    request_metadata: dict[str, str] | UnsetType = UNSET


class Counted(Sent, frozen=True):
    """What of a request is counted."""

    messages: list[Turn]
    system: list[SystemBlock] | UnsetType = UNSET
    tool_config: ToolConfig | UnsetType = UNSET
    additional_model_request_fields: JsonObject | UnsetType = UNSET


class CountInput(Sent, frozen=True):
    converse: Counted


class CountRequest(Sent, frozen=True):
    input: CountInput


# What we read: flat, so that members of tomorrow pass as blocks without content.


class Read(Struct, frozen=True, rename="camel"):
    pass


class WireUsage(Read, frozen=True):
    """`input_tokens` leaves out what was read from, or written to, a cache."""

    input_tokens: int = 0
    output_tokens: int = 0
    cache_read_input_tokens: int | None = None
    cache_write_input_tokens: int | None = None


class WebLocation(Read, frozen=True):
    url: str = ""


class CitationLocation(Read, frozen=True):
    web: WebLocation | None = None


class Citation(Read, frozen=True):
    title: str = ""
    source: str = ""
    location: CitationLocation | None = None


class CitedText(Read, frozen=True):
    text: str = ""


class CitationsContent(Read, frozen=True):
    content: list[CitedText] = []
    citations: list[Citation] = []


class WrittenToolUse(Read, frozen=True):
    tool_use_id: str = ""
    name: str = ""
    input: Raw = Raw(b"{}")
    type: str = ""


class WrittenReasoningText(Read, frozen=True):
    text: str = ""
    signature: str = ""


class WrittenReasoning(Read, frozen=True):
    reasoning_text: WrittenReasoningText | None = None
    redacted_content: str = ""


class WrittenBlock(Read, frozen=True):
    text: str = ""
    tool_use: WrittenToolUse | None = None
    reasoning_content: WrittenReasoning | None = None
    citations_content: CitationsContent | None = None
    image: Raw | UnsetType = UNSET
    audio: Raw | UnsetType = UNSET
    video: Raw | UnsetType = UNSET


class WrittenMessage(Read, frozen=True):
    content: list[WrittenBlock]


class Output(Read, frozen=True):
    message: WrittenMessage


class ConverseAnswer(Read, frozen=True):
    output: Output
    stop_reason: str
    usage: WireUsage | None = None


class BlockStartOf(Read, frozen=True):
    tool_use: WrittenToolUse | None = None
    image: Raw | UnsetType = UNSET


class BlockStart(Read, frozen=True):
    content_block_index: int
    start: BlockStartOf


class ToolUseDelta(Read, frozen=True):
    input: str = ""


class ReasoningDelta(Read, frozen=True):
    text: str = ""
    signature: str = ""
    redacted_content: str = ""


class Delta(Read, frozen=True):
    text: str = ""
    tool_use: ToolUseDelta | None = None
    reasoning_content: ReasoningDelta | None = None
    citation: Citation | None = None
    image: Raw | UnsetType = UNSET


class BlockDelta(Read, frozen=True):
    content_block_index: int
    delta: Delta


class BlockStop(Read, frozen=True):
    content_block_index: int


class MessageStop(Read, frozen=True):
    stop_reason: str


class Metadata(Read, frozen=True):
    usage: WireUsage | None = None


class Count(Read, frozen=True):
    input_tokens: int


_SPELLED = {
    "message_of_old": "Message",
    "kind": "__type",
    "original_status_code": "originalStatusCode",
}


class ErrorBody(Struct, frozen=True, rename=_SPELLED):
    """AWS's services spell the message either way; some name the error in the body."""

    message: str | None = None
    message_of_old: str | None = None
    kind: str | None = None
    code: str | None = None
    original_status_code: int | None = None
