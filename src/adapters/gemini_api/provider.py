"""GeminiApiProvider: Gemini by API key, at the Developer API, without a project of Google Cloud."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final

from ...application.ports import Answer, LlmProvider, Reading
from ...domain.capabilities import Capabilities, resolve
from ...domain.request import GenerationRequest
from ...domain.secret import Secret
from ..gemini.capabilities import API_BASE, API_RULES
from ..gemini.decode import gemini_language
from ..gemini.embed import EmbeddingDecoder, EmbeddingVerb, encode_embedding
from ..gemini.encode import encode_request
from ..gemini.errors import decode_error
from ..transport.answers import open_answer
from ..transport.client import HttpCall, HttpClient
from ..transport.embedding_answers import open_embeddings
from ..transport.fetching import fetch
from ..transport.headers import with_own
from ..transport.settings import TransportSettings
from ..transport.url import Url
from .endpoints import Endpoints, bare, is_own

BASE_URL: Final = "https://generativelanguage.googleapis.com"


@dataclass(frozen=True, slots=True)
class GeminiApiOptions:
    """One key. It goes in a header: addresses end up in the logs of proxies."""

    name: str
    key: Secret
    base_url: Url = field(default_factory=lambda: Url.parse(BASE_URL))
    api_version: str = "v1beta"
    extra_headers: tuple[tuple[str, str], ...] = ()
    transport: TransportSettings = field(default_factory=TransportSettings)


class GeminiApiProvider(LlmProvider):
    """Whoever made it closes it."""

    def __init__(self, options: GeminiApiOptions) -> None:
        self.options = options
        self.endpoints = Endpoints(options.base_url, options.api_version)
        self._client = HttpClient(options.name, options.transport)
        self._headers = _fixed_headers(options)
        self.door = lru_cache(maxsize=1024)(self.endpoints.door)
        self.capabilities = lru_cache(maxsize=1024)(_capabilities)

    def accepts(self, model: str) -> bool:
        """Return whether the name is one of this API's."""
        return is_own(model)

    async def open(self, request: GenerationRequest) -> Answer:
        model, can = bare(request.model), request.capabilities
        door = self.door(model)
        if request.embedding is not None:
            ask, verb = request.embedding.get(), EmbeddingVerb.BATCH
            asked = encode_embedding(ask, model=model, verb=verb, capabilities=can)
            call = HttpCall(door.embed, self._headers, asked)
            read = EmbeddingDecoder(ask, model, verb)
            return await open_embeddings(self._client, call, read, decode_error)
        content = request.content.get()
        body = encode_request(content, model=model, capabilities=can)
        url = door.stream if request.stream else door.whole
        call = HttpCall(url, self._headers, body)
        language = gemini_language(model)
        return await open_answer(self._client, call, language, stream=request.stream)

    async def fetch(self, url: Url, said: bytes | None = None, *, most_bytes: int) -> bytes:
        """Return the body of a GET, or of a POST of what is `said`.

        Raises:
            ProviderError: there is no answer, or none of success.
        """
        headers = self._headers
        call = (
            HttpCall(url, headers, method="GET") if said is None else HttpCall(url, headers, said)
        )
        return await fetch(self._client, call, decode_error, most_bytes=most_bytes)

    def readings(self) -> Iterable[Reading]:
        """Return how many connections there are."""
        return self._client.readings()

    async def aclose(self) -> None:
        """Close all connections."""
        await self._client.aclose()


def _capabilities(model: str) -> Capabilities:
    return resolve(API_BASE, API_RULES, bare(model))


def _fixed_headers(options: GeminiApiOptions) -> tuple[tuple[str, str], ...]:
    headers: Sequence[tuple[str, str]] = (
        ("content-type", "application/json"),
        ("x-goog-api-key", options.key.reveal()),
    )
    return with_own(headers, options.extra_headers)
