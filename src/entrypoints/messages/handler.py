"""Anthropic's Messages API as a dialect for the handler of generation calls."""

import re
from collections.abc import Callable, Mapping
from typing import Any

from ...application.ports import Sealer
from ...domain.dialect import Dialect
from ...domain.request import NO_TERMS
from ...domain.response import Response
from ..client_dialect import AnswerHead, ClientDialect
from ..members import Members
from .decode import content_decoder
from .encode import encode_message
from .envelope import MessagesEnvelope, decode_envelope, decode_uncounted
from .stream import MessagesRelayEncoder, MessageStream
from .style import ANTHROPIC

PATH = "/v1/messages"
_VERSION = re.compile(rb"\d{4}-\d{2}-\d{2}", re.ASCII)
_BETA = re.compile(rb"[A-Za-z0-9._-]{1,100}")
_MAX_BETAS = 64


def messages_dialect(sealer: Sealer) -> ClientDialect[MessagesEnvelope]:
    """Return the dialect; what its clients carry for us is sealed by `sealer`."""
    return _dialect(sealer, decode_envelope)


def counting_dialect(sealer: Sealer) -> ClientDialect[MessagesEnvelope]:
    """Return the dialect of bodies that are only counted, which need no `max_tokens`."""
    return _dialect(sealer, decode_uncounted)


def read_terms(headers: Mapping[bytes, bytes]) -> Mapping[str, str]:
    """Return the version and the betas a caller names; what cannot be one is left out."""
    version, betas = headers.get(b"anthropic-version"), headers.get(b"anthropic-beta")
    if version is None and betas is None:
        return NO_TERMS
    terms: dict[str, str] = {}
    if version is not None and _VERSION.fullmatch(version):
        terms["anthropic-version"] = version.decode("ascii")
    if betas:
        names = [name.strip() for name in betas.split(b",", _MAX_BETAS)[:_MAX_BETAS]]
        known = b",".join([name for name in names if _BETA.fullmatch(name)])
        if known:
            terms["anthropic-beta"] = known.decode("ascii")
    return terms


def _dialect(
    sealer: Sealer, decode: Callable[[Members], MessagesEnvelope]
) -> ClientDialect[MessagesEnvelope]:
    def stream_encoder(head: AnswerHead[MessagesEnvelope]) -> MessageStream:
        return MessageStream(head, sealer)

    # Any: an encoder that passes on does not look into the envelope
    def relay_encoder(head: AnswerHead[Any]) -> MessagesRelayEncoder:
        del head
        return MessagesRelayEncoder()

    def encode_response(head: AnswerHead[MessagesEnvelope], response: Response) -> bytes:
        return encode_message(head, response, sealer)

    return ClientDialect(
        dialect=Dialect.MESSAGES,
        path=PATH,
        id_prefix="msg_",
        decode_envelope=decode,
        decode_content=content_decoder(sealer),
        stream_encoder=stream_encoder,
        encode_response=encode_response,
        relay_encoder=relay_encoder,
        style=ANTHROPIC,
        read_terms=read_terms,
    )
