"""Blocks of a stream in the making: each tells its own start, deltas and stop.

A block is silent until it is told to `go`, and keeps what comes before that: blocks follow one
another strictly, while the calls of an upstream may come side by side.
"""

from typing import TypeAlias

import msgspec

from ...application.ports import Sealer
from ...domain.conversation import OpaqueItem, Proof, Reasoning
from ...domain.json_values import JsonObject
from .answer_wire import RedactedBlock
from .encode import encode_signature, is_redacted
from .frames import END, Frames, delta_head
from .open_calls import OpenCall, OpenCustomCall

_encode = msgspec.json.Encoder().encode
_EMPTY_TEXT = b'{"type":"text","text":""}'
_EMPTY_THINKING = b'{"type":"thinking","thinking":"","signature":""}'


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
        self.head = delta_head(self._index, b"text_delta", b"text")
        return self.head

    def _tell_citations(self, frames: Frames) -> None:
        head = delta_head(self._index, b"citations_delta", b"citation")
        for citation in self._citations:
            frames.out.append(b"%b%b%b" % (head, _encode(citation), END))
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
        frames.delta(delta_head(self._index, b"signature_delta", b"signature"), signature)
        frames.stop(self._index)

    def _tell(self, frames: Frames, text: str) -> None:
        head = self._head or self._begin(frames)
        if not self._omit:
            frames.delta(head, text)

    def _begin(self, frames: Frames) -> bytes:
        self._index = frames.start(_EMPTY_THINKING)
        self._head = delta_head(self._index, b"thinking_delta", b"thinking")
        return self._head


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
        head = delta_head(self._index, b"input_json_delta", b"partial_json")
        frames.delta(head, _encode(given).decode())

    def close(self) -> None:
        if self._frames is not None:
            self._frames.stop(self._index)


OpenBlock: TypeAlias = OpenText | OpenThinking | OpenCall | OpenCustomCall | OpenOpaque
