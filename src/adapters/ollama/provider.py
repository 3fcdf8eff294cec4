"""OllamaProvider: models on one's own machine, or on Ollama's, asked in Ollama's own language."""

from dataclasses import dataclass, field
from functools import lru_cache, partial
from typing import Final

from ...application.ports import Answer, LlmProvider
from ...domain.capabilities import Capabilities, resolve
from ...domain.dialect import Dialect
from ...domain.embedding import EmbeddingAsk
from ...domain.errors import ProviderError
from ...domain.request import GenerationRequest
from ...domain.secret import Secret
from ..ollama_native.capabilities import BASE, RULES
from ..ollama_native.decode import ollama_language
from ..ollama_native.embed import decode_embed, encode_embed
from ..ollama_native.encode import NO_DEFAULTS, Defaults, encode_request
from ..ollama_native.errors import decode_error
from ..ollama_native.room import check_room
from ..transport.answers import open_answer
from ..transport.client import HttpCall, HttpClient
from ..transport.embedding_answers import open_embeddings
from ..transport.headers import with_own
from ..transport.settings import TransportSettings
from ..transport.url import Url

# The compatible API stands below this, beside Ollama's own.
_COMPATIBLE: Final = "/v1"


@dataclass(frozen=True, slots=True)
class OllamaOptions:
    """One server; `base_url` may be that of its compatible API, which stands beside its own.

    `key` is for Ollama's cloud, and for whatever stands before a server of one's own.
    """

    name: str
    base_url: Url
    key: Secret | None = None
    defaults: Defaults = NO_DEFAULTS
    extra_headers: tuple[tuple[str, str], ...] = ()
    transport: TransportSettings = field(default_factory=TransportSettings)


class OllamaProvider(LlmProvider):
    """Whoever made it closes it."""

    def __init__(self, options: OllamaOptions) -> None:
        self.options = options
        self.client = HttpClient(options.name, options.transport)
        self.headers = _fixed_headers(options)
        self._chat = self.url("/api/chat")
        self._embed = self.url("/api/embed")
        self.capabilities = lru_cache(maxsize=1024)(_capabilities)

    async def open(self, request: GenerationRequest) -> Answer:
        if request.dialect is Dialect.EMBEDDINGS and request.embedding is not None:
            return await self._open_embeddings(request.model, request.embedding.get())
        defaults = self.options.defaults
        content = request.content.get()
        body = encode_request(
            content,
            model=request.model,
            stream=request.stream,
            capabilities=request.capabilities,
            defaults=defaults,
        )
        try:
            check_room(content, defaults)
        except ProviderError as error:
            error.provider = self.options.name
            raise
        return await open_answer(
            self.client,
            HttpCall(self._chat, self.headers, body),
            ollama_language(request.model),
            stream=request.stream,
        )

    def url(self, path: str) -> Url:
        """Return the address of `path` of Ollama's own API."""
        base = self.options.base_url
        own, mark, query = base.target.partition("?")
        own = own.rstrip("/").removesuffix(_COMPATIBLE)
        return base.at(f"{own}{path}{mark}{query}")

    async def aclose(self) -> None:
        """Close all connections."""
        await self.client.aclose()

    async def _open_embeddings(self, model: str, ask: EmbeddingAsk) -> Answer:
        body = encode_embed(ask, model=model, defaults=self.options.defaults)
        return await open_embeddings(
            self.client,
            HttpCall(self._embed, self.headers, body),
            partial(decode_embed, model=model),
            decode_error,
        )


def _capabilities(model: str) -> Capabilities:
    return resolve(BASE, RULES, model)


def _fixed_headers(options: OllamaOptions) -> tuple[tuple[str, str], ...]:
    headers = [
        ("content-type", "application/json"),
        ("accept", "application/x-ndjson, application/json"),
    ]
    if options.key is not None:
        headers.append(("authorization", f"Bearer {options.key.reveal()}"))
    return with_own(headers, options.extra_headers)
