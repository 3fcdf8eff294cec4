"""The adapter of every service that speaks OpenAI's chat completions, or Responses besides."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Final

import msgspec

from ...application.adjusting import adjust
from ...application.lanes import WITHOUT_CONTENT, relays
from ...application.languages import outward
from ...application.ports import Answer, Credentials, LlmProvider
from ...application.reporting import record
from ...domain.capabilities import Capabilities, resolve
from ...domain.dialect import Dialect
from ...domain.errors import UnsupportedFeature, UpstreamModelNotFound, UpstreamRejected
from ...domain.request import Generation, GenerationRequest, Verbatim
from ..openai_chat.decode import Reading, chat_language
from ..openai_chat.embeddings import EmbeddingsRelay
from ..openai_chat.encode import encode_members
from ..openai_chat.relay import ChatRelay
from ..transport.answers import open_answer, open_relay
from ..transport.client import HttpCall, HttpClient
from ..transport.embedding_answers import open_embeddings
from ..transport.headers import with_own
from ..transport.settings import TransportSettings
from ..transport.url import Url
from .auth import StaticKey
from .endpoints import BaseEndpoints, Endpoints, Paths
from .preset import Preset
from .responses_lane import ResponsesLane, must_translate_responses
from .tailoring import ask_for_usage, tailor
from .unread import looked_at

_NO_SUCH_PATH: Final = frozenset({404, 405})
_STOPS: Final = 16
_STOP_LENGTH: Final = 64
_encode: Final = msgspec.json.Encoder().encode


@dataclass(frozen=True, slots=True)
class OpenAICompatOptions:
    """One upstream: where it is, who we are there, and what is known of it.

    `auth` None calls it without a key. `extra_headers` are sent with every call; `endpoints` is
    for those whose addresses are not `base_url` and `paths`, `client` for those whose calls are
    signed one by one.
    """

    name: str
    preset: Preset
    base_url: Url
    auth: Credentials | None = None
    extra_headers: tuple[tuple[str, str], ...] = ()
    paths: Paths = field(default_factory=Paths)
    transport: TransportSettings = field(default_factory=TransportSettings)
    organization: str | None = None
    project: str | None = None
    endpoints: Endpoints | None = None
    client: HttpClient | None = None


class OpenAICompatProvider(LlmProvider):
    """Relays what is in OpenAI's own words, and translates the rest into one of its languages."""

    def __init__(self, options: OpenAICompatOptions) -> None:
        self.options = options
        self.client = options.client or HttpClient(options.name, options.transport)
        self.endpoints = options.endpoints or BaseEndpoints(options.base_url, options.paths)
        self._preset = options.preset
        self._hidden = _hidden_words(options)
        self._headers = _fixed_headers(options)
        self._responses = ResponsesLane(self._preset, self.client, self.endpoints, self._hidden)
        # Learnt from the first answer of a server that has no such path, for as long as we run.
        self._lacks_responses = False
        self._auth = None if isinstance(options.auth, StaticKey) else options.auth
        self.capabilities = lru_cache(maxsize=1024)(self._capabilities)

    async def open(self, request: GenerationRequest) -> Answer:
        verbatim = request.verbatim if relays(request) else None
        if verbatim is not None and self._must_translate(verbatim, request.capabilities):
            verbatim = None
        if verbatim is None and request.dialect in WITHOUT_CONTENT:
            raise UnsupportedFeature(
                f"The model {request.model!r} does not offer {request.dialect.value}.",
                param="model",
            )
        if self._outward(request, verbatim) is Dialect.RESPONSES:
            return await self._respond(request, verbatim)
        if verbatim is not None:
            return await self._relay(request, verbatim)
        return await self._translate(request, request.content.get())

    async def aclose(self) -> None:
        """Close all connections."""
        await self.client.aclose()

    async def headers(self) -> Sequence[tuple[str, str]]:
        """Return the headers of a call, sign-in included.

        Raises:
            UpstreamAuthFailed: no token can be had.
        """
        if self._auth is None:
            return self._headers
        return [*self._headers, await self._auth.header()]

    def _capabilities(self, model: str) -> Capabilities:
        return resolve(self._preset.capabilities, self._preset.rules, model)

    def _must_translate(self, verbatim: Verbatim, can: Capabilities) -> bool:
        """Whether the body holds what this service does not know, or answers what clients do not.

        The byte tests may be wrong in one direction: a text with these words is translated.
        """
        if verbatim.dialect is Dialect.RESPONSES:
            return must_translate_responses(verbatim.members, self._preset.responses)
        if verbatim.dialect is not Dialect.CHAT_COMPLETIONS:
            return False
        if not self._preset.relay_chat:
            return True
        spelling = self._preset.spelling
        members = verbatim.members
        return (
            (not spelling.old_functions and "functions" in members)
            or (not spelling.developer_role and _mentions(members, "messages", b'"developer"'))
            or (not can.custom_tools and _mentions(members, "tools", b'"custom"'))
            or (
                not spelling.allowed_tools and _mentions(members, "tool_choice", b'"allowed_tools"')
            )
        )

    def _outward(self, request: GenerationRequest, verbatim: Verbatim | None) -> Dialect | None:
        if verbatim is not None:
            return verbatim.dialect
        return outward(request.dialect, request.content.get(), request.capabilities)

    async def _respond(self, request: GenerationRequest, verbatim: Verbatim | None) -> Answer:
        if not self._lacks_responses:
            try:
                return await self._responses.open(request, verbatim, await self.headers())
            except UpstreamRejected as error:
                missing = error.status in _NO_SUCH_PATH and self._preset.responses_optional
                if not missing or isinstance(error, UpstreamModelNotFound):
                    raise
                self._lacks_responses = True
        request.journal.relayed = False
        return await self._translate(request, _said_in_chat(request))

    async def _relay(self, request: GenerationRequest, verbatim: Verbatim) -> Answer:
        members = verbatim.members
        # The model stands first: routers such as Hugging Face's read it from the body's begin.
        body: dict[str, object] = {"model": request.model}
        body.update(members)
        body["model"] = request.model
        tailor(body, self._preset, request)
        if request.stream:
            ask_for_usage(body, self._preset)
        request.journal.relayed = True
        url = self.endpoints.url(verbatim.dialect, request.model)
        call = HttpCall(url, await self.headers(), _encode(body))
        if verbatim.dialect is Dialect.EMBEDDINGS:
            return await self._embed(call, request, verbatim)
        relay = ChatRelay(
            model=request.model,
            max_event_bytes=self.client.settings.max_event_bytes,
            hidden=self._hidden,
            hide_usage=not request.include_usage,
            respell_reasoning=self._preset.respell_reasoning,
            several="n" in members,
            streamed=request.stream,
        )
        return await open_relay(self.client, call, relay, stream=request.stream)

    async def _embed(
        self, call: HttpCall, request: GenerationRequest, verbatim: Verbatim
    ) -> Answer:
        relay = EmbeddingsRelay(
            model=request.model,
            hidden=self._hidden,
            base64=_mentions(verbatim.members, "encoding_format", b'"base64"'),
        )
        return await open_embeddings(self.client, call, relay.whole, relay.decode_error)

    async def _translate(self, request: GenerationRequest, content: Generation) -> Answer:
        spelling = self._preset.spelling
        content = looked_at(request, content, Dialect.CHAT_COMPLETIONS)
        body = encode_members(
            content, model=request.model, stream=request.stream, spelling=spelling
        )
        tailor(body, self._preset, request)
        # Languages are remembered: what a caller wrote at length is not.
        stops = tuple(one for one in content.sampling.stop[:_STOPS] if len(one) <= _STOP_LENGTH)
        reading = Reading(request.model, spelling.proofs, self._hidden, stops)
        call = HttpCall(
            self.endpoints.url(Dialect.CHAT_COMPLETIONS, request.model),
            await self.headers(),
            _encode(body),
        )
        return await open_answer(self.client, call, chat_language(reading), stream=request.stream)


def _said_in_chat(request: GenerationRequest) -> Generation:
    """Return the content fitted once more, to a target that turned out to have no Responses.

    Raises:
        UnsupportedFeature: chat completions has no word for some of it.
    """
    can = request.capabilities
    chat_alone = replace(can, dialects=can.dialects - {Dialect.RESPONSES})
    content, made = adjust(request.content.get(), chat_alone, request.model, request.dialect)
    record(request, made)
    return content


def _mentions(members: Mapping[str, object], name: str, word: bytes) -> bool:
    value = members.get(name)
    return isinstance(value, msgspec.Raw) and word in bytes(value)


def _hidden_words(options: OpenAICompatOptions) -> tuple[str, ...]:
    """What an upstream's message may repeat and callers must not read.

    A host without a dot is a word like another (`vllm`): hidden only together with its port.
    """
    url = options.base_url
    words = [f"{url.host}:{url.port}"]
    if "." in url.host:
        words.append(url.host)
    if isinstance(options.auth, StaticKey) and options.auth.secret:
        words.append(options.auth.secret.reveal())
    return tuple(words)


def _fixed_headers(options: OpenAICompatOptions) -> tuple[tuple[str, str], ...]:
    headers = [
        ("content-type", "application/json"),
        ("accept", "application/json, text/event-stream"),
    ]
    if options.organization is not None:
        headers.append(("openai-organization", options.organization))
    if options.project is not None:
        headers.append(("openai-project", options.project))
    if isinstance(options.auth, StaticKey):
        headers.append(options.auth.fixed)
    return with_own(headers, options.extra_headers)
