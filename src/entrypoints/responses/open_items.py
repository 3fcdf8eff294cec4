"""Items of a stream in the making: each tells its own deltas, parts and their ends."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import msgspec

from ...domain.conversation import (
    Item,
    Message,
    Part,
    Proof,
    Reasoning,
    Refusal,
    Role,
    Text,
    ToolCall,
)
from ...domain.events import TextDelta
from ...domain.json_values import JsonObject
from .answer_wire import Logprob, OutputPart, OutputText, RefusalPart, SummaryText
from .objects import NO_ARGUMENTS, encode_logprobs

_encode = msgspec.json.Encoder().encode
_FRAME = b'event: %b\ndata: {"type":"%b",%b,"sequence_number":%d}\n\n'


class Frames:
    """Whole events, numbered; those in `out` wait to be taken."""

    __slots__ = ("number", "out")

    def __init__(self) -> None:
        self.number = 0
        self.out: list[bytes] = []

    def take(self) -> list[bytes]:
        """Return what waits, and keep none of it: the next event may be minutes away."""
        out, self.out = self.out, []
        return out

    def put(self, kind: bytes, members: bytes) -> None:
        self.out.append(_FRAME % (kind, kind, members, self.number))
        self.number += 1

    def delta(self, head: bytes, text: str) -> None:
        """Write a delta after what `_delta_head` gave."""
        self.out.append(b'%b%b,"sequence_number":%d}\n\n' % (head, _encode(text), self.number))
        self.number += 1


def frame(kind: bytes, members: bytes, number: int) -> bytes:
    """Return a whole event; `members` are JSON members without braces."""
    return _FRAME % (kind, kind, members, number)


@dataclass(frozen=True, slots=True)
class Ended:
    """An item that is whole but for its status; `shares` are the logprobs of its texts."""

    id: str
    index: int
    item: Item
    shares: Sequence[Sequence[Logprob]] = ()


class OpenMessage:
    """Has one open part at most; `text_head` is there while that is a text."""

    __slots__ = (
        "_annotations", "_frames", "_id", "_index", "_logprobs", "_open", "_parts", "_phase",
        "_place", "_shares", "fragments", "text_head",
    )  # fmt: skip

    def __init__(self, frames: Frames, id_: str, index: int, phase: str | None) -> None:
        self._frames = frames
        self._id = id_
        self._index = index
        self._phase = phase
        self._place = _place(id_, index)
        self._open: type[Text] | type[Refusal] | None = None
        self._parts: list[Part] = []
        self._shares: list[list[Logprob]] = []
        self._annotations: list[JsonObject] = []
        self._logprobs: list[Logprob] = []
        self.fragments: list[str] = []
        self.text_head: bytes | None = None

    def say(self, event: TextDelta, held: Iterable[JsonObject], *, logprobs: bool) -> None:
        """Tell text; if it begins a part, `held` are annotations that came before."""
        if self.text_head is None:
            where = self._begin_part(Text, OutputText(""))
            self.text_head = _delta_head(b"response.output_text.delta", where)
            for annotation in held:
                self.annotate(annotation)
        self.fragments.append(event.text)
        told = encode_logprobs(event.logprobs) if logprobs else []
        self._logprobs += told
        if event.text or told:
            frames = self._frames
            frames.out.append(
                b'%b%b,"logprobs":%b,"sequence_number":%d}\n\n'
                % (self.text_head, _encode(event.text), _encode(told), frames.number)
            )
            frames.number += 1

    def refuse(self, text: str) -> None:
        if self._open is not Refusal:
            self._begin_part(Refusal, RefusalPart(""))
        self.fragments.append(text)
        if text:
            members = b'%b,"delta":%b' % (self._where(), _encode(text))
            self._frames.put(b"response.refusal.delta", members)

    def annotate(self, annotation: JsonObject) -> None:
        """Tell a citation in the text that is open."""
        self._frames.put(
            b"response.output_text.annotation.added",
            b'%b,"annotation_index":%d,"annotation":%b'
            % (self._where(), len(self._annotations), _encode(annotation)),
        )
        self._annotations.append(annotation)

    def end(self) -> Ended:
        self._end_part()
        item = Message(Role.ASSISTANT, tuple(self._parts), phase=self._phase)
        return Ended(self._id, self._index, item, self._shares)

    def _where(self) -> bytes:
        return b'%b,"content_index":%d' % (self._place, len(self._parts))

    def _begin_part(self, kind: type[Text] | type[Refusal], shape: OutputPart) -> bytes:
        self._end_part()
        self._open = kind
        where = self._where()
        self._frames.put(b"response.content_part.added", b'%b,"part":%b' % (where, _encode(shape)))
        return where

    def _end_part(self) -> None:
        if self._open is None:
            return
        where, told = self._where(), "".join(self.fragments)
        if self._open is Text:
            shape: OutputPart = OutputText(told, self._annotations, self._logprobs)
            values = where, _encode(told), _encode(self._logprobs)
            self._frames.put(b"response.output_text.done", b'%b,"text":%b,"logprobs":%b' % values)
            self._parts.append(Text(told, tuple(self._annotations)))
            self._shares.append(self._logprobs)
        else:
            shape = RefusalPart(told)
            members = b'%b,"refusal":%b' % (where, _encode(told))
            self._frames.put(b"response.refusal.done", members)
            self._parts.append(Refusal(told))
        self._frames.put(b"response.content_part.done", b'%b,"part":%b' % (where, _encode(shape)))
        self._annotations, self._logprobs = [], []
        self.fragments.clear()
        self._open = self.text_head = None


class OpenThoughts:
    """Told as one part of a summary; without words there is no part."""

    __slots__ = ("_fragments", "_frames", "_head", "_id", "_index", "_place")

    def __init__(self, frames: Frames, id_: str, index: int) -> None:
        self._frames = frames
        self._id = id_
        self._index = index
        self._place = _place(id_, index) + b',"summary_index":0'
        self._head = b""
        self._fragments: list[str] = []

    def think(self, text: str) -> None:
        if not text:
            return
        if not self._head:
            self._tell_part(b"response.reasoning_summary_part.added", "")
            self._head = _delta_head(b"response.reasoning_summary_text.delta", self._place)
        self._fragments.append(text)
        self._frames.delta(self._head, text)

    def end(self, proof: Proof | None) -> Ended:
        text = "".join(self._fragments)
        if text:
            members = b'%b,"text":%b' % (self._place, _encode(text))
            self._frames.put(b"response.reasoning_summary_text.done", members)
            self._tell_part(b"response.reasoning_summary_part.done", text)
        return Ended(self._id, self._index, Reasoning(text, proof))

    def _tell_part(self, kind: bytes, text: str) -> None:
        self._frames.put(kind, b'%b,"part":%b' % (self._place, _encode(SummaryText(text))))


class OpenCall:
    __slots__ = ("_call", "_fragments", "_frames", "_head", "_id", "_index", "_place")

    def __init__(self, frames: Frames, id_: str, index: int, call: ToolCall) -> None:
        self._frames = frames
        self._id = id_
        self._index = index
        self._call = call
        self._place = _place(id_, index)
        kind = (
            b"response.function_call_arguments.delta"
            if call.kind == "function"
            else b"response.custom_tool_call_input.delta"
        )
        self._head = _delta_head(kind, self._place)
        self._fragments: list[str] = []

    def add(self, arguments: str) -> None:
        if arguments:
            self._fragments.append(arguments)
            self._frames.delta(self._head, arguments)

    def end(self) -> Ended:
        call = self._call
        if not self._fragments and call.kind == "function":
            self.add(NO_ARGUMENTS)
        arguments = "".join(self._fragments)
        if call.kind == "function":
            values = self._place, _encode(call.name), _encode(arguments)
            kind, members = b"response.function_call_arguments.done", b'%b,"name":%b,"arguments":%b'
            self._frames.put(kind, members % values)
        else:
            members = b'%b,"input":%b' % (self._place, _encode(arguments))
            self._frames.put(b"response.custom_tool_call_input.done", members)
        return Ended(self._id, self._index, replace(call, arguments=arguments))


def _place(id_: str, index: int) -> bytes:
    return b'"item_id":%b,"output_index":%d' % (_encode(id_), index)


def _delta_head(kind: bytes, place: bytes) -> bytes:
    return b'event: %b\ndata: {"type":"%b",%b,"delta":' % (kind, kind, place)
