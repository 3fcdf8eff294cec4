"""The events of blocks, as bytes."""

import msgspec

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
END = b"}}\n\n"


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
        """Write a delta after what `delta_head` gave."""
        self.out.append(b"%b%b%b" % (head, _encode(text), END))


def delta_head(index: int, kind: bytes, member: bytes) -> bytes:
    return _DELTA % (index, kind, b'"%b":' % member)
