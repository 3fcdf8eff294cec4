"""Cohere's citations as annotations of the Responses API, where that has a word for them.

Sources are documents, or what tools said: objects of the caller's own making. One that has an
address is a `url_citation`; others are known to nobody but the caller, and are left out.
"""

import msgspec

from ...domain.json_values import JsonObject
from . import wire

_decode_text = msgspec.json.Decoder(str).decode


def decode_citation(citation: wire.CitationSeen, begin: int) -> list[JsonObject]:
    """Return what the Responses API has a word for: sources that have an address.

    `begin` is where the block it counts in begins in the text.
    """
    if citation.type not in ("", "TEXT_CONTENT"):
        return []
    told: list[JsonObject] = []
    for source in citation.sources:
        named = source.document or source.tool_output
        url = "" if named is None else _text(named.url)
        if named is not None and url:
            told.append(
                {
                    "type": "url_citation",
                    "start_index": begin + citation.start,
                    "end_index": begin + citation.end,
                    "url": url,
                    "title": _text(named.title),
                }
            )
    return told


def _text(value: msgspec.Raw | msgspec.UnsetType) -> str:
    """Return the text that `value` is, empty for anything else."""
    if value is msgspec.UNSET:
        return ""
    try:
        return _decode_text(value)
    except msgspec.DecodeError:
        return ""
