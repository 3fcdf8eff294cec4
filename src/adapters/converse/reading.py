"""What whole answers and streams of Converse's are read alike by."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

import msgspec

from ...domain.conversation import Proof, Vendor
from ...domain.errors import ConversionError
from ...domain.json_values import JsonObject
from . import wire

_NO_CUSTOM_TOOLS: Final[frozenset[str]] = frozenset()
_decode_object = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_decode_text = msgspec.json.Decoder(str).decode


@dataclass(frozen=True, slots=True)
class Reading:
    """Who was asked: `model` for the proofs, which `signs` says whether it makes any.

    `custom_tools` are the names of tools that take free text, and were told as functions.
    """

    model: str
    signs: bool = False
    custom_tools: Collection[str] = _NO_CUSTOM_TOOLS


def decode_citation(citation: wire.Citation) -> JsonObject:
    """Return a citation as the Responses API has it."""
    web = citation.location.web if citation.location is not None else None
    if web is not None and web.url:
        return {
            "type": "url_citation",
            "url": web.url,
            "title": citation.title,
            "start_index": 0,
            "end_index": 0,
        }
    name = citation.title or citation.source
    return {"type": "file_citation", "file_id": "", "filename": name, "index": 0}


def decode_custom_input(arguments: str) -> str:
    """Return the text for a custom tool out of the object the model filled in."""
    try:
        return _decode_text(_decode_object(arguments)["input"])
    except (msgspec.DecodeError, KeyError):
        return arguments


def proof_of(reading: Reading, signature: str, redacted: str) -> Proof | None:
    """Return what Claude wants back; other models make no use of theirs."""
    if not reading.signs:
        return None
    if redacted:
        return Proof(Vendor.ANTHROPIC, reading.model, "redacted_thinking", redacted)
    if signature:
        return Proof(Vendor.ANTHROPIC, reading.model, "signature", signature)
    return None


def unsayable(what: str) -> ConversionError:
    """Return the refusal of an answer that holds `what`."""
    return ConversionError(f"The model answered with {what}, which cannot be passed on.")
