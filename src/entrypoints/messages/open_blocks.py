"""Blocks of a stream in the making: each tells its own start, deltas and stop.

A block is silent until it is told to `go`, and keeps what comes before that: blocks follow one
another strictly, while the calls of an upstream may come side by side.
"""

import re
from typing import Final, TypeAlias

import msgspec

from ...application.ports import Sealer
from ...domain.conversation import OpaqueItem, Proof, Reasoning
from ...domain.errors import ProviderProtocolBroken
from ...domain.events import ToolCallStarted
from ...domain.json_values import JsonObject
from .answer_wire import RedactedBlock
from .encode import encode_signature, encode_unparsed, is_redacted

_encode = msgspec.json.Encoder().encode
_START = (
    b"event: content_block_start\n"
    b'data: {"type":"content_block_start","index":%d,"content_block":%b}\n\n'
)
_DELTA = (
    b"event: content_block_delta\n"
    b'data: {"type":"content_block_delta","index":%d,"delta":{"type":"%b",%b'
)
_STOP = b'event: content_block_stop\ndata: {"type":"content_block_stop","index":%d}\n\n'
_END = b"}}\n\n"
_EMPTY_TEXT = b'{"type":"text","text":""}'
_EMPTY_THINKING = b'{"type":"thinking","thinking":"","signature":""}'
_CUSTOM_BEGIN = '{"input":"'
_CUSTOM_END = '"}'

_OUTSIDE: Final = re.compile(r'["{}\[\]]')
_INSIDE: Final = re.compile(r'["\\]')


class Frames:
    """Whole events that wait to be taken, and how many blocks have been told of."""

    __slots__ = ("count", "out")

    def __init__(self) -> None:
        self.count = 0
        self.out: list[bytes] = []

    def start(self, block: bytes) -> int:
        """Tell of a new block; return its index."""
        index = self.count
        self.count += 1
        self.out.append(_START % (index, block))
        return index

    def stop(self, index: int) -> None:
        self.out.append(_STOP % index)

    def delta(self, head: bytes, text: str) -> None:
        """Write a delta after what `_delta_head` gave."""
        self.out.append(b"%b%b%b" % (head, _encode(text), _END))


def _delta_head(index: int, kind: bytes, member: bytes) -> bytes:
    return _DELTA % (index, kind, b'"%b":' % member)


class OpenText:
    """Begins with its first words: there is no empty block. `head` is there once it is told."""

    __slots__ = ("_citations", "_fragments", "_frames", "_index", "ended", "head")

    whole = False

    def __init__(self) -> None:
        self._frames: Frames | None = None
        self._index = 0
        self._fragments: list[str] = []
        self._citations: list[JsonObject] = []
        self.head: bytes | None = None
        self.ended = False

    def add(self, text: str) -> None:
        if not text:
            return
        if self._frames is None:
            self._fragments.append(text)
            return
        head = self.head or self._begin(self._frames)
        self._frames.delta(head, text)
        if self._citations:
            self._tell_citations(self._frames)

    def cite(self, citation: JsonObject) -> None:
        self._citations.append(citation)
        if self._frames is not None and self.head is not None:
            self._tell_citations(self._frames)

    def go(self, frames: Frames) -> None:
        self._frames = frames
        text = "".join(self._fragments)
        self._fragments.clear()
        self.add(text)

    def close(self) -> None:
        if self._frames is not None and self.head is not None:
            self._frames.stop(self._index)

    def _begin(self, frames: Frames) -> bytes:
        self._index = frames.start(_EMPTY_TEXT)
        self.head = _delta_head(self._index, b"text_delta", b"text")
        return self.head

    def _tell_citations(self, frames: Frames) -> None:
        head = _delta_head(self._index, b"citations_delta", b"citation")
        for citation in self._citations:
            frames.out.append(b"%b%b%b" % (head, _encode(citation), _END))
        self._citations.clear()


class OpenThinking:
    """Tells its signature last; thoughts without words, or to be told without, are only that."""

    __slots__ = (
        "_frames", "_head", "_index", "_omit", "_sealer", "_tenant", "_words", "ended", "proof",
    )  # fmt: skip

    whole = False
    head = None

    def __init__(self, sealer: Sealer, tenant: str, *, omit: bool) -> None:
        self._sealer = sealer
        self._omit = omit
        self._tenant = tenant
        self._frames: Frames | None = None
        self._index = 0
        self._head: bytes | None = None
        self._words: list[str] = []
        self.proof: Proof | None = None
        self.ended = False

    def add(self, text: str) -> None:
        if not text:
            return
        self._words.append(text)
        if self._frames is not None:
            self._tell(self._frames, text)

    def go(self, frames: Frames) -> None:
        self._frames = frames
        if self._words:
            self._tell(frames, "".join(self._words))

    def close(self) -> None:
        frames, proof, text = self._frames, self.proof, "".join(self._words)
        if frames is None or (proof is None and not text):
            return
        if proof is not None and is_redacted(text, proof):
            frames.stop(frames.start(_encode(RedactedBlock(proof.value))))
            return
        item = Reasoning(text, proof)
        signature = encode_signature(item, self._sealer, self._tenant, omit=self._omit)
        if self._head is None:
            self._begin(frames)
        frames.delta(_delta_head(self._index, b"signature_delta", b"signature"), signature)
        frames.stop(self._index)

    def _tell(self, frames: Frames, text: str) -> None:
        head = self._head or self._begin(frames)
        if not self._omit:
            frames.delta(head, text)

    def _begin(self, frames: Frames) -> bytes:
        self._index = frames.start(_EMPTY_THINKING)
        self._head = _delta_head(self._index, b"thinking_delta", b"thinking")
        return self._head


class OpenCall:
    """A call of a function: its arguments are told as they come, once they begin an object.

    `whole` says that they are an object whose every bracket is closed. What begins as something
    else is kept to the end and told as the one member of an object.
    """

    __slots__ = (
        "_brackets", "_fragments", "_frames", "_head", "_index", "_object", "_shape", "closed",
        "ended",
    )  # fmt: skip

    head = None

    def __init__(self, event: ToolCallStarted) -> None:
        self._shape = _call_shape(event)
        self._frames: Frames | None = None
        self._index = 0
        self._head = b""
        self._fragments: list[str] = []
        self._brackets = _Brackets()
        self._object: bool | None = None  # nothing but blanks so far
        self.closed = False
        self.ended = False

    @property
    def whole(self) -> bool:
        return self._object is True and self._brackets.depth == 0

    def add(self, text: str) -> None:
        """Take more of the arguments.

        Raises:
            ProviderProtocolBroken: they were whole, another block has begun, and here is more.
        """
        if self.closed:
            if text.strip():
                raise _late()
            return
        if not text:
            return
        if self._object is None and (begun := text.lstrip()):
            self._object = begun[0] == "{"
        if self._object:
            self._brackets.add(text)
        self._fragments.append(text)
        self._flush()

    def go(self, frames: Frames) -> None:
        self._frames = frames
        self._index = frames.start(self._shape)
        self._head = _delta_head(self._index, b"input_json_delta", b"partial_json")
        self._flush()

    def close(self) -> None:
        if self._frames is None:
            raise AssertionError("a block goes before it is closed")
        text = "".join(self._fragments)
        if text.strip():
            self._frames.delta(self._head, encode_unparsed(text).decode())
        self._frames.stop(self._index)
        self._fragments.clear()
        self.closed = True

    def _flush(self) -> None:
        if self._object and self._frames is not None and self._fragments:
            self._frames.delta(self._head, "".join(self._fragments))
            self._fragments.clear()


class OpenCustomCall:
    """A call of a custom tool: its free text becomes the one string of an object.

    Nobody can tell when that is whole before the answer ends.
    """

    __slots__ = ("_fragments", "_frames", "_head", "_index", "_shape", "ended")

    whole = False
    head = None

    def __init__(self, event: ToolCallStarted) -> None:
        self._shape = _call_shape(event)
        self._frames: Frames | None = None
        self._index = 0
        self._head = b""
        self._fragments: list[str] = []
        self.ended = False

    def add(self, text: str) -> None:
        if self._frames is None:
            self._fragments.append(text)
        elif text:
            # Without its quotes: pieces of a string that were escaped apart fit together.
            self._frames.delta(self._head, _encode(text)[1:-1].decode())

    def go(self, frames: Frames) -> None:
        self._frames = frames
        self._index = frames.start(self._shape)
        self._head = _delta_head(self._index, b"input_json_delta", b"partial_json")
        frames.delta(self._head, _CUSTOM_BEGIN)
        self.add("".join(self._fragments))
        self._fragments.clear()

    def close(self) -> None:
        if self._frames is None:
            raise AssertionError("a block goes before it is closed")
        self._frames.delta(self._head, _CUSTOM_END)
        self._frames.stop(self._index)


class OpenOpaque:
    """A block that came whole. An input is told as clients of streams expect one: by a delta."""

    __slots__ = ("_block", "_frames", "_index", "ended")

    whole = False
    head = None

    def __init__(self, item: OpaqueItem) -> None:
        self._block = item.value
        self._frames: Frames | None = None
        self._index = 0
        self.ended = True

    def go(self, frames: Frames) -> None:
        self._frames = frames
        block = self._block
        given = block.get("input")
        if not (isinstance(given, dict) and str(block["type"]).endswith("_tool_use")):
            self._index = frames.start(_encode(block))
            return
        self._index = frames.start(_encode({**block, "input": {}}))
        head = _delta_head(self._index, b"input_json_delta", b"partial_json")
        frames.delta(head, _encode(given).decode())

    def close(self) -> None:
        if self._frames is not None:
            self._frames.stop(self._index)


OpenBlock: TypeAlias = OpenText | OpenThinking | OpenCall | OpenCustomCall | OpenOpaque


class _Brackets:
    """Counts the open brackets of a JSON text that comes in pieces; each letter is seen once."""

    __slots__ = ("_escaped", "_in_string", "depth")

    def __init__(self) -> None:
        self._in_string = False
        self._escaped = False
        self.depth = 0

    def add(self, text: str) -> None:
        place = 0
        if self._escaped and text:
            self._escaped = False
            place = 1
        while found := (_INSIDE if self._in_string else _OUTSIDE).search(text, place):
            place = found.end()
            letter = found[0]
            if letter == '"':
                self._in_string = not self._in_string
            elif letter == "\\":
                self._escaped = place == len(text)
                place += 1
            else:
                self.depth += 1 if letter in "{[" else -1


def _call_shape(event: ToolCallStarted) -> bytes:
    return b'{"type":"tool_use","id":%b,"name":%b,"input":{}}' % (
        _encode(event.id),
        _encode(event.name),
    )


def _late() -> ProviderProtocolBroken:
    return ProviderProtocolBroken(
        "The provider went on with a tool call's arguments after they were whole and more had come."
    )
