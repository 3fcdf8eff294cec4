"""What all answers of a vendor's API have in common, whatever is asked: headers, errors, pulse."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TypeAlias

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
    vendor has for a code of ours where it is not the status that others have.
    """

    encode_refusal: Callable[[Refusal, str], bytes]
    headers: Callable[[bytes, float, Mapping[str, str]], Headers]
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


OPENAI = WireStyle(encode_refusal, _headers)
