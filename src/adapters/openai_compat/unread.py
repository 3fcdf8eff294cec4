"""Bodies that were not read on their way here, for they might have been relayed, and are not."""

from ...application.adjusting import CUSTOM_TOOLS_EMULATED, ignored_members, in_functions
from ...application.reporting import record
from ...domain.dialect import Dialect
from ...domain.request import Generation, GenerationRequest


def looked_at(request: GenerationRequest, content: Generation, outward: Dialect) -> Generation:
    """Return `content` with functions for custom tools where the target knows functions alone.

    What has to be told, and nobody has told of yet, is noted.

    Raises:
        UnsupportedFeature: the policy is to reject what has to be changed.
    """
    if request.verbatim is None:
        return content
    said = in_functions(content, request.capabilities, outward)
    emulated = [CUSTOM_TOOLS_EMULATED] if said.tools is not content.tools else []
    made = (*emulated, *ignored_members(content))
    record(request, [one for one in made if one not in request.journal.adjustments])
    return said
