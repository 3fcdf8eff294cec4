"""Requests for providers that speak Responses to their upstream, translated and relayed."""

from collections.abc import Mapping

import msgspec

from modelmux.domain.capabilities import Capabilities
from modelmux.domain.deferred import Deferred
from modelmux.domain.dialect import Dialect
from modelmux.domain.json_values import JsonObject, JsonValue
from modelmux.domain.request import Caller, Generation, GenerationRequest, Verbatim
from modelmux.domain.turn import ResponseRecord, Status, Turn
from tests.support.chat_asking import saying

OUR_ID = "resp_mmx0123456789abcdef"
BOTH = Capabilities(dialects=frozenset({Dialect.CHAT_COMPLETIONS, Dialect.RESPONSES}))


def turn(id_: str = OUR_ID) -> Turn:
    record = ResponseRecord(
        tenant="acme", id=id_, status=Status.IN_PROGRESS, created_at=1.0, settings=b"{}"
    )
    return Turn(record, relayable=True)


def responding(
    model: str,
    content: Generation | str = "Hi",
    *,
    stream: bool = True,
    dialect: Dialect = Dialect.RESPONSES,
    capabilities: Capabilities = BOTH,
) -> GenerationRequest:
    """Return a request whose content has to be written anew."""
    return GenerationRequest(
        model=model,
        dialect=dialect,
        stream=stream,
        content=Deferred.of(saying(content) if isinstance(content, str) else content),
        caller=Caller("acme"),
        turn=turn() if dialect is Dialect.RESPONSES else None,
        capabilities=capabilities,
    )


def passing(
    model: str,
    members: Mapping[str, JsonValue],
    *,
    capabilities: Capabilities = BOTH,
    content: Generation | None = None,
) -> GenerationRequest:
    """Return a request with the caller's own body; `content` is what it would be translated to."""
    raw = {name: msgspec.Raw(msgspec.json.encode(value)) for name, value in members.items()}
    return GenerationRequest(
        model=model,
        dialect=Dialect.RESPONSES,
        stream=members.get("stream") is True,
        content=Deferred.of(content or saying("translated")),
        caller=Caller("acme"),
        verbatim=Verbatim(Dialect.RESPONSES, raw),
        turn=turn(),
        capabilities=capabilities,
    )


def response_members(text: str = "Hi", **more: JsonValue) -> JsonObject:
    """Return the members of a stateless request as a client sends them."""
    members: JsonObject = {"model": "route", "input": text, "store": False}
    return members | more
