"""How supervisor, workers and verbs talk: JSON objects, one a line, over Unix sockets."""

import json
from typing import Any, TypeAlias

# Any: what JSON holds; whoever reads a message looks at each field.
Message: TypeAlias = dict[str, Any]

MAX_LINE_BYTES = 2**20
# In the environment of workers: where they keep what they share.
RUN_FOLDER_VARIABLE = "MODELMUX_RUN_DIR"
PROTOCOL = 1


class Broken(Exception):
    """What came is no message of ours."""


def encode(message: Message) -> bytes:
    """Return one line."""
    return json.dumps(message, separators=(",", ":")).encode() + b"\n"


class Lines:
    """Cuts what arrives into messages; `torn`: somebody else has read the head of the first."""

    def __init__(self, *, torn: bool = False) -> None:
        self._rest = b""
        self._torn = torn

    @property
    def is_torn(self) -> bool:
        """Whether the end of a line is still to come, which nobody else could read."""
        return self._torn or bool(self._rest)

    def feed(self, data: bytes) -> list[Message]:
        """Return the messages that are complete now.

        Raises:
            Broken: a line is too long, or no JSON object.
        """
        *lines, self._rest = (self._rest + data).split(b"\n")
        if len(self._rest) > MAX_LINE_BYTES:
            raise Broken("a line has no end")
        if self._torn and lines:
            self._torn = False
            del lines[0]
        return [_decode(line) for line in lines]


def _decode(line: bytes) -> Message:
    try:
        message = json.loads(line)
    except ValueError as error:
        raise Broken("a line is no JSON") from error
    if not isinstance(message, dict):
        raise Broken("a line is no object")
    return message  # type: ignore[return-value,unused-ignore]  # its keys are texts: it was JSON
