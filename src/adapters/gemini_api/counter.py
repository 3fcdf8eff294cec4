"""Has the Developer API count the tokens of a request, which costs nothing."""

from typing import Final

import msgspec

from ...application.ports import TokenCounter
from ...domain.request import GenerationRequest
from ..gemini.encode import encode_request
from ..transport.fetching import MOST_COUNT_BYTES, read_count
from .endpoints import bare
from .provider import GeminiApiProvider


class _Count(msgspec.Struct, frozen=True, rename="camel"):
    total_tokens: int


_decode: Final = msgspec.json.Decoder(_Count).decode
_members: Final = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode


class GeminiApiCounter(TokenCounter):
    """`:countTokens`, which takes a whole request beside the model's name."""

    def __init__(self, provider: GeminiApiProvider) -> None:
        self._provider = provider

    async def count(self, request: GenerationRequest) -> int:
        model = bare(request.model)
        body = encode_request(request.content.get(), model=model, capabilities=request.capabilities)
        asked = {"generateContentRequest": {"model": f"models/{model}", **_members(body)}}
        url = self._provider.door(model).count
        answer = await self._provider.fetch(
            url, msgspec.json.encode(asked), most_bytes=MOST_COUNT_BYTES
        )
        name = self._provider.options.name
        return read_count(answer, lambda said: _decode(said).total_tokens, provider=name)
