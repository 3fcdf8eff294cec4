"""What each publisher's models are asked in; the languages themselves are next door."""

from abc import abstractmethod
from dataclasses import replace
from typing import Protocol, TypeAlias

import msgspec

from ...application.lanes import relays
from ...domain.capabilities import Capabilities, resolve
from ...domain.dialect import Dialect
from ...domain.errors import ProviderError, UnsupportedFeature
from ...domain.request import GenerationRequest
from ..anthropic_messages import capabilities as claude
from ..anthropic_messages.decode import messages_language
from ..anthropic_messages.encode import VERSION_WITHOUT_SAMPLING
from ..anthropic_messages.encode import encode_request as encode_messages
from ..anthropic_messages.errors import decode_error as decode_messages_error
from ..gemini import capabilities as gemini
from ..gemini.decode import gemini_language
from ..gemini.encode import encode_request as encode_gemini
from ..gemini.errors import decode_error as decode_gemini_error
from ..openai_chat import capabilities as openai
from ..openai_errors.decode import decode_error as decode_openai_error
from ..openai_responses.decode import Reading, responses_language
from ..openai_responses.encode import encode_request as encode_responses
from ..openai_responses.relay import ResponsesRelay
from ..transport.answers import ErrorReply, WireLanguage
from .endpoints import Publisher

Headers = tuple[tuple[str, str], ...]
Hearing: TypeAlias = WireLanguage | ResponsesRelay
# What the counters take of a request for an answer.
_COUNTED_BY_CLAUDE = frozenset({"messages", "system", "tools", "tool_choice", "thinking"})
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


class Language(Protocol):
    """How one publisher's models are spoken to. `name` is the model's, without its publisher."""

    headers: Headers
    counts: bool = True

    @abstractmethod
    def say(self, name: str, request: GenerationRequest) -> tuple[bytes, Hearing]:
        """Return the body that asks for what `request` wants, and how its answer is read.

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

    def __init__(self, version: str, betas: tuple[str, ...]) -> None:
        self._version = version
        self._rules = claude.VERTEX_RULES + (
            (claude.NO_SAMPLING,) if version == VERSION_WITHOUT_SAMPLING else ()
        )
        beta = (("anthropic-beta", ",".join(betas)),) if betas else ()
        self.headers = (("content-type", "application/json"), *beta)

    def say(self, name: str, request: GenerationRequest) -> tuple[bytes, WireLanguage]:
        content = request.content.get()
        body = encode_messages(
            content,
            model=name,
            stream=request.stream,
            capabilities=request.capabilities,
            version=self._version,
            in_body_model=False,
            service_tiers=False,
        )
        return body, messages_language(name, content)

    def capabilities(self, name: str) -> Capabilities:
        return resolve(claude.VERTEX_BASE, self._rules, name)

    def greeting(self, name: str) -> bytes:
        return _encode({"model": name, "messages": [{"role": "user", "content": "Hello"}]})

    def count(self, name: str, request: GenerationRequest) -> bytes:
        body, _ = self.say(name, request)
        return _encode({"model": name, **_picked(body, _COUNTED_BY_CLAUDE)})

    def decode_count(self, body: bytes) -> int:
        return _CLAUDE_COUNT.decode(body).input_tokens

    def decode_error(self, reply: ErrorReply) -> ProviderError:
        return decode_messages_error(reply)


class Gemini(Language):
    headers = (("content-type", "application/json"),)

    def say(self, name: str, request: GenerationRequest) -> tuple[bytes, WireLanguage]:
        content = request.content.get()
        body = encode_gemini(content, model=name, capabilities=request.capabilities)
        return body, gemini_language(name, content)

    def capabilities(self, name: str) -> Capabilities:
        return resolve(gemini.BASE, gemini.RULES, name)

    def greeting(self, name: str) -> bytes:  # noqa: ARG002 - only Claude names it in the body
        return b'{"contents":[{"role":"user","parts":[{"text":"Hello"}]}]}'

    def count(self, name: str, request: GenerationRequest) -> bytes:
        body, _ = self.say(name, request)
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

    def say(self, name: str, request: GenerationRequest) -> tuple[bytes, Hearing]:
        reading = Reading(name)
        verbatim = request.verbatim
        if verbatim is not None and relays(request):
            relay = ResponsesRelay(
                reading,
                max_event_bytes=self._max_event_bytes,
                response_id=request.turn.asked.id if request.turn is not None else None,
                streamed=request.stream,
            )
            return _encode({**verbatim.members, "model": name}), relay
        body = encode_responses(
            request.content.get(),
            model=name,
            stream=request.stream,
            lenient=request.dialect is not Dialect.RESPONSES,
        )
        return body, responses_language(reading)

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
    anthropic_version: str, betas: tuple[str, ...], max_event_bytes: int
) -> dict[Publisher, Language]:
    """Return the language of each publisher."""
    return {
        Publisher.ANTHROPIC: Claude(anthropic_version, betas),
        Publisher.GOOGLE: Gemini(),
        Publisher.OPENAI: OpenAi(max_event_bytes),
    }
