"""The content of a Responses request -> `Generation`, decoded only for who needs it."""

from collections.abc import Callable
from typing import TypeAlias, TypeVar, assert_never

import msgspec
from msgspec import Raw
from msgspec.json import Decoder

from ...application.ports import Sealer
from ...domain.conversation import Item
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
from ..members import Members, decode_member, too_deep
from ..noting import decode_noting
from .items import Decoded, decode_items
from .settings import LOGPROBS, SEALED_THOUGHTS
from .tools import decode_choice, decode_tools
from .wire import (
    FormatShape,
    JsonObjectFormat,
    JsonSchemaFormat,
    ReasoningShape,
    TextFormat,
    TextShape,
)

T = TypeVar("T")
ContentDecoder: TypeAlias = Callable[[Members, Caller], Generation]
ItemDecoder: TypeAlias = Callable[[Raw, str], tuple[Item, ...]]

# Members that have a name in the domain, and those that steer the call itself.
_NAMED = frozenset(
    {
        "model", "input", "instructions", "previous_response_id", "conversation", "store",
        "background", "stream", "stream_options", "include", "max_output_tokens", "max_tool_calls",
        "parallel_tool_calls", "tools", "tool_choice", "text", "reasoning", "temperature", "top_p",
        "presence_penalty", "frequency_penalty", "top_logprobs", "metadata", "service_tier",
        "user", "truncation", "prompt",
    }
)  # fmt: skip
_OF_SAMPLING = frozenset(
    {
        "temperature", "top_p", "presence_penalty", "frequency_penalty", "top_logprobs", "include",
    }
)  # fmt: skip
# What can be included because we tell it, or keep it, in any case.
_ALWAYS_THERE = frozenset(
    {
        LOGPROBS, SEALED_THOUGHTS, "message.input_image.image_url",
        "computer_call_output.output.image_url",
    }
)  # fmt: skip
_NULL = b"null"
_FLAG = Decoder(bool | None)
_NUMBER = Decoder(float | None)
_INTEGER = Decoder(int | None)
_STRING = Decoder(str | None)
_STRINGS = Decoder(list[str] | None)
_METADATA = Decoder(dict[str, str] | None)
_REASONING = Decoder(ReasoningShape | None)
_TEXT = Decoder(TextShape | None)
_DEFAULT_REASONING = ReasoningShape()
_DEFAULT_TEXT = TextShape()
# The words that change nothing, so that nothing is lost with them.
_HARMLESS = frozenset({None, "auto", "standard"})


def content_decoder(sealer: Sealer) -> ContentDecoder:
    """Return the decoder of what is asked of the model.

    It raises RequestError where something is not as the dialect wants it; `param` leads to it.
    """

    def decode_content(members: Members, caller: Caller) -> Generation:
        try:
            return _decode(members, sealer, caller.tenant)
        except RecursionError:
            raise too_deep(members) from None

    return decode_content


def item_decoder(sealer: Sealer) -> ItemDecoder:
    """Return the decoder of items that come by themselves, as `items`, for a tenant.

    It raises RequestError where an item is not well said, or has no place in a conversation.
    """

    def decode(raw: Raw, tenant: str) -> tuple[Item, ...]:
        try:
            decoded = decode_items(raw, "items", sealer, tenant, {})
        except RecursionError:
            raise too_deep({"items": raw}) from None
        if decoded.tools:
            raise InvalidRequest(
                "Items of type 'additional_tools' are of one request, not of a conversation.",
                param="items",
            )
        return decoded.items

    return decode


def _decode(members: Members, sealer: Sealer, tenant: str) -> Generation:
    ignored: dict[str, None] = {}
    raw = members.get("input")
    asked = Decoded(()) if raw is None else decode_items(raw, "input", sealer, tenant, ignored)
    raw = members.get("tools")
    tools = () if raw is None else decode_tools(raw, "tools", ignored)
    tools += asked.tools
    raw = members.get("tool_choice")
    choice = AUTO if raw is None else decode_choice(raw, tools, ignored)
    text = _noting(members, "text", _TEXT, ignored) or _DEFAULT_TEXT
    reasoning = _noting(members, "reasoning", _REASONING, ignored) or _DEFAULT_REASONING
    if reasoning.context not in _HARMLESS:
        ignored["reasoning.context"] = None
    if reasoning.mode not in _HARMLESS:
        ignored["reasoning.mode"] = None
    include = _member(members, "include", _STRINGS) or ()
    return Generation(
        asked.items,
        tools,
        choice,
        _member(members, "parallel_tool_calls", _FLAG),
        instructions=_member(members, "instructions", _STRING),
        max_tool_calls=_member(members, "max_tool_calls", _INTEGER),
        truncate=_member(members, "truncation", _STRING) == "auto",
        sampling=_decode_sampling(members, logprobs=LOGPROBS in include),
        max_output_tokens=_member(members, "max_output_tokens", _INTEGER),
        output_format=_decode_format(text.format),
        effort=reasoning.effort,
        reasoning_summary=reasoning.summary or reasoning.generate_summary,
        verbosity=text.verbosity,
        service_tier=_member(members, "service_tier", _STRING),
        metadata=_member(members, "metadata", _METADATA),
        user=_member(members, "user", _STRING),
        extras=_extras(members, [name for name in include if name not in _ALWAYS_THERE]),
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


def _extras(members: Members, include: list[str]) -> dict[str, object]:
    extras: dict[str, object] = {
        name: raw for name, raw in members.items() if name not in _NAMED and bytes(raw) != _NULL
    }
    if include:
        extras["include"] = Raw(msgspec.json.encode(include))
    return extras


def _decode_sampling(members: Members, *, logprobs: bool) -> Sampling:
    if _OF_SAMPLING.isdisjoint(members):
        return DEFAULT_SAMPLING
    top = _member(members, "top_logprobs", _INTEGER)
    logprobs = logprobs or bool(top)
    return Sampling(
        temperature=_member(members, "temperature", _NUMBER),
        top_p=_member(members, "top_p", _NUMBER),
        presence_penalty=_member(members, "presence_penalty", _NUMBER),
        frequency_penalty=_member(members, "frequency_penalty", _NUMBER),
        logprobs=logprobs,
        top_logprobs=top if logprobs else None,
    )


def _decode_format(shape: FormatShape | None) -> OutputFormat:
    match shape:
        case None | TextFormat():
            return PLAIN_TEXT
        case JsonObjectFormat():
            return JsonText()
        case JsonSchemaFormat():
            return SchemaText(shape.name, shape.schema, shape.strict, shape.description)
        case _:
            assert_never(shape)
