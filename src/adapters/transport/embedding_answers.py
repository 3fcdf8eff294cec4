"""From a call to vectors: what all languages of embeddings share.

A hundred vectors are six megabytes of JSON, whose decoding holds the interpreter for tens of
milliseconds: large ones are taken apart in a thread, vector by vector, so that the loop goes on.
"""

import asyncio
from array import array
from collections.abc import Callable, Iterable, Sequence
from math import fsum, sqrt
from typing import Final

import msgspec

from ...application.ports import Answer
from ...domain.errors import ProviderError, ProviderProtocolBroken
from ...domain.events import (
    EmbeddingsAdded,
    FinishReason,
    ResponseFinished,
    ResponseStarted,
    StreamEvent,
    Usage,
)
from .answers import WholeAnswer, open_answer
from .client import HttpCall, HttpClient
from .languages import ErrorReply, StreamDecoder, WireLanguage

_LARGE_BYTES: Final = 256 * 1024
_numbers: Final = msgspec.json.Decoder(list[float]).decode


async def open_embeddings(
    client: HttpClient,
    call: HttpCall,
    decode: Callable[[bytes], Sequence[StreamEvent]],
    decode_error: Callable[[ErrorReply], ProviderError],
) -> Answer:
    """Send `call` and return its answer as `decode` reads it, which may run in a thread.

    Raises:
        ProviderError: any failure, with the provider's name on it.
        TooManyWaiting: no slot in time.
    """
    bodies: list[bytes] = []

    def keep(body: bytes) -> list[StreamEvent]:
        bodies.append(body)
        return []

    await open_answer(client, call, WireLanguage(keep, _no_stream, decode_error), stream=False)
    body = bodies[0]
    try:
        if len(body) > _LARGE_BYTES:
            return WholeAnswer(await asyncio.to_thread(decode, body))
        return WholeAnswer(decode(body))
    except msgspec.DecodeError as error:
        raise ProviderProtocolBroken(
            "The upstream sent something that is no list of embeddings.",
            provider=client.provider,
            detail=str(error),
        ) from error
    except ProviderError as error:
        error.provider = client.provider
        raise


def decode_vector(raw: msgspec.Raw) -> Sequence[float]:
    """Return the numbers of a JSON list, kept in eight bytes each.

    Raises:
        msgspec.DecodeError: they are none.
    """
    return array("d", _numbers(raw))


def unit(vector: Sequence[float]) -> Sequence[float]:
    """Return `vector` with the length 1; one of zeros stays as it is."""
    length = sqrt(fsum([number * number for number in vector]))
    return array("d", [number / length for number in vector]) if length else vector


def embedding_events(
    model: str, vectors: Iterable[Sequence[float]], tokens: int | None, id_: str = ""
) -> list[StreamEvent]:
    """Return a whole answer; `tokens` are those of the input, None: not told.

    Raises:
        ProviderProtocolBroken: there are no vectors, or one of them is empty.
    """
    brought = tuple(vectors)
    if not brought or not all(brought):
        raise ProviderProtocolBroken("The upstream's answer has no embeddings.")
    usage = None if tokens is None else Usage(input_tokens=tokens)
    return [
        ResponseStarted(id_, model),
        EmbeddingsAdded(brought),
        ResponseFinished((FinishReason.STOP,), usage),
    ]


def _no_stream() -> StreamDecoder:
    raise ProviderProtocolBroken("Embeddings come whole.")
