"""BedrockProvider: every model on Bedrock, each in the language that suits it best there."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final, assert_never

from ...application.ports import Answer, Clock, LlmProvider, Reading
from ...application.reporting import record
from ...domain.capabilities import Capabilities
from ...domain.conversation import Vendor
from ...domain.embedding import EmbeddingAsk
from ...domain.request import GenerationRequest
from ...domain.secret import Secret
from ..anthropic_messages.encode import VERSION_WITHOUT_SAMPLING
from ..anthropic_messages.saying import OLDER_VERSION, Door, say
from ..converse.decode import converse_language
from ..converse.encode import changes_of, encode_request
from ..converse.errors import decode_error
from ..openai_compat.auth import StaticKey
from ..openai_compat.endpoints import Endpoints
from ..openai_compat.provider import OpenAICompatOptions, OpenAICompatProvider
from ..transport.answers import open_answer, open_relay
from ..transport.client import HttpCall, HttpClient
from ..transport.embedding_answers import open_embeddings
from ..transport.headers import with_own
from ..transport.settings import TransportSettings
from .client import AwsClient
from .embedding import embedding_of
from .invoking import ClaudeRelay, behind_door
from .keys import KeySource
from .places import Places
from .signing import Scope
from .ways import PRESET, Way, capabilities_of, way_of

INVOKE_VERSION: Final = "bedrock-2023-05-31"
_JSON: Final[tuple[str, str]] = ("content-type", "application/json")


def _none() -> Mapping[str, Way]:
    return {}


@dataclass(frozen=True, slots=True)
class BedrockOptions:
    """One account in one region.

    `key` is an API key of Bedrock's; without one `keys` sign the calls. `way` is how all models are
    called, `ways` how those that match a pattern are; a model that neither names is called as its
    own name suggests.
    """

    name: str
    region: str
    places: Places
    key: Secret | None = None
    keys: KeySource | None = None
    way: Way | None = None
    ways: Mapping[str, Way] = field(default_factory=_none)
    anthropic_version: str = INVOKE_VERSION
    betas: tuple[str, ...] = ()
    extra_headers: tuple[tuple[str, str], ...] = ()
    transport: TransportSettings = field(default_factory=TransportSettings)


class BedrockProvider(LlmProvider):
    """Whoever made it closes it, and the options' `keys`."""

    def __init__(self, options: BedrockOptions, clock: Clock) -> None:
        self.options = options
        region = options.region
        self.runtime = self._client(Scope("bedrock", region), clock)
        self.mantle = self._client(Scope("bedrock-mantle", region, tells_hash=True), clock)
        self.headers = self._fixed_headers()
        self.chat = self._compatible(options.places.chat(), self.runtime)
        self.mantle_chat = self._compatible(options.places.mantle_chat(), self.mantle)
        newest = options.anthropic_version == VERSION_WITHOUT_SAMPLING
        max_event_bytes = options.transport.max_event_bytes
        self._messages_door = Door(
            VERSION_WITHOUT_SAMPLING if newest else OLDER_VERSION,
            options.betas,
            tiers=False,
            max_event_bytes=max_event_bytes,
        )
        self.invoke_door = Door(
            options.anthropic_version,
            options.betas,
            older=INVOKE_VERSION,
            in_body=True,
            betas_in_header=False,
            names_model=False,
            says_stream=False,
            tiers=False,
            max_event_bytes=max_event_bytes,
        )
        self.way_of = lru_cache(maxsize=1024)(self._way_of)
        self.capabilities = lru_cache(maxsize=1024)(self._capabilities)

    async def open(self, request: GenerationRequest) -> Answer:
        if request.embedding is not None:
            return await self._embed(request, request.embedding.get())
        way = self.way_of(request.model)
        match way:
            case Way.CHAT:
                return await self.chat.open(request)
            case Way.MANTLE:
                return await self.mantle_chat.open(request)
            case Way.CONVERSE:
                return await self._converse(request)
            case Way.MESSAGES | Way.INVOKE:
                return await self._ask_claude(request, packed=way is Way.INVOKE)
            case _:
                assert_never(way)

    def readings(self) -> Iterable[Reading]:
        """Return how many connections there are to either of its services."""
        return (*self.runtime.readings(), *self.mantle.readings())

    async def aclose(self) -> None:
        """Close all connections. Idempotent."""
        await self.runtime.aclose()
        await self.mantle.aclose()

    async def _embed(self, request: GenerationRequest, ask: EmbeddingAsk) -> Answer:
        embedding = embedding_of(request.model, ask, request.capabilities)
        url = self.options.places.model(request.model, "invoke")
        call = HttpCall(url, self.headers, embedding.body)
        return await open_embeddings(self.runtime, call, embedding.read, decode_error)

    async def _converse(self, request: GenerationRequest) -> Answer:
        content, model, can = request.content.get(), request.model, request.capabilities
        body = encode_request(content, model=model, capabilities=can)
        record(request, changes_of(content, model=model))
        verb = "converse-stream" if request.stream else "converse"
        call = HttpCall(self.options.places.model(model, verb), self.headers, body)
        language = converse_language(model, signs=can.proofs is Vendor.ANTHROPIC)
        return await open_answer(self.runtime, call, language, stream=request.stream)

    async def _ask_claude(self, request: GenerationRequest, *, packed: bool) -> Answer:
        said = say(request, self.invoke_door if packed else self._messages_door)
        places, stream = self.options.places, request.stream
        if packed:
            verb = "invoke-with-response-stream" if stream else "invoke"
            client, url = self.runtime, places.model(request.model, verb)
        else:
            client, url = self.mantle, places.messages()
        call = HttpCall(url, (*self.headers, *said.headers), said.body)
        hearing = behind_door(said.hearing, client.settings.max_event_bytes, packed=packed)
        if not isinstance(hearing, ClaudeRelay):
            return await open_answer(client, call, hearing, stream=stream)
        request.journal.relayed = True
        answer = await open_relay(client, call, hearing, stream=stream)
        request.journal.relayed = not hearing.translated
        return answer

    def _way_of(self, model: str) -> Way:
        return way_of(model, self.options.way, self.options.ways)

    def _capabilities(self, model: str) -> Capabilities:
        return capabilities_of(model, self.way_of(model), self.options.anthropic_version)

    def _client(self, scope: Scope, clock: Clock) -> HttpClient:
        options = self.options
        if options.keys is None:
            return HttpClient(options.name, options.transport)
        return AwsClient(
            options.name, options.transport, keys=options.keys, scope=scope, clock=clock
        )

    def _fixed_headers(self) -> tuple[tuple[str, str], ...]:
        options = self.options
        headers: list[tuple[str, str]] = [_JSON]
        if options.key is not None:
            headers.append(StaticKey(options.key).fixed)
        return with_own(headers, options.extra_headers)

    def _compatible(self, endpoints: Endpoints, client: HttpClient) -> OpenAICompatProvider:
        options = self.options
        return OpenAICompatProvider(
            OpenAICompatOptions(
                name=options.name,
                preset=PRESET,
                base_url=endpoints.models_url(),
                auth=None if options.key is None else StaticKey(options.key),
                extra_headers=options.extra_headers,
                transport=options.transport,
                endpoints=endpoints,
                client=client,
            )
        )
