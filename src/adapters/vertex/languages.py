"""What each publisher's models are asked in; the languages themselves are next door."""

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Protocol, TypeAlias

import msgspec

from ...application.lanes import relays
from ...domain.capabilities import Capabilities, resolve
from ...domain.dialect import Dialect
from ...domain.errors import ProviderError, UnsupportedFeature
from ...domain.request import GenerationRequest
from ..anthropic_messages import capabilities as claude
from ..anthropic_messages import saying
from ..anthropic_messages.encode import VERSION_WITHOUT_SAMPLING
from ..anthropic_messages.errors import decode_error as decode_messages_error
from ..gemini import capabilities as gemini
from ..gemini.decode import gemini_language
from ..gemini.embed import EmbeddingDecoder, EmbeddingVerb, encode_embedding, vertex_verb
from ..gemini.encode import encode_request as encode_gemini
from ..gemini.errors import decode_error as decode_gemini_error
from ..openai_chat import capabilities as openai
from ..openai_errors.decode import decode_error as decode_openai_error
from ..openai_responses.decode import Reading, responses_language
from ..openai_responses.encode import encode_request as encode_responses
from ..openai_responses.relay import ResponsesRelay
from ..transport.languages import ErrorReply, Relay, WireLanguage
from .endpoints import Publisher

Headers = tuple[tuple[str, str], ...]
Hearing: TypeAlias = WireLanguage | Relay | EmbeddingDecoder
# What this door calls the version 2023-06-01.
_OLDER_MARKER = "vertex-2023-10-16"
# What the counter takes of a request for an answer.
_COUNTED_BY_GEMINI = frozenset({"contents", "systemInstruction", "tools", "generationConfig"})


class _ClaudeCount(msgspec.Struct, frozen=True):
    input_tokens: int


class _GeminiCount(msgspec.Struct, frozen=True, rename="camel"):
    total_tokens: int = 0


_CLAUDE_COUNT = msgspec.json.Decoder(_ClaudeCount)
_GEMINI_COUNT = msgspec.json.Decoder(_GeminiCount)
_members = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_encode = msgspec.json.encode


def _picked(body: bytes, names: frozenset[str]) -> dict[str, msgspec.Raw]:
    return {name: value for name, value in _members(body).items() if name in names}


@dataclass(frozen=True, slots=True)
class Said:
    """`headers` are those of this request alone."""

    body: bytes
    hearing: Hearing
    headers: Headers = ()


class Language(Protocol):
    """How one publisher's models are spoken to. `name` is the model's, without its publisher."""

    headers: Headers
    counts: bool = True

    @abstractmethod
    def say(self, name: str, request: GenerationRequest) -> Said:
        """Return what asks for what `request` wants, and how its answer is read.

        Raises:
            InvalidRequest, UnsupportedFeature: it cannot be said.
        """
        ...

    @abstractmethod
    def capabilities(self, name: str) -> Capabilities: ...

    @abstractmethod
    def greeting(self, name: str) -> bytes:
        """Return a body whose tokens can be counted."""
        ...

    @abstractmethod
    def count(self, name: str, request: GenerationRequest) -> bytes:
        """Return the body that has the input tokens of `request` counted; raises as `say`.

        One that counts for nobody raises `UnsupportedFeature` always, and has no greeting.
        """
        ...

    @abstractmethod
    def decode_count(self, body: bytes) -> int:
        """Return the count.

        Raises:
            msgspec.DecodeError: `body` holds none.
        """
        ...

    @abstractmethod
    def decode_error(self, reply: ErrorReply) -> ProviderError: ...


class Claude(Language):
    """Claude, whose version marker stands in the body and whose model only in the address."""

    headers = (("content-type", "application/json"),)

    def __init__(self, version: str, betas: tuple[str, ...], max_event_bytes: int) -> None:
        self._rules = claude.VERTEX_RULES + (
            (claude.NO_SAMPLING,) if version == VERSION_WITHOUT_SAMPLING else ()
        )
        self._door = saying.Door(
            version,
            betas,
            older=_OLDER_MARKER,
            in_body=True,
            names_model=False,
            tiers=False,
            max_event_bytes=max_event_bytes,
        )

    def say(self, name: str, request: GenerationRequest) -> Said:
        said = saying.say(request, self._door, model=name)
        return Said(said.body, said.hearing, said.headers)

    def capabilities(self, name: str) -> Capabilities:
        return resolve(claude.VERTEX_BASE, self._rules, name)

    def greeting(self, name: str) -> bytes:
        return _encode({"model": name, "messages": [{"role": "user", "content": "Hello"}]})

    def count(self, name: str, request: GenerationRequest) -> bytes:
        counted = saying.counted(self.say(name, request).body)
        return _encode({"model": name, **counted})

    def decode_count(self, body: bytes) -> int:
        return _CLAUDE_COUNT.decode(body).input_tokens

    def decode_error(self, reply: ErrorReply) -> ProviderError:
        return decode_messages_error(reply)


class Gemini(Language):
    headers = (("content-type", "application/json"),)

    def __init__(self, embedding_verbs: Mapping[str, EmbeddingVerb]) -> None:
        self._embedding_verbs = embedding_verbs

    def say(self, name: str, request: GenerationRequest) -> Said:
        if request.embedding is not None:
            ask, verb = request.embedding.get(), vertex_verb(name, self._embedding_verbs)
            body = encode_embedding(ask, model=name, verb=verb, capabilities=request.capabilities)
            return Said(body, EmbeddingDecoder(ask, name, verb))
        content = request.content.get()
        body = encode_gemini(content, model=name, capabilities=request.capabilities)
        return Said(body, gemini_language(name))

    def capabilities(self, name: str) -> Capabilities:
        return resolve(gemini.VERTEX_BASE, gemini.VERTEX_RULES, name)

    def greeting(self, name: str) -> bytes:  # noqa: ARG002 - only Claude names it in the body
        return b'{"contents":[{"role":"user","parts":[{"text":"Hello"}]}]}'

    def count(self, name: str, request: GenerationRequest) -> bytes:
        body = self.say(name, request).body
        return _encode(_picked(body, _COUNTED_BY_GEMINI))

    def decode_count(self, body: bytes) -> int:
        return _GEMINI_COUNT.decode(body).total_tokens

    def decode_error(self, reply: ErrorReply) -> ProviderError:
        return decode_gemini_error(reply)


class OpenAi(Language):
    """OpenAI's models, who are asked on Responses alone."""

    headers = (("content-type", "application/json"),)
    counts = False

    def __init__(self, max_event_bytes: int) -> None:
        self._max_event_bytes = max_event_bytes

    def say(self, name: str, request: GenerationRequest) -> Said:
        reading = Reading(name)
        verbatim = request.verbatim
        if verbatim is not None and relays(request):
            relay = ResponsesRelay(
                reading,
                max_event_bytes=self._max_event_bytes,
                response_id=request.turn.asked.id if request.turn is not None else None,
                streamed=request.stream,
            )
            return Said(_encode({**verbatim.members, "model": name}), relay)
        body = encode_responses(
            request.content.get(),
            model=name,
            stream=request.stream,
            lenient=request.dialect is not Dialect.RESPONSES,
        )
        return Said(body, responses_language(reading))

    def capabilities(self, name: str) -> Capabilities:
        base = replace(openai.BASE, dialects=frozenset({Dialect.RESPONSES}))
        return resolve(base, openai.RULES, name)

    def greeting(self, name: str) -> bytes:  # noqa: ARG002 - nobody there counts it
        raise _uncounted()

    def count(self, name: str, request: GenerationRequest) -> bytes:  # noqa: ARG002 - as above
        raise _uncounted()

    def decode_count(self, body: bytes) -> int:  # noqa: ARG002 - as above
        raise _uncounted()

    def decode_error(self, reply: ErrorReply) -> ProviderError:
        return decode_openai_error(reply)


def _uncounted() -> UnsupportedFeature:
    return UnsupportedFeature("Nobody counts the tokens of this model.", param="model")


def languages(
    anthropic_version: str,
    betas: tuple[str, ...],
    max_event_bytes: int,
    embedding_verbs: Mapping[str, EmbeddingVerb],
) -> dict[Publisher, Language]:
    """Return the language of each publisher."""
    return {
        Publisher.ANTHROPIC: Claude(anthropic_version, betas, max_event_bytes),
        Publisher.GOOGLE: Gemini(embedding_verbs),
        Publisher.OPENAI: OpenAi(max_event_bytes),
    }
