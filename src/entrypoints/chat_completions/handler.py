"""Chat completions as a dialect for the handler of generation calls."""

from ...domain.dialect import Dialect
from ..client_dialect import ClientDialect
from .decode import decode_content
from .encode import ChunkEncoder, encode_response
from .envelope import decode_envelope

CHAT_COMPLETIONS = ClientDialect(
    dialect=Dialect.CHAT_COMPLETIONS,
    path="/v1/chat/completions",
    id_prefix="chatcmpl-",
    decode_envelope=decode_envelope,
    decode_content=decode_content,
    stream_encoder=ChunkEncoder,
    encode_response=encode_response,
)
