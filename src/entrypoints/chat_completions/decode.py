"""The content of a chat completions request -> `Generation`, decoded only for who needs it."""

from typing import TypeVar, assert_never

from msgspec.json import Decoder

from ...domain.effort import Effort
from ...domain.errors import InvalidRequest
from ...domain.request import (
    DEFAULT_SAMPLING,
    PLAIN_TEXT,
    Caller,
    Generation,
    JsonText,
    OutputFormat,
    Sampling,
    SchemaText,
)
from ...domain.tools import AUTO
from ..members import Members, decode_member, missing
from ..noting import decode_noting
from .messages import decode_messages
from .tools import decode_functions, decode_tools
from .wire import FormatShape, JsonObjectFormat, JsonSchemaFormat, TextFormat

T = TypeVar("T")

# Members that have a name in the domain, and those that steer the call itself.
_NAMED = frozenset(
    {
        "model", "messages", "stream", "stream_options", "tools", "tool_choice", "functions",
        "function_call", "parallel_tool_calls", "temperature", "top_p", "presence_penalty",
        "frequency_penalty", "seed", "stop", "logit_bias", "n", "logprobs", "top_logprobs",
        "max_tokens", "max_completion_tokens", "response_format", "reasoning_effort", "verbosity",
        "service_tier", "metadata", "user",
    }
)  # fmt: skip
_OF_SAMPLING = frozenset(
    {
        "temperature", "top_p", "presence_penalty", "frequency_penalty", "seed", "stop",
        "logit_bias", "n", "logprobs", "top_logprobs",
    }
)  # fmt: skip
_FLAG = Decoder(bool | None)
_NUMBER = Decoder(float | None)
_INTEGER = Decoder(int | None)
_TEXT = Decoder(str | None)
_STOP = Decoder(str | list[str] | None)
_BIAS = Decoder(dict[str, float] | None)
_METADATA = Decoder(dict[str, str] | None)
_EFFORT = Decoder(Effort | None)
_FORMAT = Decoder(FormatShape | None)


def decode_content(members: Members, caller: Caller) -> Generation:
    """Return what is asked of the model.

    Raises:
        InvalidRequest: something in it is not as the dialect wants it; `param` leads to it.
    """
    del caller  # nothing in this dialect is sealed for one
    messages = members.get("messages")
    if messages is None:
        raise missing("messages")
    ignored: dict[str, None] = {}
    items = decode_messages(messages, ignored)
    if "functions" in members or "function_call" in members:
        tools, choice = decode_functions(
            members.get("functions"), members.get("function_call"), ignored
        )
    else:
        tools, choice = (), AUTO
    if "tools" in members or "tool_choice" in members:
        if tools:
            raise InvalidRequest("'functions' and 'tools' cannot be given together.", param="tools")
        tools, choice = decode_tools(members.get("tools"), members.get("tool_choice"), ignored)
    limit = _member(members, "max_completion_tokens", _INTEGER)
    if limit is None:
        limit = _member(members, "max_tokens", _INTEGER)
    parallel = _member(members, "parallel_tool_calls", _FLAG)
    if "functions" in members:
        parallel = False  # the old form has room for one call
    extras = {name: raw for name, raw in members.items() if name not in _NAMED}
    return Generation(
        items,
        tools,
        choice,
        parallel,
        sampling=_decode_sampling(members),
        max_output_tokens=limit,
        output_format=_decode_format(members, ignored),
        effort=_member(members, "reasoning_effort", _EFFORT),
        verbosity=_member(members, "verbosity", _TEXT),
        service_tier=_member(members, "service_tier", _TEXT),
        metadata=_member(members, "metadata", _METADATA),
        user=_member(members, "user", _TEXT),
        extras=extras,
        ignored=tuple(ignored),
    )


def _member(members: Members, name: str, decoder: "Decoder[T]") -> T | None:
    raw = members.get(name)
    return None if raw is None else decode_member(decoder, raw, name)


def _decode_sampling(members: Members) -> Sampling:
    if _OF_SAMPLING.isdisjoint(members):
        return DEFAULT_SAMPLING
    stop = _member(members, "stop", _STOP)
    return Sampling(
        temperature=_member(members, "temperature", _NUMBER),
        top_p=_member(members, "top_p", _NUMBER),
        presence_penalty=_member(members, "presence_penalty", _NUMBER),
        frequency_penalty=_member(members, "frequency_penalty", _NUMBER),
        seed=_member(members, "seed", _INTEGER),
        stop=(stop,) if isinstance(stop, str) else tuple(stop or ()),
        logit_bias=_member(members, "logit_bias", _BIAS),
        candidates=_member(members, "n", _INTEGER) or 1,
        logprobs=bool(_member(members, "logprobs", _FLAG)),
        top_logprobs=_member(members, "top_logprobs", _INTEGER),
    )


def _decode_format(members: Members, ignored: dict[str, None]) -> OutputFormat:
    raw = members.get("response_format")
    shape = None if raw is None else decode_noting(_FORMAT, raw, "response_format", ignored)
    match shape:
        case None | TextFormat():
            return PLAIN_TEXT
        case JsonObjectFormat():
            return JsonText()
        case JsonSchemaFormat():
            wanted = shape.json_schema
            return SchemaText(wanted.name, wanted.schema or {}, wanted.strict, wanted.description)
        case _:
            assert_never(shape)
