"""Embeddings as a dialect for the handler of generation calls."""

from ...domain.dialect import Dialect
from ...domain.response import Response
from ..client_dialect import ClientDialect, pass_on
from .decode import decode_envelope, refuse_content
from .encode import encode_response

# From here on vectors are encoded beside the event loop: below it takes a few ms.
_MANY_NUMBERS = 50_000


def is_large(response: Response) -> bool:
    """Whether to encode an answer takes so long that others would wait for it."""
    return sum(map(len, response.vectors)) > _MANY_NUMBERS


EMBEDDINGS = ClientDialect(
    dialect=Dialect.EMBEDDINGS,
    path="/v1/embeddings",
    id_prefix="embd-",
    decode_envelope=decode_envelope,
    decode_content=refuse_content,
    stream_encoder=pass_on,
    encode_response=encode_response,
    embedding_of=lambda envelope: envelope.ask,
    is_large=is_large,
)
