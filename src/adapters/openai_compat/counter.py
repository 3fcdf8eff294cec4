"""Has a service that speaks Responses count the tokens of a request."""

from typing import Final

import msgspec

from ...application.ports import TokenCounter
from ...domain.dialect import Dialect
from ...domain.errors import ProviderError, UnsupportedFeature
from ...domain.request import GenerationRequest
from ..openai_responses.encode import encode_members
from ..transport.fetching import read_count
from ..transport.url import Url
from .probe import fetch
from .provider import OpenAICompatProvider

# Source: OpenAI's API reference, POST /v1/responses/input_tokens.
_COUNTED: Final = frozenset(
    {
        "model", "input", "instructions", "tools", "tool_choice", "parallel_tool_calls", "text",
        "reasoning", "truncation",
    }
)  # fmt: skip


class _Count(msgspec.Struct, frozen=True):
    input_tokens: int


_decode = msgspec.json.Decoder(_Count).decode


class ResponsesCounter(TokenCounter):
    """`POST /responses/input_tokens`."""

    def __init__(self, provider: OpenAICompatProvider) -> None:
        self._provider = provider

    async def count(self, request: GenerationRequest) -> int:
        spelling = self._provider.options.preset.responses
        members = encode_members(
            request.content.get(), model=request.model, stream=False, spelling=spelling
        )
        said = {name: value for name, value in members.items() if name in _COUNTED}
        url = self._provider.endpoints.url(Dialect.RESPONSES, request.model)
        answer = await ask_counter(
            self._provider, url.at(f"{url.target}/input_tokens"), msgspec.json.encode(said)
        )
        name = self._provider.options.name
        return read_count(answer, lambda counted: _decode(counted).input_tokens, provider=name)


async def ask_counter(provider: OpenAICompatProvider, url: Url, said: bytes) -> bytes:
    """Return what a counter answers.

    Raises:
        UnsupportedFeature: there is none at that address.
        ProviderError: it did not answer, or refused.
    """
    try:
        status, answer = await fetch(provider, url, said)
    except ProviderError as error:
        error.provider = provider.options.name
        raise
    if status in (404, 405):
        raise UnsupportedFeature("The provider counts no tokens.", param="model")
    return answer
