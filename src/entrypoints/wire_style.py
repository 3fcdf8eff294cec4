"""What all answers of a vendor's API have in common, whatever is asked: headers, errors, pulse."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TypeAlias

from ..domain.quota import Left, Quota
from .errors import Refusal, encode_refusal
from .sse import COMMENT

Headers: TypeAlias = list[tuple[bytes, bytes]]

_NO_STATUSES: Mapping[str, int] = MappingProxyType({})
_VERSION = (b"openai-version", b"2020-10-01")


@dataclass(frozen=True, slots=True)
class WireStyle:
    """`headers` are made of the request id, the time taken in seconds and the request's terms.

    `pulse` is what a stream says that has been silent for long. `named_key_first`: where a caller
    sends both, the key is in `x-api-key` and not in `authorization`. `statuses` are those that the
    vendor has for a code of ours where it is not the status that others have. `quota` are the
    headers that tell what is left of the caller's limits.
    """

    encode_refusal: Callable[[Refusal, str], bytes]
    headers: Callable[[bytes, float, Mapping[str, str]], Headers]
    quota: Callable[[Quota], Headers]
    pulse: bytes = COMMENT
    named_key_first: bool = False
    statuses: Mapping[str, int] = field(default_factory=lambda: _NO_STATUSES)

    def status_of(self, refusal: Refusal) -> int:
        """Return the status that a caller is told."""
        return self.statuses.get(refusal.code or "", refusal.status)


def _headers(id_: bytes, elapsed_s: float, terms: Mapping[str, str]) -> Headers:
    del terms
    return [
        (b"x-request-id", id_),
        _VERSION,
        (b"openai-processing-ms", b"%d" % (elapsed_s * 1000)),
    ]


def _quota(quota: Quota) -> Headers:
    """Return what is left as OpenAI tells it. Source: its guide on rate limits."""
    return [*_left(quota.requests, b"requests"), *_left(quota.tokens, b"tokens")]


def _left(left: Left | None, what: bytes) -> Headers:
    if left is None:
        return []
    return [
        (b"x-ratelimit-limit-" + what, b"%d" % left.limit),
        (b"x-ratelimit-remaining-" + what, b"%d" % left.remaining),
        (b"x-ratelimit-reset-" + what, encode_duration(left.reset_s)),
    ]


def encode_duration(seconds: float) -> bytes:
    """Return a time as Go writes it: `250ms`, `1.5s`, `6m0s`, `1h0m3s`; never less than it is."""
    millis = math.ceil(seconds * 1000 - 1e-6)
    if millis < 1000:
        return b"%dms" % millis if millis > 0 else b"0s"
    minutes, millis = divmod(millis, 60_000)
    rest = f"{millis / 1000:.3f}".rstrip("0").rstrip(".")
    if minutes < 60:
        return f"{minutes}m{rest}s".encode() if minutes else f"{rest}s".encode()
    return f"{minutes // 60}h{minutes % 60}m{rest}s".encode()


OPENAI = WireStyle(encode_refusal, _headers, _quota)
