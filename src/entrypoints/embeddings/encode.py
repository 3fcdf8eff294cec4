"""An answer with vectors, as OpenAI's clients read it: lists of numbers, or base64.

Base64 is of little-endian float32, whatever the machine. Vectors are encoded one by one: so in a
thread of its own the encoding of many lets others have the interpreter in between.
"""

import struct
from base64 import b64encode
from collections.abc import Sequence
from typing import Final

from msgspec import Struct
from msgspec.json import Encoder

from ...domain.errors import ConversionError
from ...domain.events import Usage
from ...domain.response import Response
from ..client_dialect import AnswerHead
from .decode import EmbeddingEnvelope

_encode: Final = Encoder().encode
_NO_USAGE: Final = Usage()


class _Usage(Struct, frozen=True):
    prompt_tokens: int
    total_tokens: int


def encode_response(head: AnswerHead[EmbeddingEnvelope], response: Response) -> bytes:
    """Return the body; an upstream that told no usage is given one of 0, for it must be there.

    Raises:
        ConversionError: a number is no float32.
    """
    envelope = head.envelope
    encode_vector = _in_base64 if envelope.base64 else _as_numbers
    data = b",".join(
        [
            b'{"object":"embedding","index":%d,"embedding":%b}' % (index, encode_vector(vector))
            for index, vector in enumerate(response.vectors)
        ]
    )
    usage = response.usage or _NO_USAGE
    told = _Usage(usage.input_tokens, usage.total_tokens)
    return b'{"object":"list","data":[%b],"model":%b,"usage":%b}' % (
        data,
        _encode(envelope.model),
        _encode(told),
    )


def _in_base64(vector: Sequence[float]) -> bytes:
    try:
        packed = struct.pack(f"<{len(vector)}f", *vector)
    except (OverflowError, struct.error) as error:
        raise ConversionError(
            "The upstream sent an embedding whose numbers are no float32.", detail=str(error)
        ) from error
    return b'"%b"' % b64encode(packed)


def _as_numbers(vector: Sequence[float]) -> bytes:
    return _encode(list(vector))
