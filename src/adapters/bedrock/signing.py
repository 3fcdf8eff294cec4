"""Signature Version 4: what shows AWS who calls, without sending a secret. Pure.

Source: AWS's IAM guide, "Create a signed AWS API request". botocore gives the same signatures at
seven times the cost; the tests hold the two together.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from hashlib import sha256
from hmac import digest
from time import gmtime, strftime
from typing import Final, TypeAlias
from urllib.parse import quote

from ..transport.client import HttpCall

Header: TypeAlias = tuple[str, str]
_ALGORITHM: Final = "AWS4-HMAC-SHA256"


@dataclass(frozen=True, slots=True)
class AwsKeys:
    """What signs: keys of somebody, or of a session, which has a token besides."""

    access_key: str
    secret_key: str = field(repr=False)
    session_token: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Scope:
    """What a signature is for; the service's signing name need not be that of its host.

    `tells_hash` sends the body's checksum as a header too, which bedrock-mantle wants.
    """

    service: str
    region: str
    tells_hash: bool = False


def sign(call: HttpCall, keys: AwsKeys, scope: Scope, now: float) -> list[Header]:
    """Return the headers of `call` with those that sign it; `now` is in seconds since the epoch.

    Of its own headers `content-type` alone is signed: what stands between us and AWS may change
    others.
    """
    moment = strftime("%Y%m%dT%H%M%SZ", gmtime(now))
    date = moment[:8]
    body_hash = sha256(call.body).hexdigest()
    added: list[Header] = [("x-amz-date", moment)]
    if keys.session_token is not None:
        added.append(("x-amz-security-token", keys.session_token))
    if scope.tells_hash:
        added.append(("x-amz-content-sha256", body_hash))
    signed = [("host", call.url.authority), *added]
    signed += [(name, " ".join(value.split())) for name, value in call.headers if name in _SIGNED]
    signed.sort()
    names = ";".join([name for name, _ in signed])
    lines = "".join([f"{name}:{value}\n" for name, value in signed])
    path, query = _canonical(call.url.target)
    canonical = f"{call.method}\n{path}\n{query}\n{lines}\n{names}\n{body_hash}"
    place = f"{date}/{scope.region}/{scope.service}/aws4_request"
    to_sign = f"{_ALGORITHM}\n{moment}\n{place}\n{sha256(canonical.encode()).hexdigest()}"
    key = _signing_key(keys.secret_key, date, scope.region, scope.service)
    signature = digest(key, to_sign.encode(), "sha256").hex()
    shown = f"{_ALGORITHM} Credential={keys.access_key}/{place}, SignedHeaders={names}, "
    return [*call.headers, *added, ("authorization", f"{shown}Signature={signature}")]


_SIGNED: Final = frozenset({"content-type"})


@lru_cache(maxsize=1024)
def _canonical(target: str) -> tuple[str, str]:
    """Return path and query as they are signed: the path encoded once more than it is sent."""
    path, _, query = target.partition("?")
    return quote(path, safe="/-_.~"), "&".join(sorted(query.split("&"))) if query else ""


@lru_cache(maxsize=16)
def _signing_key(secret: str, date: str, region: str, service: str) -> bytes:
    key = f"AWS4{secret}".encode()
    for part in (date, region, service, "aws4_request"):
        key = digest(key, part.encode(), "sha256")
    return key


def signed_call(call: HttpCall, headers: Sequence[Header]) -> HttpCall:
    """Return `call` with `headers` in place of its own."""
    return HttpCall(call.url, headers, call.body, call.method)
