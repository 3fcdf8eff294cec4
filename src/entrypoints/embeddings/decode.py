"""A request for embeddings. Source: OpenAI's API reference, POST /v1/embeddings.

What is small, and how many inputs there are, is checked here for both lanes; whether each of them
holds anything is the upstream's to judge when relayed, and ours when translated.
"""

import re
from dataclasses import dataclass, field
from functools import partial
from typing import Annotated, Any, Final, NoReturn

from msgspec import Meta, Raw, Struct
from msgspec.json import Decoder

from ...domain.deferred import Deferred
from ...domain.embedding import EmbeddingAsk, EmbeddingInput
from ...domain.errors import InvalidRequest, UnsupportedFeature
from ...domain.request import Caller, Generation
from ..client_dialect import Envelope
from ..members import LARGE_BODY_BYTES, Members, decode_member, missing
from ..top_level import TopLevel, decoders_of

MOST_INPUTS: Final = 2048
_BASE64: Final = "base64"
_FORMATS: Final = ("float", _BASE64)

_Token = Annotated[int, Meta(ge=0, le=2**32)]
_MODEL: Final = Decoder(Annotated[str, Meta(min_length=1, max_length=512)])
_TEXT: Final = Decoder(str)
_TEXTS: Final = Decoder(list[str])
_TOKENS: Final = Decoder(list[_Token])
_TOKEN_LISTS: Final = Decoder(list[list[_Token]])
_ARRAY: Final = Decoder(list[Raw])
_FIRST: Final = re.compile(rb"\[[ \t\r\n]*([^ \t\r\n])")


class _SmallMembers(Struct, frozen=True):
    encoding_format: str | None = None
    dimensions: Annotated[int, Meta(ge=1, le=2**31)] | None = None
    user: str | None = None


_TOP: Final = TopLevel(
    decoders_of(_SmallMembers), {"input": (b'"[', "a string or an array of inputs")}
)
_KNOWN: Final = frozenset({"model", "input", "encoding_format", "dimensions", "user"})


def _unasked() -> NoReturn:
    raise ValueError("nothing was asked")


def _refuse(error: InvalidRequest) -> EmbeddingAsk:
    # A fresh traceback each time: the old one would hold frames and grow.
    raise error.with_traceback(None)


@dataclass(frozen=True, slots=True)
class EmbeddingEnvelope(Envelope):
    """`base64`: the caller wants each vector as little-endian float32, in base64."""

    base64: bool = False
    ask: Deferred[EmbeddingAsk] = field(default_factory=lambda: Deferred(_unasked))


def decode_envelope(members: Members) -> EmbeddingEnvelope:
    """Return what the handler needs to know, once the top level is right.

    Raises:
        InvalidRequest: a member is missing, of the wrong type or out of range.
    """
    for required in ("model", "input"):
        if required not in members:
            raise missing(required)
    model = decode_member(_MODEL, members["model"], "model")
    values = _TOP.check(members)
    wanted = values.get("encoding_format")
    if wanted is not None and wanted not in _FORMATS:
        raise InvalidRequest(
            f"Invalid value: {wanted[:100]!r}. Supported values are: 'float' and 'base64'.",
            param="encoding_format",
        )
    _check_count(members["input"])
    ask = Deferred(partial(decode_embedding, members))
    if memoryview(members["input"]).nbytes > LARGE_BODY_BYTES:
        # So large a body is read beside the event loop: nothing of it is left for later.
        try:
            ask.get()
        except InvalidRequest as error:
            ask = Deferred(partial(_refuse, error))
    return EmbeddingEnvelope(model, base64=wanted == _BASE64, ask=ask)


def decode_embedding(members: Members) -> EmbeddingAsk:
    """Return what is asked for, in full.

    Raises:
        InvalidRequest: an input is empty or of a wrong type; `param` leads to it.
    """
    values = _TOP.check(members)
    return EmbeddingAsk(
        _decode_inputs(members["input"]),
        values.get("dimensions"),
        values.get("user"),
        tuple(name[:64] for name in members if name not in _KNOWN),
    )


def refuse_content(members: Members, caller: Caller) -> Generation:
    """Raise: there is no conversation in a request for embeddings."""
    del members, caller
    raise UnsupportedFeature(
        "The provider behind this model makes no embeddings, or not in a way that is known here.",
        param="model",
    )


def _check_count(raw: Raw) -> None:
    match _first(raw):
        case b'"' | b"[" | b"]":
            count = len(decode_member(_ARRAY, raw, "input"))
        case _:
            return  # one text, or the tokens of one
    if count == 0:
        raise InvalidRequest(
            "Invalid 'input': empty array. Expected an array with minimum length 1, but got an "
            "empty array instead.",
            param="input",
            reason="empty_array",
        )
    if count > MOST_INPUTS:
        raise InvalidRequest(
            f"Invalid 'input': array too long. Expected an array with maximum length "
            f"{MOST_INPUTS}, but got an array with length {count} instead.",
            param="input",
            reason="array_above_max_length",
        )


def _decode_inputs(raw: Raw) -> tuple[EmbeddingInput, ...]:
    inputs: tuple[EmbeddingInput, ...]
    match _first(raw):
        case b"":
            inputs = (decode_member(_TEXT, raw, "input"),)
        case b'"':
            texts = decode_member(_TEXTS, raw, "input")
            inputs = tuple(texts)
        case b"[":
            lists = decode_member(_TOKEN_LISTS, raw, "input")
            inputs = tuple(tuple(one) for one in lists)
        case _:
            tokens = decode_member(_TOKENS, raw, "input")
            return (tuple(tokens),)
    for place, one in enumerate(inputs):
        if not one:
            at = "input" if inputs == ("",) and _first(raw) == b"" else f"input[{place}]"
            raise _empty(at, one)
    return inputs


def _first(raw: Raw) -> bytes:
    """Return the first sign inside an array, nothing for what is no array."""
    # Any: the buffer of a Raw, which has no type of its own
    buffer: Any = raw
    found = _FIRST.match(buffer)
    return b"" if found is None else found[1]


def _empty(param: str, one: EmbeddingInput) -> InvalidRequest:
    if isinstance(one, str):
        return InvalidRequest(
            f"Invalid '{param}': input cannot be an empty string.",
            param=param,
            reason="empty_string",
        )
    return InvalidRequest(
        f"Invalid '{param}': empty array. Expected an array with minimum length 1, but got an "
        "empty array instead.",
        param=param,
        reason="empty_array",
    )
