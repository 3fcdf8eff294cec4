"""The top level of a request in OpenAI's languages: what is checked before anything is planned.

Members with small values are decoded each by itself, so that an error names it; of those that may
be large only the outermost form is looked at, so that they stay unread.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, get_type_hints

from msgspec import Raw
from msgspec.json import Decoder

from ..domain.errors import InvalidRequest
from .members import LARGE_BODY_BYTES, Members, decode_member

_ARRAY = Decoder(list[Raw])


@dataclass(frozen=True, slots=True)
class TopLevel:
    """`forms`: of each large member the first bytes it may have, and their name for people."""

    decoders: Mapping[str, "Decoder[Any]"]  # Any: each has its own type
    forms: Mapping[str, tuple[bytes, str]]

    def check(self, members: Members) -> dict[str, Any]:
        """Return the values of the small members that are there.

        Raises:
            InvalidRequest: a member is of the wrong type or out of range.
        """
        values: dict[str, Any] = {}  # Any: checked by the decoder of each name
        for name, raw in members.items():
            decoder = self.decoders.get(name)
            if decoder is not None:
                values[name] = decode_member(decoder, raw, name)
            elif name in self.forms:
                self._check_form(name, raw)
        return values

    def _check_form(self, name: str, raw: Raw) -> None:
        first, expected = self.forms[name]
        if memoryview(raw)[0] not in first:
            raise InvalidRequest(
                f"Invalid type for '{name}': expected {expected}.",
                param=name,
                reason="invalid_type",
            )


def decoders_of(shape: type) -> Mapping[str, "Decoder[Any]"]:
    """Return a decoder for each member of a struct."""
    hints = get_type_hints(shape, include_extras=True)
    return {name: Decoder(kind) for name, kind in hints.items()}


def check_count(raw: Raw, param: str, noun: str, *, most: int, may_be_empty: bool = False) -> None:
    """Return if an array holds neither too little nor more than `most`; `noun` says what of.

    Raises:
        InvalidRequest: it does.
    """
    # Only a very short array can be empty, and only a very long one hold too many.
    size = memoryview(raw).nbytes
    if size < 64 and not may_be_empty and not decode_member(_ARRAY, raw, param):
        raise InvalidRequest(
            f"'{param}' must hold at least one {noun}.", param=param, reason="empty_array"
        )
    if size > LARGE_BODY_BYTES:
        count = len(decode_member(_ARRAY, raw, param))
        if count > most:
            raise InvalidRequest(
                f"'{param}' may hold {most} {noun}s; these are {count}.",
                param=param,
                reason="array_above_max_length",
            )
