"""Which lane a request takes to its target: relayed as it came, or translated."""

from ..domain.dialect import Dialect
from ..domain.request import GenerationRequest
from .languages import outward

# No conversation is in these: there is nothing to fit in one, to fetch, to prove or to hold to.
WITHOUT_CONTENT = frozenset({Dialect.COMPLETIONS, Dialect.EMBEDDINGS})


def relays(request: GenerationRequest) -> bool:
    """Whether the target will be sent the caller's own body."""
    verbatim, can = request.verbatim, request.capabilities
    if verbatim is None or verbatim.dialect not in can.dialects:
        return False
    if can.tools_only_on_responses and verbatim.dialect is Dialect.CHAT_COMPLETIONS:
        return outward(request.dialect, request.content.get(), can) is Dialect.CHAT_COMPLETIONS
    return True


def passes_unread(request: GenerationRequest) -> bool:
    """Whether the caller's body needs no look on its way."""
    if request.dialect in WITHOUT_CONTENT:
        return True
    can = request.capabilities
    restricted = can.restrictions or (
        request.dialect is Dialect.RESPONSES
        and not (can.hosted_tools and can.tool_namespaces and can.custom_tools)
    )
    return not restricted and relays(request)
