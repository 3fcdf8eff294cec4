"""StreamEvent: the one shape of a running answer.

Laws: `ResponseStarted` first and `ResponseFinished` last, each once; an index is announced
(`ToolCallStarted`) before its deltas; an answer that breaks off raises, it never finishes
quietly. `choice` counts alternative answers to one request (`n`); most have one, number 0.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

from .conversation import OpaqueItem, Proof, ToolKind
from .json_values import JsonObject


class FinishReason(StrEnum):
    """`PAUSED`: a tool of the vendor's own takes long; the caller sends the turn back as it is."""

    STOP = "stop"
    LENGTH = "length"
    TOOL_CALLS = "tool_calls"
    CONTENT_FILTER = "content_filter"
    PAUSED = "paused"
    OTHER = "other"


CUT_SHORT = frozenset({FinishReason.LENGTH, FinishReason.CONTENT_FILTER})
"""Why an answer may end before it is whole."""


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens in OpenAI's convention: input includes cached ones, output includes reasoning."""

    input_tokens: int = 0
    output_tokens: int = 0
    cached_tokens: int = 0
    cache_write_tokens: int = 0
    reasoning_tokens: int = 0

    @property
    def total_tokens(self) -> int:
        return self.input_tokens + self.output_tokens

    def __add__(self, other: "Usage") -> "Usage":
        """Return the tokens of two calls that make one answer."""
        return Usage(
            self.input_tokens + other.input_tokens,
            self.output_tokens + other.output_tokens,
            self.cached_tokens + other.cached_tokens,
            self.cache_write_tokens + other.cache_write_tokens,
            self.reasoning_tokens + other.reasoning_tokens,
        )


@dataclass(frozen=True, slots=True)
class ResponseStarted:
    """The upstream's id for the answer (may be empty) and the model it says it is."""

    id: str
    model: str


@dataclass(frozen=True, slots=True)
class TokenLogprob:
    """A token's log probability; `top` the likeliest tokens at its place."""

    token: str
    logprob: float
    bytes: tuple[int, ...] | None = None
    top: tuple["TokenLogprob", ...] = ()


@dataclass(frozen=True, slots=True)
class MessageStarted:
    """A message begins that is one of its own, or has a phase; others begin with their text."""

    phase: str | None = None
    choice: int = 0


@dataclass(frozen=True, slots=True)
class TextDelta:
    text: str
    choice: int = 0
    logprobs: tuple[TokenLogprob, ...] = ()


@dataclass(frozen=True, slots=True)
class AnnotationAdded:
    """A citation in the text that is open; a JSON object of the Responses API."""

    annotation: JsonObject
    choice: int = 0


@dataclass(frozen=True, slots=True)
class RefusalDelta:
    text: str
    choice: int = 0


@dataclass(frozen=True, slots=True)
class ReasoningDelta:
    """More of the thoughts that are open."""

    text: str
    choice: int = 0


@dataclass(frozen=True, slots=True)
class ReasoningFinished:
    """The open thoughts are complete; `proof` goes back with them, even alone."""

    proof: Proof | None = None
    choice: int = 0


@dataclass(frozen=True, slots=True)
class ToolCallStarted:
    """A call begins; `index` is dense from 0 within its choice."""

    index: int
    id: str
    name: str
    kind: ToolKind = "function"
    proof: Proof | None = None
    choice: int = 0
    namespace: str | None = None


@dataclass(frozen=True, slots=True)
class ToolCallDelta:
    """More of the arguments of call `index`: a fragment of JSON text, not JSON."""

    index: int
    arguments: str
    choice: int = 0


@dataclass(frozen=True, slots=True)
class OpaqueItemAdded:
    """A whole item that the vendor's own tools brought."""

    item: OpaqueItem
    choice: int = 0


@dataclass(frozen=True, slots=True)
class EmbeddingsAdded:
    """The next vectors, in the order of the inputs."""

    vectors: tuple[Sequence[float], ...]


@dataclass(frozen=True, slots=True)
class RelayedBytes:
    """Whole upstream frames (or a whole body) in the caller's own dialect, passed on unread."""

    data: bytes


@dataclass(frozen=True, slots=True)
class ResponseFinished:
    """The answer is whole; `reasons` has one entry a choice, at least one. Usage None: not told.

    `matched_stop` is the stop sequence that ended it, where the upstream says which.
    """

    reasons: tuple[FinishReason, ...]
    usage: Usage | None = None
    matched_stop: str | None = None


StreamEvent: TypeAlias = (
    ResponseStarted
    | MessageStarted
    | TextDelta
    | AnnotationAdded
    | RefusalDelta
    | ReasoningDelta
    | ReasoningFinished
    | ToolCallStarted
    | ToolCallDelta
    | OpaqueItemAdded
    | EmbeddingsAdded
    | RelayedBytes
    | ResponseFinished
)
