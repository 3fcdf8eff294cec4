"""What whole answers and streams of Converse's are read alike by."""

from dataclasses import dataclass

from ...domain.conversation import Proof, Vendor
from ...domain.errors import ConversionError
from ...domain.json_values import JsonObject
from . import wire


@dataclass(frozen=True, slots=True)
class Reading:
    """Who was asked: `model` for the proofs, which `signs` says whether it makes any."""

    model: str
    signs: bool = False


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
