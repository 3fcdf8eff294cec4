"""BedrockCounter: has Bedrock count the tokens of a request, which costs nothing.

Source: the service model bedrock-runtime 2023-09-30, CountTokens. It counts for the models' own
ids, not for the profiles they are called by, and not for all of them.
"""

from base64 import b64encode
from typing import Final

import msgspec

from ...application.ports import TokenCounter
from ...domain.errors import ProviderError, ProviderProtocolBroken, UnsupportedFeature
from ...domain.request import GenerationRequest
from ..anthropic_messages.saying import say
from ..converse.capabilities import model_name
from ..converse.decode import decode_count
from ..converse.encode import encode_count
from ..converse.errors import decode_error
from ..transport.answers import ErrorReply
from ..transport.client import HttpCall
from .provider import BedrockProvider
from .ways import Way

_MAX_BODY_BYTES: Final = 65536


class BedrockCounter(TokenCounter):
    """Lives as long as the provider whose calls it makes."""

    def __init__(self, provider: BedrockProvider) -> None:
        self._provider = provider

    async def count(self, request: GenerationRequest) -> int:
        body = self._said(request)
        provider = self._provider
        url = provider.options.places.model(model_name(request.model), "count-tokens")
        try:
            answer = await self._ask(HttpCall(url, provider.headers, body))
            return decode_count(answer)
        except msgspec.DecodeError as error:
            raise ProviderProtocolBroken(
                "The upstream counted no tokens.",
                provider=provider.options.name,
                detail=str(error),
            ) from error
        except ProviderError as error:
            error.provider = provider.options.name
            raise

    def _said(self, request: GenerationRequest) -> bytes:
        match self._provider.way_of(request.model):
            case Way.CHAT | Way.MANTLE:
                raise UnsupportedFeature("The provider counts no tokens.", param="model")
            case Way.MESSAGES | Way.INVOKE:
                asked = say(request, self._provider.invoke_door).body
                inner = {"invokeModel": {"body": b64encode(asked).decode()}}
                return msgspec.json.encode({"input": inner})
            case Way.CONVERSE:
                return encode_count(
                    request.content.get(), model=request.model, capabilities=request.capabilities
                )

    async def _ask(self, call: HttpCall) -> bytes:
        reply = await self._provider.runtime.send(call)
        try:
            answer = await reply.read_all(_MAX_BODY_BYTES)
        finally:
            await reply.aclose()
        if reply.status != 200:
            raise decode_error(ErrorReply(reply.status, reply.headers, answer))
        return answer
