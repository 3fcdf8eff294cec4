"""How much a request lets be generated, read from its top level alone."""

import msgspec

from ..domain.request import GenerationRequest

_MEMBERS = ("max_tokens", "max_completion_tokens", "max_output_tokens")
_DECODER = msgspec.json.Decoder(int)


def most_output(request: GenerationRequest) -> int | None:
    """Return how many tokens may be generated, None if nobody says so."""
    if request.content.is_made:
        return request.content.get().max_output_tokens
    if request.verbatim is None:
        return None
    members = request.verbatim.members
    for name in _MEMBERS:
        raw = members.get(name)
        if isinstance(raw, msgspec.Raw):
            try:
                return _DECODER.decode(raw)
            except msgspec.ValidationError:
                continue  # null
    return None
