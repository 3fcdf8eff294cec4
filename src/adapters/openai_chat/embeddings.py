"""Passes on embeddings in OpenAI's words, in the form the caller asked for.

Not every compatible server knows `encoding_format`: one that does not sends numbers to who asked
for base64, which OpenAI's JavaScript client then takes apart as text. Such an answer is converted;
all others pass as they came.
"""

import re
import struct
from base64 import b64encode
from typing import Final

import msgspec

from ...domain.errors import ConversionError, ProviderError, ProviderProtocolBroken
from ...domain.events import (
    FinishReason,
    RelayedBytes,
    ResponseFinished,
    ResponseStarted,
    StreamEvent,
)
from ..openai_errors.bodies import is_flat_error
from ..openai_errors.decode import decode_error, decode_error_object
from ..transport.languages import ErrorReply
from .usage import decode_usage
from .wire import decode_embeddings

_AS_NUMBERS: Final = re.compile(rb'"embedding"[ \t\r\n]*:[ \t\r\n]*\[')
_members: Final = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_entries: Final = msgspec.json.Decoder(list[dict[str, msgspec.Raw]]).decode
_numbers: Final = msgspec.json.Decoder(list[float]).decode
_encode: Final = msgspec.json.Encoder().encode


class EmbeddingsRelay:
    """One answer on its way through: data and usage are all there is, and no finish reason.

    `model` is the upstream's name for it, `hidden` as in `Reading`; `base64` says that the caller
    asked for that.
    """

    __slots__ = ("_base64", "_hidden", "_model")

    def __init__(self, *, model: str, hidden: tuple[str, ...] = (), base64: bool = False) -> None:
        self._model = model
        self._hidden = hidden
        self._base64 = base64

    def whole(self, body: bytes) -> list[StreamEvent]:
        """Return the events of a whole answer.

        Raises:
            ProviderError: it is an error, or no list of embeddings.
        """
        try:
            found = decode_embeddings(body)
            if found.data is msgspec.UNSET:
                if is_flat_error(body):
                    raise decode_error_object(body, hidden=self._hidden)
                raise ProviderProtocolBroken("The upstream's answer has no embeddings.")
            if self._base64 and _AS_NUMBERS.search(body):
                body = in_base64(body)
        except msgspec.DecodeError as error:
            raise ProviderProtocolBroken(
                "The upstream sent something that is no list of embeddings.", detail=str(error)
            ) from error
        usage = decode_usage(found.usage) if found.usage is not None else None
        return [
            ResponseStarted("", found.model or self._model),
            RelayedBytes(body),
            ResponseFinished((FinishReason.STOP,), usage),
        ]

    def decode_error(self, reply: ErrorReply) -> ProviderError:
        return decode_error(reply, hidden=self._hidden)


def in_base64(body: bytes) -> bytes:
    """Return `body` with each vector that is a list of numbers as base64; all else stays.

    Raises:
        msgspec.DecodeError: it is no list of embeddings.
        ConversionError: a number is no float32.
    """
    members: dict[str, object] = {**_members(body)}
    data: list[dict[str, object]] = []
    for entry in _entries(_members(body)["data"]):
        vector = entry.get("embedding")
        if vector is None or not bytes(vector).startswith(b"["):
            data.append({**entry})
            continue
        numbers = _numbers(vector)
        try:
            packed = struct.pack(f"<{len(numbers)}f", *numbers)
        except (OverflowError, struct.error) as error:
            raise ConversionError(
                "The upstream sent an embedding whose numbers are no float32.", detail=str(error)
            ) from error
        data.append({**entry, "embedding": b64encode(packed).decode("ascii")})
    members["data"] = data
    return _encode(members)
