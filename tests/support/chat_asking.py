"""Requests for providers of chat completions, translated and relayed."""

from collections.abc import Mapping

import msgspec

from modelmux.domain.capabilities import Capabilities
from modelmux.domain.conversation import Item, Message, Role, Text
from modelmux.domain.deferred import Deferred
from modelmux.domain.dialect import Dialect
from modelmux.domain.json_values import JsonValue
from modelmux.domain.request import Caller, Generation, GenerationRequest, Verbatim
from modelmux.domain.tools import FunctionTool

WEATHER = FunctionTool(
    "weather",
    "Tells the weather",
    {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
)
_ALL = Capabilities(
    dialects=frozenset({Dialect.CHAT_COMPLETIONS, Dialect.COMPLETIONS, Dialect.EMBEDDINGS})
)


def translated(
    model: str,
    content: Generation | str = "Hi",
    *,
    stream: bool = True,
    capabilities: Capabilities = _ALL,
) -> GenerationRequest:
    """Return a request whose content has to be written anew."""
    if isinstance(content, str):
        content = saying(content)
    return GenerationRequest(
        model=model,
        dialect=Dialect.CHAT_COMPLETIONS,
        stream=stream,
        content=Deferred.of(content),
        caller=Caller("acme"),
        capabilities=capabilities,
    )


def saying(text: str, *items: Item, tools: tuple[FunctionTool, ...] = ()) -> Generation:
    return Generation((Message(Role.USER, (Text(text),)), *items), tools)


def relaying(
    model: str,
    members: Mapping[str, JsonValue],
    *,
    dialect: Dialect = Dialect.CHAT_COMPLETIONS,
    include_usage: bool = False,
    capabilities: Capabilities = _ALL,
) -> GenerationRequest:
    """Return a request with the caller's own body; its content is what the first message says."""
    raw = {name: msgspec.Raw(msgspec.json.encode(value)) for name, value in members.items()}
    return GenerationRequest(
        model=model,
        dialect=dialect,
        stream=members.get("stream") is True,
        content=Deferred(lambda: saying("translated")),
        caller=Caller("acme"),
        verbatim=Verbatim(dialect, raw),
        include_usage=include_usage,
        capabilities=capabilities,
    )


def chat_members(text: str = "Hi", **more: JsonValue) -> dict[str, JsonValue]:
    """Return the members of a chat request as a client sends them."""
    return {"model": "route", "messages": [{"role": "user", "content": text}], **more}
