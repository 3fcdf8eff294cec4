"""What the handler of generation calls needs to know of the language a caller speaks."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

from ..domain.deferred import Deferred
from ..domain.dialect import Dialect
from ..domain.embedding import EmbeddingAsk
from ..domain.events import RelayedBytes, StreamEvent
from ..domain.journal import Journal
from ..domain.request import NO_TERMS, Caller, Generation, GenerationRequest, Verbatim
from ..domain.response import Response
from ..domain.turn import Turn
from .errors import Refusal, encode_refusal
from .members import Members
from .sse import data_frame
from .wire_style import OPENAI, WireStyle


@dataclass(frozen=True, slots=True)
class Envelope:
    """What the handler itself has to know of a request; dialects add what they need.

    `verbatim` False says that the body holds what is ours, and must not go upstream as it is.
    """

    model: str
    stream: bool = False
    include_usage: bool = False
    verbatim: bool = True


EnvelopeT = TypeVar("EnvelopeT", bound=Envelope)


@dataclass(frozen=True, slots=True)
class AnswerHead(Generic[EnvelopeT]):
    """What every part of one answer repeats; `created` is seconds since the epoch.

    `tenant` is the caller's: what is sealed for a client opens for its tenant alone.
    """

    id: str
    created: int
    envelope: EnvelopeT
    turn: Turn | None = None
    tenant: str = ""


class StreamEncoder(Protocol):
    """Turns the events of one answer into bytes for the caller."""

    def encode(self, events: Sequence[StreamEvent]) -> bytes:
        """Return what `events` add to the stream; may be empty."""
        ...

    def refuse(self, refusal: Refusal, request_id: str) -> bytes:
        """Return the end of a stream that has begun and fails."""
        ...


class PassingEncoder(StreamEncoder):
    """For answers that are in the caller's language already; fails in OpenAI's way."""

    def encode(self, events: Sequence[StreamEvent]) -> bytes:
        return b"".join([event.data for event in events if type(event) is RelayedBytes])

    def refuse(self, refusal: Refusal, request_id: str) -> bytes:
        return data_frame(encode_refusal(refusal, request_id))


_PASSING = PassingEncoder()


def pass_on(head: AnswerHead[Any]) -> StreamEncoder:
    """Return the encoder of a dialect that is never translated."""
    del head
    return _PASSING


def no_turn(envelope: Envelope, caller: Caller, id_: str, now: float) -> Turn | None:
    """Return None: nothing of the call is kept."""
    del envelope, caller, id_, now
    return None


def no_terms(headers: Mapping[bytes, bytes]) -> Mapping[str, str]:
    """Return nothing: the dialect says all in its bodies."""
    del headers
    return NO_TERMS


def never_large(response: Response) -> bool:
    """Return False: to encode an answer takes microseconds."""
    del response
    return False


@dataclass(frozen=True, slots=True)
class ClientDialect(Generic[EnvelopeT]):
    """A wire language callers speak; the functions raise `RequestError` on what is wrong.

    `begin_turn` is given the new answer's id and the time; a turn makes the call part of what is
    kept. `relay_encoder` is for answers that come in the dialect already. `read_terms` picks what
    the caller's headers say of the dialect itself. `embedding_of` is for embeddings alone;
    `is_large` answers are encoded in a thread.
    """

    dialect: Dialect
    path: str
    id_prefix: str
    decode_envelope: Callable[[Members], EnvelopeT]
    decode_content: Callable[[Members, Caller], Generation]
    stream_encoder: Callable[[AnswerHead[EnvelopeT]], StreamEncoder]
    encode_response: Callable[[AnswerHead[EnvelopeT], Response], bytes]
    # Any: an encoder that passes on does not look into the envelope
    relay_encoder: Callable[[AnswerHead[Any]], StreamEncoder] = pass_on
    begin_turn: Callable[[EnvelopeT, Caller, str, float], Turn | None] = no_turn
    style: WireStyle = OPENAI
    read_terms: Callable[[Mapping[bytes, bytes]], Mapping[str, str]] = no_terms
    embedding_of: Callable[[EnvelopeT], Deferred[EmbeddingAsk]] | None = None
    is_large: Callable[[Response], bool] = never_large

    def asked(
        self,
        members: Members,
        envelope: EnvelopeT,
        content: Deferred[Generation],
        caller: Caller,
        turn: Turn | None,
        terms: Mapping[str, str],
        journal: Journal,
        size_bytes: int = 0,
        headers: Mapping[str, str] = NO_TERMS,
    ) -> GenerationRequest:
        """Return what a body asks, with the body itself if it may go upstream as it is."""
        relayable = envelope.verbatim if turn is None else turn.relayable
        return GenerationRequest(
            envelope.model,
            self.dialect,
            envelope.stream,
            content,
            caller,
            Verbatim(self.dialect, members) if relayable else None,
            envelope.include_usage,
            turn,
            journal=journal,
            embedding=self.embedding_of(envelope) if self.embedding_of else None,
            terms=terms,
            size_bytes=size_bytes,
            headers=headers,
        )
