"""The shapes of Ollama's own API: what we write, and what we read of its answers.

Source: Ollama's API documentation and the types of its server (`api/types.go`), November 2026.
"""

from typing import Literal, TypeAlias

from msgspec import UNSET, Raw, Struct, UnsetType

from ...domain.json_values import JsonObject, JsonValue

# What we write.


class FunctionCalled(Struct, frozen=True):
    name: str
    arguments: Raw


class ToolCalled(Struct, frozen=True):
    function: FunctionCalled


class Message(Struct, frozen=True):
    """`images` are base64 text, of which the media type is not told."""

    role: Literal["system", "user", "assistant", "tool"]
    content: str
    thinking: str | UnsetType = UNSET
    images: list[str] | UnsetType = UNSET
    tool_calls: list[ToolCalled] | UnsetType = UNSET
    tool_name: str | UnsetType = UNSET


class Function(Struct, frozen=True):
    name: str
    parameters: JsonObject
    description: str | UnsetType = UNSET


class Tool(Struct, frozen=True, tag="function"):
    function: Function


KeepAlive: TypeAlias = str | int


class ChatRequest(Struct, frozen=True):
    """`stream` is true if it is left out.

    `truncate` and `shift` false have a prompt refused that does not fit, and an answer ended that
    fills the context; servers before 0.12.6 do not know them, and cut in silence.
    """

    model: str
    messages: list[Message]
    stream: bool
    options: dict[str, JsonValue] | UnsetType = UNSET
    tools: list[Tool] | UnsetType = UNSET
    format: Literal["json"] | JsonObject | UnsetType = UNSET
    think: bool | Literal["low", "medium", "high"] | UnsetType = UNSET
    keep_alive: KeepAlive | UnsetType = UNSET
    logprobs: Literal[True] | UnsetType = UNSET
    top_logprobs: int | UnsetType = UNSET
    truncate: bool = False
    shift: bool = False


class EmbedRequest(Struct, frozen=True):
    model: str
    input: tuple[str, ...]
    dimensions: int | UnsetType = UNSET
    options: dict[str, JsonValue] | UnsetType = UNSET
    keep_alive: KeepAlive | UnsetType = UNSET
    truncate: bool = False


# What we read.


class FunctionSeen(Struct, frozen=True):
    name: str = ""
    arguments: Raw = Raw(b"{}")


class CallSeen(Struct, frozen=True):
    """Newer servers give ids."""

    function: FunctionSeen = FunctionSeen()
    id: str = ""


class MessageSeen(Struct, frozen=True):
    content: str = ""
    thinking: str = ""
    tool_calls: tuple[CallSeen, ...] | None = None


class LogprobSeen(Struct, frozen=True):
    token: str = ""
    logprob: float = 0.0
    bytes: tuple[int, ...] | None = None


class TokenSeen(Struct, frozen=True):
    token: str = ""
    logprob: float = 0.0
    bytes: tuple[int, ...] | None = None
    top_logprobs: tuple[LogprobSeen, ...] | None = None


class ChatAnswer(Struct, frozen=True):
    """A whole answer, and each line of a stream, which brings what is new."""

    model: str = ""
    message: MessageSeen | None = None
    done: bool = False
    done_reason: str = ""
    prompt_eval_count: int | None = None
    eval_count: int | None = None
    logprobs: tuple[TokenSeen, ...] | None = None
    error: Raw | UnsetType = UNSET


class EmbedAnswer(Struct, frozen=True):
    model: str = ""
    embeddings: tuple[Raw, ...] = ()
    prompt_eval_count: int | None = None
