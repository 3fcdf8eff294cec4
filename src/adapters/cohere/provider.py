"""CohereProvider: Cohere's models at Cohere's address, or wherever its API v2 is offered."""

from dataclasses import dataclass, field
from functools import lru_cache, partial
from typing import Final

from ...application.ports import Answer, LlmProvider
from ...application.reporting import record
from ...domain.capabilities import Capabilities, resolve
from ...domain.request import GenerationRequest
from ...domain.secret import Secret
from ..cohere_v2.capabilities import BASE, RULES
from ..cohere_v2.decode import cohere_language
from ..cohere_v2.embed import decode_embedding, encode_embedding
from ..cohere_v2.encode import encode_request
from ..cohere_v2.errors import decode_error
from ..cohere_v2.ranges import within_ranges
from ..transport.answers import open_answer
from ..transport.client import HttpCall, HttpClient
from ..transport.embedding_answers import open_embeddings
from ..transport.headers import with_own
from ..transport.settings import TransportSettings
from ..transport.url import Url

BASE_URL: Final = "https://api.cohere.com"


@dataclass(frozen=True, slots=True)
class CohereOptions:
    """One account; `client_name` is what Cohere may show its owner of who called."""

    name: str
    key: Secret
    base_url: Url = field(default_factory=lambda: Url.parse(BASE_URL))
    client_name: str | None = None
    extra_headers: tuple[tuple[str, str], ...] = ()
    transport: TransportSettings = field(default_factory=TransportSettings)


class CohereProvider(LlmProvider):
    """Whoever made it closes it."""

    def __init__(self, options: CohereOptions) -> None:
        self.options = options
        self.client = HttpClient(options.name, options.transport)
        self.headers = _fixed_headers(options)
        self._chat = options.base_url.join("/v2/chat")
        self._embed = options.base_url.join("/v2/embed")
        self.capabilities = lru_cache(maxsize=1024)(_capabilities)

    async def open(self, request: GenerationRequest) -> Answer:
        if request.embedding is not None:
            asked = encode_embedding(
                request.embedding.get(), model=request.model, capabilities=request.capabilities
            )
            return await open_embeddings(
                self.client,
                HttpCall(self._embed, self.headers, asked),
                partial(decode_embedding, model=request.model),
                decode_error,
            )
        content, clamped = within_ranges(request.content.get())
        record(request, clamped)
        body = encode_request(
            content,
            model=request.model,
            stream=request.stream,
            capabilities=request.capabilities,
        )
        return await open_answer(
            self.client,
            HttpCall(self._chat, self.headers, body),
            cohere_language(request.model),
            stream=request.stream,
        )

    def models_url(self) -> Url:
        """Return the address of the list of models."""
        return self.options.base_url.join("/v1/models")

    async def aclose(self) -> None:
        """Close all connections."""
        await self.client.aclose()


def _capabilities(model: str) -> Capabilities:
    return resolve(BASE, RULES, model)


def _fixed_headers(options: CohereOptions) -> tuple[tuple[str, str], ...]:
    headers = [
        ("content-type", "application/json"),
        ("accept", "application/json, text/event-stream"),
        ("authorization", f"Bearer {options.key.reveal()}"),
    ]
    if options.client_name is not None:
        headers.append(("x-client-name", options.client_name))
    return with_own(headers, options.extra_headers)
