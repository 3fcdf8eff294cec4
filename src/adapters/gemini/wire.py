"""The shapes of Gemini's generateContent: what we write, and what we read of its answers.

Source: google-genai 3.3 (types), Vertex documentation. The service refuses fields it does not
know, so nothing is written that is not listed here.
"""

from typing import Literal, TypeAlias

from msgspec import UNSET, Raw, Struct, UnsetType

from ...domain.json_values import JsonObject

# What we write.


class Blob(Struct, frozen=True, rename="camel"):
    mime_type: str
    data: str


class FileUri(Struct, frozen=True, rename="camel"):
    mime_type: str
    file_uri: str


class FunctionCall(Struct, frozen=True):
    name: str
    args: Raw
    id: str | UnsetType = UNSET


class FunctionResponse(Struct, frozen=True):
    name: str
    response: Raw
    id: str | UnsetType = UNSET


class Part(Struct, frozen=True, rename="camel"):
    """One of its contents; a signature stands beside it, never inside."""

    text: str | UnsetType = UNSET
    thought: Literal[True] | UnsetType = UNSET
    inline_data: Blob | UnsetType = UNSET
    file_data: FileUri | UnsetType = UNSET
    function_call: FunctionCall | UnsetType = UNSET
    function_response: FunctionResponse | UnsetType = UNSET
    thought_signature: str | UnsetType = UNSET


ContentRole: TypeAlias = Literal["user", "model"]


class Content(Struct, frozen=True):
    role: ContentRole
    parts: list[Part]


class SystemInstruction(Struct, frozen=True):
    parts: list[Part]


class FunctionDeclaration(Struct, frozen=True, rename="camel"):
    name: str
    description: str | UnsetType = UNSET
    parameters_json_schema: JsonObject | UnsetType = UNSET


class Tool(Struct, frozen=True, rename="camel"):
    function_declarations: list[FunctionDeclaration]


class FunctionCallingConfig(Struct, frozen=True, rename="camel"):
    mode: Literal["AUTO", "ANY", "NONE", "VALIDATED"]
    allowed_function_names: list[str] | UnsetType = UNSET


class ToolConfig(Struct, frozen=True, rename="camel"):
    function_calling_config: FunctionCallingConfig


class ThinkingConfig(Struct, frozen=True, rename="camel"):
    """A level or a budget; both at once are refused."""

    include_thoughts: Literal[True] | UnsetType = UNSET
    thinking_budget: int | UnsetType = UNSET
    thinking_level: Literal["MINIMAL", "LOW", "MEDIUM", "HIGH", "XHIGH"] | UnsetType = UNSET


class GenerationConfig(Struct, frozen=True, rename="camel", omit_defaults=True):
    temperature: float | UnsetType = UNSET
    top_p: float | UnsetType = UNSET
    top_k: int | UnsetType = UNSET
    candidate_count: int | UnsetType = UNSET
    max_output_tokens: int | UnsetType = UNSET
    stop_sequences: tuple[str, ...] | UnsetType = UNSET
    seed: int | UnsetType = UNSET
    presence_penalty: float | UnsetType = UNSET
    frequency_penalty: float | UnsetType = UNSET
    response_logprobs: Literal[True] | UnsetType = UNSET
    logprobs: int | UnsetType = UNSET
    response_mime_type: str | UnsetType = UNSET
    response_json_schema: JsonObject | UnsetType = UNSET
    thinking_config: ThinkingConfig | UnsetType = UNSET


class GenerateRequest(Struct, frozen=True, rename="camel"):
    contents: list[Content]
    system_instruction: SystemInstruction | UnsetType = UNSET
    tools: list[Tool] | UnsetType = UNSET
    tool_config: ToolConfig | UnsetType = UNSET
    generation_config: GenerationConfig | UnsetType = UNSET
    labels: dict[str, str] | UnsetType = UNSET
    service_tier: Literal["standard", "flex", "priority"] | UnsetType = UNSET


# What we read.


class CallSeen(Struct, frozen=True):
    name: str = ""
    args: Raw = Raw(b"{}")
    id: str = ""


class PartSeen(Struct, frozen=True, rename="camel"):
    text: str = ""
    thought: bool = False
    thought_signature: str = ""
    function_call: CallSeen | None = None
    inline_data: Raw | UnsetType = UNSET
    file_data: Raw | UnsetType = UNSET


class ContentSeen(Struct, frozen=True):
    """`parts` may be missing: all of the budget went into thinking."""

    parts: tuple[PartSeen, ...] = ()


class LogprobSeen(Struct, frozen=True, rename="camel"):
    token: str = ""
    log_probability: float = 0.0


class TopLogprobs(Struct, frozen=True):
    candidates: tuple[LogprobSeen, ...] = ()


class LogprobsSeen(Struct, frozen=True, rename="camel"):
    chosen_candidates: tuple[LogprobSeen, ...] = ()
    top_candidates: tuple[TopLogprobs, ...] = ()


class CandidateSeen(Struct, frozen=True, rename="camel"):
    index: int = 0
    content: ContentSeen | None = None
    finish_reason: str = ""
    finish_message: str | None = None
    logprobs_result: LogprobsSeen | None = None


class UsageSeen(Struct, frozen=True, rename="camel"):
    prompt_token_count: int | None = None
    tool_use_prompt_token_count: int | None = None
    cached_content_token_count: int | None = None
    candidates_token_count: int | None = None
    thoughts_token_count: int | None = None


class PromptFeedback(Struct, frozen=True, rename="camel"):
    block_reason: str = ""


class ErrorInfo(Struct, frozen=True):
    code: int = 0
    message: str = ""
    status: str = ""
    details: Raw | UnsetType = UNSET


class GenerateAnswer(Struct, frozen=True, rename="camel"):
    """A whole answer, and each frame of a stream, which brings the new parts."""

    candidates: tuple[CandidateSeen, ...] = ()
    usage_metadata: UsageSeen | None = None
    model_version: str = ""
    response_id: str = ""
    prompt_feedback: PromptFeedback | None = None
    error: ErrorInfo | None = None


class ErrorEnvelope(Struct, frozen=True):
    error: ErrorInfo


class ErrorDetail(Struct, frozen=True, rename="camel"):
    """Of the many kinds of detail only RetryInfo has this member."""

    retry_delay: str = ""
