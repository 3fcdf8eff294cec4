"""Calls of a stream in the making: their arguments as the pieces of one JSON object."""

import re
from typing import Final

import msgspec

from ...domain.errors import ProviderProtocolBroken
from ...domain.events import ToolCallStarted
from .call_ids import encode_call_id
from .encode import encode_unparsed
from .frames import Frames, delta_head

_encode = msgspec.json.Encoder().encode
_CUSTOM_BEGIN = '{"input":"'
_CUSTOM_END = '"}'
_OUTSIDE: Final = re.compile(r'["{}\[\]]')
_INSIDE: Final = re.compile(r'["\\]')


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
        self._head = delta_head(self._index, b"input_json_delta", b"partial_json")
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
        self._head = delta_head(self._index, b"input_json_delta", b"partial_json")
        frames.delta(self._head, _CUSTOM_BEGIN)
        self.add("".join(self._fragments))
        self._fragments.clear()

    def close(self) -> None:
        if self._frames is None:
            raise AssertionError("a block goes before it is closed")
        self._frames.delta(self._head, _CUSTOM_END)
        self._frames.stop(self._index)


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
        _encode(encode_call_id(event.id)),
        _encode(event.name),
    )


def _late() -> ProviderProtocolBroken:
    return ProviderProtocolBroken(
        "The provider went on with a tool call's arguments after they were whole and more had come."
    )
