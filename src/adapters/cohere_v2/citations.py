"""Cohere's citations as annotations of the Responses API, where that has a word for them.

Sources are documents, or what tools said: objects of the caller's own making. One that has an
address is a `url_citation`; others are known to nobody but the caller, and are left out.
"""

from ...domain.json_values import JsonObject
from . import wire


def decode_citation(citation: wire.CitationSeen, begin: int) -> list[JsonObject]:
    """Return what the Responses API has a word for: sources that have an address.

    `begin` is where the block it counts in begins in the text.
    """
    if citation.type not in ("", "TEXT_CONTENT"):
        return []
    told: list[JsonObject] = []
    for source in citation.sources:
        fields = source.document or source.tool_output or {}
        url, title = fields.get("url"), fields.get("title")
        if isinstance(url, str) and url:
            told.append(
                {
                    "type": "url_citation",
                    "start_index": begin + citation.start,
                    "end_index": begin + citation.end,
                    "url": url,
                    "title": title if isinstance(title, str) else "",
                }
            )
    return told
