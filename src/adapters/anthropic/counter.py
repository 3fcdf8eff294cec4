"""Has Anthropic count the tokens of a request, which costs nothing."""

import msgspec

from ...application.ports import TokenCounter
from ...domain.errors import ProviderProtocolBroken
from ...domain.request import GenerationRequest
from ..anthropic_messages.saying import counted, say
from .provider import AnthropicProvider

_MAX_BODY_BYTES = 65536


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
            self._url, _encode(counted(said.body)), said.headers, most_bytes=_MAX_BODY_BYTES
        )
        try:
            return _decode(answer).input_tokens
        except msgspec.DecodeError as error:
            raise ProviderProtocolBroken(
                "The upstream counted no tokens.", provider=provider.name, detail=str(error)
            ) from error
