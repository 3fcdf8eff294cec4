"""Amazon's event stream, write side: what a fake service sends."""

import json
import struct
from typing import Any
from zlib import crc32


def message(payload: bytes, **headers: str) -> bytes:
    """Return one message; `message_type` is sent as `:message-type`."""
    head = b"".join(_header(f":{name.replace('_', '-')}", value) for name, value in headers.items())
    prelude = struct.pack(">II", 16 + len(head) + len(payload), len(head))
    body = prelude + struct.pack(">I", crc32(prelude)) + head + payload
    return body + struct.pack(">I", crc32(body))


def event(name: str, payload: Any) -> bytes:  # Any: JSON
    return message(
        json.dumps(payload, ensure_ascii=False).encode(),
        event_type=name,
        content_type="application/json",
        message_type="event",
    )


def exception(name: str, payload: Any) -> bytes:  # Any: JSON
    return message(
        json.dumps(payload).encode(),
        exception_type=name,
        content_type="application/json",
        message_type="exception",
    )


def frames_of(body: bytes) -> list[bytes]:
    """Return the messages of a body, each as it stands."""
    frames: list[bytes] = []
    while body:
        (size,) = struct.unpack(">I", body[:4])
        frames.append(body[:size])
        body = body[size:]
    return frames


def _header(name: str, value: str) -> bytes:
    said = value.encode()
    return bytes([len(name)]) + name.encode() + b"\x07" + struct.pack(">H", len(said)) + said
