"""AnthropicProvider: Claude at Anthropic, and wherever its API stands as it is there.

Source: platform documentation of the Messages API, versions 2023-06-01 and 2026-10-21.
"""

from collections.abc import Sequence
from functools import lru_cache

from ...application.ports import Answer, LlmProvider
from ...domain.capabilities import Capabilities, resolve
from ...domain.request import GenerationRequest
from ..anthropic_messages import capabilities as claude
from ..anthropic_messages.errors import decode_error
from ..anthropic_messages.saying import VERSION, Headers, say
from ..transport.answers import open_answer, open_relay
from ..transport.client import HttpCall, HttpClient
from ..transport.fetching import fetch
from ..transport.languages import WireLanguage
from ..transport.url import Url
from .options import VERSION_WITHOUT_SAMPLING, AnthropicOptions

_MESSAGES = "/v1/messages"


class AnthropicProvider(LlmProvider):
    """Relays what is in Messages already, and translates the rest into it."""

    def __init__(self, options: AnthropicOptions) -> None:
        self.name = options.name
        self.client = HttpClient(options.name, options.transport)
        self.base_url = options.base_url
        self.headers: Headers = options.own_headers()
        self.door = options.door()
        self._url = options.base_url.join(_MESSAGES)
        self._version: Headers = ((VERSION, options.version),)
        newest = options.version == VERSION_WITHOUT_SAMPLING
        self._rules = (*claude.RULES, claude.NO_SAMPLING) if newest else claude.RULES
        self.capabilities = lru_cache(maxsize=1024)(self._capabilities)

    def _capabilities(self, model: str) -> Capabilities:
        return resolve(claude.DIRECT_BASE, self._rules, model)

    async def open(self, request: GenerationRequest) -> Answer:
        said = say(request, self.door)
        call = HttpCall(self._url, (*self.headers, *said.headers), said.body)
        hearing = said.hearing
        if isinstance(hearing, WireLanguage):
            return await open_answer(self.client, call, hearing, stream=request.stream)
        request.journal.relayed = True
        answer = await open_relay(self.client, call, hearing, stream=request.stream)
        request.journal.relayed = not hearing.translated
        return answer

    async def fetch(
        self,
        url: Url,
        said: bytes | None = None,
        headers: Sequence[tuple[str, str]] | None = None,
        *,
        most_bytes: int,
    ) -> bytes:
        """Return the body of a GET, or of a POST of what is `said`; `headers` None: the usual.

        Raises:
            ProviderError: no answer, or none of success.
        """
        sent = (*self.headers, *(self._version if headers is None else headers))
        call = HttpCall(url, sent, method="GET") if said is None else HttpCall(url, sent, said)
        return await fetch(self.client, call, decode_error, most_bytes=most_bytes)

    async def aclose(self) -> None:
        """Close all connections."""
        await self.client.aclose()
