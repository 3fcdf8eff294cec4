"""The dialect that is relayed and never translated: the old completions."""

from typing import Annotated

from msgspec import Meta
from msgspec.json import Decoder

from ..domain.dialect import Dialect
from ..domain.errors import UnsupportedFeature
from ..domain.request import Caller, Generation
from ..domain.response import Response
from .client_dialect import AnswerHead, ClientDialect, Envelope, pass_on
from .members import Members, decode_member, missing

_NAME = Decoder(Annotated[str, Meta(min_length=1)])
_FLAG = Decoder(bool | None)
_OPTIONS = Decoder(dict[str, object] | None)


def _decode_completions(members: Members) -> Envelope:
    for required in ("model", "prompt"):
        if required not in members:
            raise missing(required)
    model = decode_member(_NAME, members["model"], "model")
    if (raw := members.get("stream")) is None or not decode_member(_FLAG, raw, "stream"):
        return Envelope(model)
    raw = members.get("stream_options")
    options = decode_member(_OPTIONS, raw, "stream_options") if raw is not None else None
    wants_usage = bool(options and options.get("include_usage"))
    return Envelope(model, stream=True, include_usage=wants_usage)


def _refuse_content(members: Members, caller: Caller) -> Generation:
    del members, caller
    raise UnsupportedFeature(
        "This call is only relayed to a provider that speaks it (OpenAI-compatible servers, vLLM, "
        "Azure OpenAI); the provider behind this model does not.",
        param="model",
    )


def _relayed_body(head: AnswerHead[Envelope], response: Response) -> bytes:
    del head
    return response.relayed or b""


COMPLETIONS = ClientDialect(
    dialect=Dialect.COMPLETIONS,
    path="/v1/completions",
    id_prefix="cmpl-",
    decode_envelope=_decode_completions,
    decode_content=_refuse_content,
    stream_encoder=pass_on,
    encode_response=_relayed_body,
)
