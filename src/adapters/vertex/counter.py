"""VertexCounter: has Google or Anthropic count the tokens of a request, which costs nothing."""

from ...application.ports import TokenCounter
from ...domain.request import GenerationRequest
from ..transport.client import HttpCall
from ..transport.fetching import MOST_COUNT_BYTES, fetch, read_count
from .calls import VertexCalls


class VertexCounter(TokenCounter):
    """Lives as long as the provider whose calls it makes."""

    def __init__(self, calls: VertexCalls) -> None:
        self._calls = calls

    async def count(self, request: GenerationRequest) -> int:
        model, language = self._calls.model(request.model)
        body = await ask_counter(self._calls, request.model, language.count(model.name, request))
        return read_count(body, language.decode_count, provider=self._calls.name)


async def ask_counter(calls: VertexCalls, name: str, body: bytes) -> bytes:
    """Return what the counter of the model that clients call `name` answers to `body`.

    Raises:
        ProviderError: it did not answer, or refused.
    """
    _, language = calls.model(name)
    door = calls.known_door(name) or await calls.door(name)
    headers = (*door.headers, *await calls.signed())
    call = HttpCall(door.count, headers, body)
    return await fetch(calls.client, call, language.decode_error, most_bytes=MOST_COUNT_BYTES)
