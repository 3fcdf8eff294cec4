"""Bedrock's errors as ours: those of a reply, and those that come inside a stream.

Source: the service model bedrock-runtime 2023-09-30, and the guide's page on API error codes.
"""

from collections.abc import Mapping
from typing import Final

import msgspec

from ...domain.errors import (
    ContentBlocked,
    ContextTooLong,
    ProviderError,
    ProviderProtocolBroken,
    QuotaExhausted,
    UpstreamAuthFailed,
    UpstreamFailed,
    UpstreamModelNotFound,
    UpstreamOverloaded,
    UpstreamRateLimited,
    UpstreamRejected,
    UpstreamTimeout,
)
from ..transport.event_stream import EventFrame
from ..transport.languages import ErrorReply
from ..transport.retry_after import retry_after_s
from ..transport.upstream_words import presentable
from . import wire

_decode_body = msgspec.json.Decoder(wire.ErrorBody).decode
_NO_BODY: Final = wire.ErrorBody()
_NO_HEADERS: Final[Mapping[str, str]] = {}

# What an error is by its name, without `Exception` at its end and in lower case, and its status.
_KINDS: Final[Mapping[str, tuple[type[ProviderError], int]]] = {
    "accessdenied": (UpstreamAuthFailed, 403),
    "expiredtoken": (UpstreamAuthFailed, 403),
    "unrecognizedclient": (UpstreamAuthFailed, 403),
    "invalidsignature": (UpstreamAuthFailed, 403),
    "signaturedoesnotmatch": (UpstreamAuthFailed, 403),
    "incompletesignature": (UpstreamAuthFailed, 400),
    "invalidclienttokenid": (UpstreamAuthFailed, 403),
    "missingauthenticationtoken": (UpstreamAuthFailed, 403),
    "requestexpired": (UpstreamAuthFailed, 400),
    "optinrequired": (UpstreamAuthFailed, 403),
    "resourcenotfound": (UpstreamModelNotFound, 404),
    "throttling": (UpstreamRateLimited, 429),
    "throttled": (UpstreamRateLimited, 429),
    "toomanyrequests": (UpstreamRateLimited, 429),
    "modelnotready": (UpstreamOverloaded, 429),
    "serviceunavailable": (UpstreamOverloaded, 503),
    "servicequotaexceeded": (QuotaExhausted, 400),
    "internalserver": (UpstreamFailed, 500),
    "internalfailure": (UpstreamFailed, 500),
    "modelstreamerror": (UpstreamFailed, 424),
    "modelerror": (UpstreamFailed, 424),
    "modeltimeout": (UpstreamTimeout, 408),
    "validation": (UpstreamRejected, 400),
}
_CLASS_OF_STATUS: Final[Mapping[int, type[ProviderError]]] = {
    401: UpstreamAuthFailed,
    403: UpstreamAuthFailed,
    404: UpstreamModelNotFound,
    408: UpstreamTimeout,
    424: UpstreamFailed,
    429: UpstreamRateLimited,
    503: UpstreamOverloaded,
    504: UpstreamTimeout,
}
_EXPIRED: Final = frozenset({"expiredtoken", "requestexpired"})
_NOT_ACCEPTED: Final = "The upstream did not accept the gateway's credentials."
_EXPIRED_SAID: Final = (
    "The gateway's AWS credentials have expired: whoever runs it has to sign in to AWS anew."
)
_NO_ACCESS: Final = (
    "Bedrock does not let the gateway use this model: access to it has to be granted in the AWS "
    "account."
)
_NO_MODEL: Final = "The upstream does not have the model, or not in this region."
_NO_ON_DEMAND: Final = (
    "Bedrock serves this model through an inference profile alone: name the profile instead, such "
    "as 'us.', 'eu.' or 'global.' before the model's id."
)


def decode_error(reply: ErrorReply) -> ProviderError:
    """Return what `reply` says went wrong."""
    if 300 <= reply.status < 400:
        return ProviderProtocolBroken(
            "The upstream redirects elsewhere; check its base URL and region.",
            status=reply.status,
        )
    body = _body(reply.body)
    named = reply.headers.get("x-amzn-errortype") or body.kind or body.code or ""
    return _decode(reply.status, named, body, reply.headers)


def decode_exception(frame: EventFrame) -> ProviderError:
    """Return what a message of a stream, no event, says went wrong."""
    body = _body(frame.payload) if frame.payload else _NO_BODY
    if frame.message:
        body = wire.ErrorBody(message=frame.message)
    return _decode(200, frame.name, body, _NO_HEADERS)


def is_expired(reply: ErrorReply) -> bool:
    """Whether the reply says that the keys it was signed with are out of date."""
    named = reply.headers.get("x-amzn-errortype") or _body(reply.body).kind or ""
    return _plain(named) in _EXPIRED or is_expiry(reply.body.decode(errors="replace"))


def is_expiry(message: str) -> bool:
    """Whether words are about keys out of date: the OpenAI-shaped paths have no name for it."""
    return "security token included in the request is expired" in message


def is_context_overflow(message: str) -> bool:
    """Whether a 400's words say that the conversation is too long: there is no code for it."""
    lower = message.lower()
    return any(
        words in lower
        for words in (
            "input is too long",
            "prompt is too long",
            "too many input tokens",
            "exceeds the maximum number of tokens",
            "exceed context limit",
            "maximum context length",
            "input tokens exceeded",
        )
    )


def is_without_on_demand(message: str) -> bool:
    """Whether a 400's words say that the model's own id cannot be called."""
    return "on-demand throughput isn" in message


def _decode(
    status: int, named: str, body: wire.ErrorBody, headers: Mapping[str, str]
) -> ProviderError:
    kind = _plain(named)
    known = _KINDS.get(kind)
    said = presentable(_said(body))
    if known is not None and status < 300:
        status = known[1]
        if kind == "modelstreamerror" and body.original_status_code is not None:
            status = body.original_status_code
    found = known[0] if known is not None else _class(status)
    found = _CLASS_OF_STATUS.get(status, found) if kind in _BY_STATUS else found
    message = said or f"The upstream answered with status {status}."
    detail: str | None = None
    if issubclass(found, UpstreamTimeout):
        timeout = UpstreamTimeout(message, phase="first_byte")
        timeout.status = status
        timeout.upstream_type = named.partition(":")[0] or None
        return timeout
    if found is UpstreamRejected:
        if is_context_overflow(message):
            found = ContextTooLong
        elif is_without_on_demand(message):
            found, detail, message = UpstreamModelNotFound, message, _NO_ON_DEMAND
        elif "blocked by" in message.lower() and "filter" in message.lower():
            found = ContentBlocked
    elif found is UpstreamAuthFailed:
        # These words name our account there: they are for the log.
        detail, message = message, _sign_in_said(kind, said)
    elif found is UpstreamModelNotFound:
        detail, message = message, _NO_MODEL
    elif "arn:aws" in message:
        detail, message = message, f"The upstream answered with status {status}."
    return found(
        message,
        detail=detail,
        status=status,
        upstream_type=named.partition(":")[0] or None,
        retry_after_s=retry_after_s(headers),
    )


def _sign_in_said(kind: str, said: str) -> str:
    if kind in _EXPIRED or is_expiry(said):
        return _EXPIRED_SAID
    lower = said.lower()
    if "access to the model" in lower or "model access" in lower:
        return _NO_ACCESS
    return _NOT_ACCEPTED


# A model's own error, whose status tells more than that it was one.
_BY_STATUS: Final = frozenset({"modelstreamerror"})


def _class(status: int) -> type[ProviderError]:
    found = _CLASS_OF_STATUS.get(status)
    if found is not None:
        return found
    return UpstreamRejected if 400 <= status < 500 else UpstreamFailed


def _plain(named: str) -> str:
    """Return an error's name as the table has it: `Throttling` of `ThrottlingException:http…`."""
    name = named.partition(":")[0].rpartition("#")[2].strip().lower()
    return name.removesuffix("exception")


def _said(body: wire.ErrorBody) -> str:
    return body.message or body.message_of_old or ""


def _body(data: bytes) -> wire.ErrorBody:
    try:
        return _decode_body(data)
    except msgspec.DecodeError:
        return _NO_BODY
