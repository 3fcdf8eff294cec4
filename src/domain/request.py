"""What is asked of a model, free of any dialect."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TypeAlias

from .adjustments import Policy
from .caching import CacheMark
from .capabilities import Capabilities
from .conversation import Item
from .deferred import Deferred
from .dialect import Dialect
from .effort import Effort
from .embedding import EmbeddingAsk
from .journal import Journal
from .json_values import JsonObject
from .thinking import ThinkingWish
from .tools import AUTO, ToolChoice, ToolDefinition
from .turn import Turn


@dataclass(frozen=True, slots=True)
class Sampling:
    """How tokens are drawn. None and empty mean: the model's own default."""

    temperature: float | None = None
    top_p: float | None = None
    presence_penalty: float | None = None
    frequency_penalty: float | None = None
    seed: int | None = None
    stop: tuple[str, ...] = ()
    logit_bias: Mapping[str, float] | None = None
    candidates: int = 1
    logprobs: bool = False
    top_logprobs: int | None = None
    top_k: int | None = None


@dataclass(frozen=True, slots=True)
class PlainText:
    """Any text."""


@dataclass(frozen=True, slots=True)
class JsonText:
    """Text that is one JSON object."""


@dataclass(frozen=True, slots=True)
class SchemaText:
    """Text that is JSON valid for `schema`."""

    name: str
    schema: JsonObject
    strict: bool | None = None
    description: str | None = None


OutputFormat: TypeAlias = PlainText | JsonText | SchemaText


DEFAULT_SAMPLING = Sampling()
PLAIN_TEXT = PlainText()
NO_EXTRAS: Mapping[str, object] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Generation:
    """The content of one request: the conversation so far and what is wanted next.

    `instructions` stand before all items and are of this request alone. `effort` None leaves
    thinking to the model's default; `thinking` is the same in the words of Messages, and may stand
    beside it. `reasoning_text` asks that thoughts be told where the vendor hides them by default
    (None leaves that to the vendor), `reasoning_summary` how (`auto`, `concise`, `detailed`).
    `cache` has the vendor mark the last thing that can be kept. `truncate`
    allows items to be left out from the start where the context is too long. `extras` are top-level
    members of the caller's body that have no name here, each value an opaque JSON text in the form
    the entrypoint's decoder kept; they go to upstreams of the caller's own dialect and to no other.
    `ignored` names members inside messages and tools that have no place here: only a relayed body
    keeps them.
    """

    items: tuple[Item, ...]
    tools: tuple[ToolDefinition, ...] = ()
    tool_choice: ToolChoice = AUTO
    parallel_tool_calls: bool | None = None
    instructions: str | None = None
    max_tool_calls: int | None = None
    truncate: bool = False
    sampling: Sampling = DEFAULT_SAMPLING
    max_output_tokens: int | None = None
    output_format: OutputFormat = PLAIN_TEXT
    effort: Effort | None = None
    thinking: ThinkingWish | None = None
    reasoning_text: bool | None = True
    reasoning_summary: str | None = None
    verbosity: str | None = None
    service_tier: str | None = None
    metadata: Mapping[str, str] | None = None
    user: str | None = None
    cache: CacheMark | None = None
    extras: Mapping[str, object] = field(default_factory=lambda: NO_EXTRAS)
    ignored: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Verbatim:
    """The caller's own body, to be relayed to an upstream of the same language.

    `members` are the top-level members in their order; each value is an opaque JSON text in the
    form the entrypoint's decoder kept (it encodes as the bytes it came with).
    """

    dialect: Dialect
    members: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class SchemaRules:
    """What a route wants of answers that must fit a schema.

    `strict`: what does not fit is an error, and a stream waits until it was checked. `repair`: one
    more call may mend an answer that does not fit, if it was not yet sent.
    """

    strict: bool = False
    repair: bool = False


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a route's callers wait, in seconds.

    `first_event_s` is for each attempt, in place of the provider's own. `total_s` is for all of it,
    until `deadline` of the running loop's time.
    """

    first_event_s: float | None = None
    total_s: float | None = None
    deadline: float | None = None


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks: the tenant owns whatever is kept, the key id is for people, tags are for rules.

    `key_name` is what the key is called in the configuration, where several may share a name.
    """

    tenant: str
    key_id: str | None = None
    tags: tuple[str, ...] = ()
    key_name: str = ""


ANY_CAPABILITIES = Capabilities()
LENIENT = SchemaRules()
NO_TERMS: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class GenerationRequest:
    """One request on its way through the house.

    `model` is the name the client used until planning, and the upstream's name for it after;
    `capabilities` and `policy` are the planned target's. Reading `content` keeps the relay lane
    open; a filter that changes the content, or has to understand the answer, passes the request
    on with `verbatim=None`. `include_usage` says whether a streaming caller wants usage told;
    relayed streams are trimmed by it. `turn` is there for the Responses API alone; `embedding` for
    embeddings, which have no `content`. `terms` are what the caller's headers say of its dialect
    (`anthropic-version`, `anthropic-beta`). `schema_rules` are the route's. `size_bytes` is the
    size of the caller's body. `headers` are the caller's, names in small letters, without what
    signs it in; they are there only where the configuration asks for them. `patience` is the
    route's, where it has any of its own.
    """

    model: str
    dialect: Dialect
    stream: bool
    content: Deferred[Generation]
    caller: Caller
    verbatim: Verbatim | None = None
    include_usage: bool = False
    turn: Turn | None = None
    capabilities: Capabilities = ANY_CAPABILITIES
    policy: Policy = Policy.WARN
    journal: Journal = field(default_factory=Journal)
    embedding: Deferred[EmbeddingAsk] | None = None
    terms: Mapping[str, str] = field(default_factory=lambda: NO_TERMS)
    schema_rules: SchemaRules = LENIENT
    size_bytes: int = 0
    headers: Mapping[str, str] = field(default_factory=lambda: NO_TERMS)
    patience: Patience | None = None

    def aimed(
        self,
        model: str,
        capabilities: Capabilities,
        policy: Policy,
        schema_rules: SchemaRules = LENIENT,
    ) -> "GenerationRequest":
        """Return the request as one target gets it; `replace` would take three times as long."""
        return GenerationRequest(
            model,
            self.dialect,
            self.stream,
            self.content,
            self.caller,
            self.verbatim,
            self.include_usage,
            self.turn,
            capabilities,
            policy,
            self.journal,
            self.embedding,
            self.terms,
            schema_rules,
            self.size_bytes,
            self.headers,
            self.patience,
        )

    def translated(self, content: Deferred[Generation]) -> "GenerationRequest":
        """Return the request with other `content`, which closes the relay lane."""
        return GenerationRequest(
            self.model,
            self.dialect,
            self.stream,
            content,
            self.caller,
            None,
            self.include_usage,
            self.turn,
            self.capabilities,
            self.policy,
            self.journal,
            self.embedding,
            self.terms,
            self.schema_rules,
            self.size_bytes,
            self.headers,
            self.patience,
        )
