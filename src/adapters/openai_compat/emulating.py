"""Free-text tools that go out as functions, where the service knows functions alone."""

from ...application.adjusting import CUSTOM_TOOLS_EMULATED, ignored_members
from ...application.reporting import record
from ...domain.request import Generation, GenerationRequest
from ...domain.tools import CustomTool


def emulated_tools(
    request: GenerationRequest, content: Generation, *, takes_custom: bool
) -> frozenset[str]:
    """Return the names of the tools that go as functions; note what nobody has told of yet.

    Raises:
        UnsupportedFeature: the policy is to reject what has to be changed.
    """
    names: frozenset[str] = frozenset()
    if not takes_custom:
        names = frozenset(tool.name for tool in content.tools if isinstance(tool, CustomTool))
    if request.verbatim is not None:
        # A body that may be relayed was not read on its way here, so nobody has told yet.
        made = (*([CUSTOM_TOOLS_EMULATED] if names else ()), *ignored_members(content))
        record(request, [one for one in made if one not in request.journal.adjustments])
    return names
