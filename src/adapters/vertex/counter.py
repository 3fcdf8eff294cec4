"""VertexCounter: has Google or Anthropic count the tokens of a request, which costs nothing."""

import msgspec

from ...application.ports import TokenCounter
from ...domain.errors import ProviderProtocolBroken
from ...domain.request import GenerationRequest
from ..transport.answers import ErrorReply
from ..transport.client import HttpCall
from .calls import VertexCalls

_MAX_BODY_BYTES = 65536


class VertexCounter(TokenCounter):
    """Lives as long as the provider whose calls it makes."""

    def __init__(self, calls: VertexCalls) -> None:
        self._calls = calls

    async def count(self, request: GenerationRequest) -> int:
        model, language = self._calls.model(request.model)
        body = await ask_counter(self._calls, request.model, language.count(model.name, request))
        try:
            return language.decode_count(body)
        except msgspec.DecodeError as error:
            raise ProviderProtocolBroken(
                "The upstream counted no tokens.", provider=self._calls.name, detail=str(error)
            ) from error


async def ask_counter(calls: VertexCalls, name: str, body: bytes) -> bytes:
    """Return what the counter of the model that clients call `name` answers to `body`.

    Raises:
        ProviderError: it did not answer, or refused.
    """
    _, language = calls.model(name)
    door = calls.known_door(name) or await calls.door(name)
    headers = (*door.headers, *await calls.signed())
    reply = await calls.client.send(HttpCall(door.count, headers, body))
    try:
        answer = await reply.read_all(_MAX_BODY_BYTES)
    finally:
        await reply.aclose()
    if reply.status != 200:
        error = language.decode_error(ErrorReply(reply.status, reply.headers, answer))
        error.provider = calls.name
        raise error
    return answer
