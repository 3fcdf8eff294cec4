"""BedrockCounter: has Bedrock count the tokens of a request, which costs nothing.

Source: the service model bedrock-runtime 2023-09-30, CountTokens. It counts for the models' own
ids, not for the profiles they are called by, and not for all of them.
"""

from base64 import b64encode

import msgspec

from ...application.ports import TokenCounter
from ...domain.errors import UnsupportedFeature
from ...domain.request import GenerationRequest
from ..anthropic_messages.saying import say
from ..converse.capabilities import model_name
from ..converse.decode import decode_count
from ..converse.encode import encode_count
from ..converse.errors import decode_error
from ..transport.client import HttpCall
from ..transport.fetching import MOST_COUNT_BYTES, fetch, read_count
from .provider import BedrockProvider
from .ways import Way


class BedrockCounter(TokenCounter):
    """Lives as long as the provider whose calls it makes."""

    def __init__(self, provider: BedrockProvider) -> None:
        self._provider = provider

    async def count(self, request: GenerationRequest) -> int:
        body = self._said(request)
        provider = self._provider
        url = provider.options.places.model(model_name(request.model), "count-tokens")
        call = HttpCall(url, provider.headers, body)
        answer = await fetch(provider.runtime, call, decode_error, most_bytes=MOST_COUNT_BYTES)
        return read_count(answer, decode_count, provider=provider.options.name)

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
