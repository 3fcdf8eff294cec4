"""The Responses API as a dialect for the handler of generation calls."""

from functools import partial

from ...application.ports import Sealer
from ...domain.dialect import Dialect
from ..client_dialect import AnswerHead, ClientDialect
from .decode import content_decoder
from .encode import PassedEncoder, TurnEncoder, encode_response, turn_of
from .envelope import ResponsesEnvelope, begin_turn, decode_envelope
from .turn_wire import ResponsesWire


def responses_dialect(sealer: Sealer) -> ClientDialect[ResponsesEnvelope]:
    """Return the dialect; what its clients carry for us is sealed by `sealer`."""
    wire = ResponsesWire(sealer)

    def stream_encoder(head: AnswerHead[ResponsesEnvelope]) -> TurnEncoder:
        return TurnEncoder(wire, turn_of(head))

    def relay_encoder(head: AnswerHead[ResponsesEnvelope]) -> PassedEncoder:
        return PassedEncoder(wire, turn_of(head))

    return ClientDialect(
        dialect=Dialect.RESPONSES,
        path="/v1/responses",
        id_prefix="resp_mmx",
        decode_envelope=decode_envelope,
        decode_content=content_decoder(sealer),
        stream_encoder=stream_encoder,
        encode_response=partial(encode_response, wire),
        relay_encoder=relay_encoder,
        begin_turn=begin_turn,
    )
