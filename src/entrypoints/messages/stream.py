"""Events -> the events of a Messages stream.

Source: platform documentation, streaming messages; what the accumulator of anthropic 2.12 raises
on. A delta is written from a template around the one text that changes.
"""

from collections import deque
from collections.abc import Sequence
from typing import assert_never

import msgspec

from ...application.ports import Sealer
from ...domain.conversation import Proof
from ...domain.dialect import Dialect
from ...domain.events import (
    AnnotationAdded,
    EmbeddingsAdded,
    MessageStarted,
    OpaqueItemAdded,
    ReasoningDelta,
    ReasoningFinished,
    RefusalDelta,
    RelayedBytes,
    ResponseFinished,
    ResponseStarted,
    StreamEvent,
    TextDelta,
    ToolCallDelta,
    ToolCallStarted,
)
from ...domain.json_values import JsonObject
from ..client_dialect import AnswerHead, StreamEncoder
from ..errors import Refusal
from .encode import encode_stop, encode_usage, is_citation
from .envelope import MessagesEnvelope
from .frames import Frames
from .open_blocks import OpenBlock, OpenOpaque, OpenText, OpenThinking
from .open_calls import OpenCall, OpenCustomCall
from .style import encode_refusal

_encode = msgspec.json.Encoder().encode
# Nobody knows the figures yet: the last delta tells them all.
_MESSAGE_START = (
    b"event: message_start\n"
    b'data: {"type":"message_start","message":{"id":%b,"type":"message","role":"assistant",'
    b'"model":%b,"content":[],"stop_reason":null,"stop_sequence":null,"usage":%b}}\n\n'
)
_MESSAGE_END = (
    b"event: message_delta\n"
    b'data: {"type":"message_delta","delta":%b,"usage":%b}\n\n'
    b'event: message_stop\ndata: {"type":"message_stop"}\n\n'
)


class MessageStream(StreamEncoder):
    """Writes one stream.

    One block is open and told as it comes; those behind it wait until it may close. A call may when
    something else has begun and its arguments are whole, else at the end.
    """

    __slots__ = (
        "_calls", "_citations", "_ended", "_frames", "_head", "_omit", "_open", "_proofs",
        "_refusal", "_refusing", "_sealer", "_start", "_tail", "_tenant", "_waiting",
    )  # fmt: skip

    def __init__(self, head: AnswerHead[MessagesEnvelope], sealer: Sealer) -> None:
        self._start = _MESSAGE_START % (
            _encode(head.id),
            _encode(head.envelope.model),
            _encode(encode_usage(None)),
        )
        self._tenant = head.tenant
        self._omit = head.envelope.omit_thoughts
        self._sealer = sealer
        self._frames = Frames()
        self._open: OpenBlock | None = None
        self._waiting: deque[OpenBlock] = deque()
        # Where words go: the last block, until something ends it. `_head` is there while
        # that is a text that is told already, and no refusal.
        self._tail: OpenText | OpenThinking | None = None
        self._head: bytes | None = None
        # Thoughts without words are told when something follows them: a message ends otherwise.
        self._proofs: list[OpenThinking] = []
        self._refusing = False
        self._refusal: list[str] = []
        self._citations: list[JsonObject] = []
        self._calls: dict[int, OpenCall | OpenCustomCall] = {}
        self._ended = False

    def encode(self, events: Sequence[StreamEvent]) -> bytes:
        """Return the frames for `events`, joined.

        Raises:
            ProviderProtocolBroken: a call that was whole goes on after another block began.
        """
        frames = self._frames
        out = frames.out
        for event in events:
            if (
                type(event) is TextDelta
                and (head := self._head) is not None
                and event.choice == 0
                and event.text
            ):
                out.append(b"%b%b}}\n\n" % (head, _encode(event.text)))
            else:
                self._rarer(event)
        if not out:
            return b""
        data = out[0] if len(out) == 1 else b"".join(out)
        out.clear()
        return data

    def refuse(self, refusal: Refusal, request_id: str) -> bytes:
        return b"" if self._ended else error_frame(refusal, request_id)

    def _rarer(self, event: StreamEvent) -> None:
        match event:
            case ResponseStarted():
                self._frames.out.append(self._start)
                return
            case ResponseFinished():
                self._finish(event)
                return
            case RelayedBytes() | EmbeddingsAdded():
                raise AssertionError("relayed bytes are not written, they pass; nor are vectors")
            case _ if event.choice != 0:
                return  # a message has one answer
            case TextDelta():
                self._say(event.text, refusing=False)
            case RefusalDelta():
                self._say(event.text, refusing=True)
                self._refusal.append(event.text)
            case AnnotationAdded():
                self._cite(event.annotation)
            case ReasoningDelta():
                self._think(event.text)
            case ReasoningFinished():
                self._end_thinking(event.proof)
            case MessageStarted():
                self._end_tail()
            case ToolCallStarted():
                call = OpenCustomCall(event) if event.kind == "custom" else OpenCall(event)
                self._calls[event.index] = call
                self._begin(call)
            case ToolCallDelta():
                self._calls[event.index].add(event.arguments)
                self._advance()
            case OpaqueItemAdded():
                if event.item.dialect is Dialect.MESSAGES:
                    self._begin(OpenOpaque(event.item))
                else:
                    self._end_tail()  # only a client of that dialect can ask for it
            case _:
                assert_never(event)
        tail = self._tail
        live = tail is self._open and not self._refusing
        self._head = tail.head if tail is not None and live else None

    def _say(self, text: str, *, refusing: bool) -> None:
        tail = self._tail
        if not isinstance(tail, OpenText) or self._refusing is not refusing:
            self._end_tail()
            if not text:
                return
            tail = OpenText()
            self._begin(tail)
            self._tail = tail
            self._refusing = refusing
            if not refusing:
                for citation in self._citations:
                    tail.cite(citation)
                self._citations.clear()
        tail.add(text)

    def _think(self, text: str) -> None:
        tail = self._tail
        if not isinstance(tail, OpenThinking):
            self._end_tail()
            if not text:
                return
            tail = OpenThinking(self._sealer, self._tenant, omit=self._omit)
            self._begin(tail)
            self._tail = tail
            self._refusing = False
        tail.add(text)

    def _end_thinking(self, proof: Proof | None) -> None:
        tail = self._tail
        if isinstance(tail, OpenThinking):
            tail.proof = proof
        elif proof is not None:
            alone = OpenThinking(self._sealer, self._tenant, omit=self._omit)
            alone.proof = proof
            alone.ended = True
            self._proofs.append(alone)
        self._end_tail()

    def _cite(self, annotation: JsonObject) -> None:
        if not is_citation(annotation):
            return  # of another dialect: Messages has no words for it
        if isinstance(self._tail, OpenText) and not self._refusing:
            self._tail.cite(annotation)
        else:
            self._citations.append(annotation)

    def _begin(self, block: OpenBlock) -> None:
        self._end_tail()
        self._tell_proofs()
        self._waiting.append(block)
        self._advance()

    def _tell_proofs(self) -> None:
        self._waiting.extend(self._proofs)
        self._proofs.clear()

    def _end_tail(self) -> None:
        if self._tail is not None:
            self._tail.ended = True
            self._tail = None
            self._advance()

    def _advance(self) -> None:
        """Close the open block if it may, and those behind it; then the next one is told."""
        waiting = self._waiting
        while True:
            block = self._open
            if block is not None:
                if not (block.ended or (waiting and block.whole)):
                    return
                block.close()
                self._open = None
            if not waiting:
                return
            self._open = waiting.popleft()
            self._open.go(self._frames)

    def _finish(self, event: ResponseFinished) -> None:
        self._end_tail()
        for call in self._calls.values():
            call.ended = True
        if not self._frames.count:
            self._tell_proofs()
        self._advance()
        stop = encode_stop(
            event.reasons[0],
            event.matched_stop,
            called=bool(self._calls),
            refusal="".join(self._refusal),
        )
        told = _encode(stop), _encode(encode_usage(event.usage))
        self._frames.out.append(_MESSAGE_END % told)
        self._ended = True


class MessagesRelayEncoder(StreamEncoder):
    """For answers that are in this dialect already."""

    __slots__ = ("_ended",)

    def __init__(self) -> None:
        self._ended = False

    def encode(self, events: Sequence[StreamEvent]) -> bytes:
        if events and type(events[-1]) is ResponseFinished:
            self._ended = True
        return b"".join([event.data for event in events if type(event) is RelayedBytes])

    def refuse(self, refusal: Refusal, request_id: str) -> bytes:
        return b"" if self._ended else error_frame(refusal, request_id)


def error_frame(refusal: Refusal, request_id: str) -> bytes:
    """Return the end of a stream that fails: clients raise on it as on a status."""
    return b"event: error\ndata: %b\n\n" % encode_refusal(refusal, request_id)
