"""Has Anthropic count the tokens of a request, which costs nothing."""

import msgspec

from ...application.ports import TokenCounter
from ...domain.request import GenerationRequest
from ..anthropic_messages.saying import counted, say
from ..transport.fetching import MOST_COUNT_BYTES, read_count
from .provider import AnthropicProvider


class _Count(msgspec.Struct, frozen=True):
    input_tokens: int


_decode = msgspec.json.Decoder(_Count).decode
_encode = msgspec.json.Encoder().encode


class AnthropicCounter(TokenCounter):
    """`POST /v1/messages/count_tokens`. Lives as long as the provider whose calls it makes."""

    def __init__(self, provider: AnthropicProvider) -> None:
        self._provider = provider
        self._url = provider.base_url.join("/v1/messages/count_tokens")

    async def count(self, request: GenerationRequest) -> int:
        provider = self._provider
        said = say(request, provider.door)
        answer = await provider.fetch(
            self._url, _encode(counted(said.body)), said.headers, most_bytes=MOST_COUNT_BYTES
        )
        return read_count(answer, lambda said: _decode(said).input_tokens, provider=provider.name)
