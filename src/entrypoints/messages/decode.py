"""The content of a Messages request -> `Generation`, decoded only for who needs it."""

from collections.abc import Callable
from typing import TypeAlias, TypeVar, assert_never

from msgspec.json import Decoder

from ...application.ports import Sealer
from ...domain.caching import CacheMark
from ...domain.conversation import Item, Message, Role
from ...domain.effort import Effort
from ...domain.errors import InvalidRequest
from ...domain.request import (
    DEFAULT_SAMPLING,
    PLAIN_TEXT,
    Caller,
    Generation,
    OutputFormat,
    Sampling,
    SchemaText,
)
from ...domain.thinking import (
    AdaptiveThinking,
    NoThinking,
    ThinkingBetweenTools,
    ThinkingBudget,
    ThinkingWish,
)
from ...domain.tools import AUTO
from ..members import Members, decode_member, missing, too_deep
from ..noting import decode_noting
from .blocks import Reading, decode_system
from .envelope import check_thinking
from .tools import Choice, decode_choice, decode_tools
from .turns import decode_turns
from .wire import (
    CacheControl,
    JsonSchemaFormat,
    Metadata,
    OutputConfig,
    SystemShape,
    ThinkingShape,
)

T = TypeVar("T")
ContentDecoder: TypeAlias = Callable[[Members, Caller], Generation]

# Members that have a name in the domain, and those that steer the call itself.
_NAMED = frozenset(
    {
        "model", "messages", "system", "max_tokens", "stream", "tools", "tool_choice", "thinking",
        "output_config", "output_format", "temperature", "top_p", "top_k", "stop_sequences",
        "metadata", "cache_control", "service_tier",
    }
)  # fmt: skip
_OF_SAMPLING = frozenset({"temperature", "top_p", "top_k", "stop_sequences"})
_NULL = b"null"
_FORMAT_NAME = "response"
_NUMBER = Decoder(float | None)
_INTEGER = Decoder(int | None)
_STRING = Decoder(str | None)
_STRINGS = Decoder(list[str] | None)
_SYSTEM: "Decoder[SystemShape]" = Decoder(SystemShape)
_METADATA = Decoder(Metadata | None)
_CACHE = Decoder(CacheControl | None)
_OUTPUT = Decoder(OutputConfig | None)
_FORMAT = Decoder(JsonSchemaFormat | None)
_DEFAULT_OUTPUT = OutputConfig()


def content_decoder(sealer: Sealer) -> ContentDecoder:
    """Return the decoder of what is asked of the model.

    It raises RequestError where something is not as the dialect wants it; `param` leads to it.
    """

    def decode_content(members: Members, caller: Caller) -> Generation:
        try:
            return _decode(members, Reading(sealer, caller.tenant))
        except RecursionError:
            raise too_deep(members) from None

    return decode_content


def _decode(members: Members, reading: Reading) -> Generation:
    ignored = reading.ignored
    messages = members.get("messages")
    if messages is None:
        raise missing("messages")
    raw = members.get("tools")
    tools = () if raw is None else decode_tools(raw, reading)
    raw = members.get("tool_choice")
    choice = Choice(AUTO, None) if raw is None else decode_choice(raw, tools, ignored)
    items = [*_decode_head(members, reading), *decode_turns(messages, reading)]
    reading.check_marks()
    limit = _member(members, "max_tokens", _INTEGER)
    raw = members.get("thinking")
    thinking = None if raw is None else check_thinking(raw, limit, ignored)
    output = _noting(members, "output_config", _OUTPUT, ignored) or _DEFAULT_OUTPUT
    metadata = _noting(members, "metadata", _METADATA, ignored)
    tier = _member(members, "service_tier", _STRING)
    return Generation(
        tuple(items),
        tools,
        choice.choice,
        choice.parallel,
        sampling=_decode_sampling(members),
        max_output_tokens=limit,
        output_format=_decode_format(members, output, ignored),
        effort=None if output.effort is None else Effort(output.effort),
        thinking=None if thinking is None else _decode_thinking(thinking),
        reasoning_text=None if thinking is None else _decode_display(thinking.display),
        # The words of the two vendors for the same: no other than the usual.
        service_tier="default" if tier == "standard_only" else tier,
        user=None if metadata is None else metadata.user_id,
        cache=_decode_cache(members, ignored),
        extras={
            name: raw for name, raw in members.items() if name not in _NAMED and bytes(raw) != _NULL
        },
        ignored=tuple(ignored),
    )


def _member(members: Members, name: str, decoder: "Decoder[T]") -> T | None:
    raw = members.get(name)
    return None if raw is None else decode_member(decoder, raw, name)


def _noting(
    members: Members, name: str, decoder: "Decoder[T]", ignored: dict[str, None]
) -> T | None:
    raw = members.get(name)
    return None if raw is None else decode_noting(decoder, raw, name, ignored)


def _decode_head(members: Members, reading: Reading) -> tuple[Item, ...]:
    """Return the system prompt as a message: instructions would have no place for its marks."""
    system = _member(members, "system", _SYSTEM)
    parts = () if system is None else decode_system(system, "system", reading)
    return (Message(Role.SYSTEM, parts),) if parts else ()


def _decode_sampling(members: Members) -> Sampling:
    if _OF_SAMPLING.isdisjoint(members):
        return DEFAULT_SAMPLING
    return Sampling(
        temperature=_member(members, "temperature", _NUMBER),
        top_p=_member(members, "top_p", _NUMBER),
        top_k=_member(members, "top_k", _INTEGER),
        stop=tuple(_member(members, "stop_sequences", _STRINGS) or ()),
    )


def _decode_thinking(shape: ThinkingShape) -> ThinkingWish:
    match shape.type:
        case "adaptive":
            return AdaptiveThinking()
        case "between_tools":
            return ThinkingBetweenTools()
        case "disabled":
            return NoThinking()
        case "enabled":
            if shape.budget_tokens is None:
                raise missing("thinking.enabled.budget_tokens")
            return ThinkingBudget(shape.budget_tokens)
        case other:
            raise InvalidRequest(
                f"Input tag {other[:100]!r} does not match any of 'adaptive', 'between_tools', "
                "'disabled', 'enabled'",
                param="thinking.type",
            )


def _decode_display(display: str | None) -> bool | None:
    match display:
        case None:
            return None
        case "summarized":
            return True
        case "omitted":
            return False
        case other:
            raise InvalidRequest(
                f"Input should be 'summarized' or 'omitted', not {other[:100]!r}",
                param="thinking.display",
            )


def _decode_format(
    members: Members, output: OutputConfig, ignored: dict[str, None]
) -> OutputFormat:
    wanted = output.format or _noting(members, "output_format", _FORMAT, ignored)
    match wanted:
        case None:
            return PLAIN_TEXT
        case JsonSchemaFormat():
            return SchemaText(_FORMAT_NAME, wanted.schema, strict=True)
        case _:
            assert_never(wanted)


def _decode_cache(members: Members, ignored: dict[str, None]) -> CacheMark | None:
    mark = _noting(members, "cache_control", _CACHE, ignored)
    return None if mark is None else CacheMark(mark.ttl)
