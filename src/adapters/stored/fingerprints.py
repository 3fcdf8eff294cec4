"""What two requests have in common exactly when they ask the same, as SHA-256.

Requests are written as JSON in C, whole: a field that the domain gains is in it from that day. Each
object is written with the names of its fields, and the text of an opaque member as it came, so that
only kinds without fields of their own could look alike: those are told apart by their names.
"""

from collections.abc import Mapping
from hashlib import sha256
from typing import Any, Final

import msgspec

from ...domain.request import GenerationRequest

# Another number leaves all that was kept behind: raise it when the same text would mean another
# thing, or when answers that are kept would be wrong for other reasons.
_FORM: Final = 1


def _plain(value: Any) -> object:  # Any: whatever the encoder does not know
    """Return a mapping that is no dict as one.

    Raises:
        NotImplementedError: it is none; nobody else may guess how to write it.
    """
    if issubclass(type(value), Mapping):
        return dict(value)
    raise NotImplementedError(type(value).__name__)


def _said(members: Mapping[str, object]) -> Mapping[str, object]:
    """Return all but the model's name, which may be an alias."""
    return {name: value for name, value in members.items() if name != "model"}


_encode: Final = msgspec.json.Encoder(enc_hook=_plain).encode


def fingerprint(request: GenerationRequest, scope: tuple[tuple[str, ...], ...]) -> bytes | None:
    """Return the digest; None for what has no JSON, such as half a surrogate pair."""
    asked: object
    kinds: tuple[str, ...] = ()
    if request.embedding is not None:
        # Bytes that pass unread come in the form that was asked for: every member counts.
        body = request.verbatim
        asked = request.embedding.get() if body is None else _said(body.members)
    else:
        content = request.content.get()
        asked = content
        # The unions that have members without fields; a test finds the one that is forgotten.
        kinds = (
            type(content.tool_choice).__name__,
            type(content.output_format).__name__,
            type(content.thinking).__name__,
        )
    try:
        text = _encode((_FORM, scope, request.dialect, request.terms, kinds, asked))
    except (ValueError, NotImplementedError):
        return None
    return sha256(text).digest()
