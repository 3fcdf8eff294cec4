"""Fits a request to what its target can do: a pure function, and the changes it made.

Messages, images and functions are never dropped: what a target cannot take of those is refused.
"""

from collections.abc import Callable

from ...domain.adjustments import Adjustment
from ...domain.capabilities import Capabilities
from ...domain.dialect import Dialect
from ...domain.errors import UnsupportedFeature
from ...domain.request import Generation
from ..spelling import respell
from .builtin import fit_builtin_tools
from .custom_tools import CUSTOM_TOOLS_EMULATED, fit_custom_tools, in_functions
from .fields import fit_fields
from .fitting import Fitting
from .form import answer_tool
from .hosted import fit_hosted_tools
from .items import fit_instructions, fit_items, fit_thoughts
from .labels import fit_extras, fit_labels, ignored_members
from .marks import fit_marks
from .messages import fit_media, fit_prefill
from .namespaces import fit_namespaces
from .output import fit_output_format, fit_schemas
from .parts import fit_parts
from .results import fit_failures, fit_results
from .sampling import fit_limits, fit_sampling
from .system import fit_system
from .thinking import fit_effort, fit_summary, fit_unproven_turn
from .tools import fit_tool_choice, fit_tool_extras, fit_tools
from .wishes import fit_wish

__all__ = ["CUSTOM_TOOLS_EMULATED", "adjust", "ignored_members", "in_functions"]

# Each step sees what those before it made, so their order counts.
_STEPS: tuple[Callable[[Fitting], None], ...] = (
    # What is said. Whatever becomes a message is one before messages are looked at; media are
    # refused before those of results are moved; marks are counted where they will stand.
    fit_instructions,
    fit_items,
    fit_system,
    fit_thoughts,
    fit_parts,
    fit_media,
    fit_results,
    fit_failures,
    fit_marks,
    # Which tools there are: the form of the answer depends on whether any are left. Namespaces
    # become flat before functions are looked at one by one, and free text is an argument of one.
    fit_hosted_tools,
    fit_builtin_tools,
    fit_output_format,
    fit_namespaces,
    fit_tool_extras,
    fit_custom_tools,
    fit_tools,
    # Whether the model thinks, before what does not go with thinking: forced tools, sampling.
    fit_wish,
    fit_unproven_turn,
    fit_tool_choice,
    fit_effort,
    fit_summary,
    fit_sampling,
    # Schemas last of all that is about tools: which are strict, and which hold the answer, is
    # settled. Names of fields are those that are left in them.
    fit_schemas,
    fit_fields,
    # What stands alone.
    fit_prefill,
    fit_limits,
    fit_labels,
    fit_extras,
)


def adjust(
    content: Generation,
    capabilities: Capabilities,
    model: str = "",
    dialect: Dialect = Dialect.CHAT_COMPLETIONS,
) -> tuple[Generation, tuple[Adjustment, ...]]:
    """Return `content`, asked in `dialect`, as the target `model` can take it, and the changes.

    Raises:
        UnsupportedFeature: something that may not be dropped cannot be said to this target.
    """
    form = answer_tool(content, capabilities)
    fitting = Fitting(content, capabilities, model, dialect, form)
    try:
        for step in _STEPS:
            step(fitting)
    except UnsupportedFeature as error:
        respell(error, dialect)
        raise
    return fitting.content, tuple(fitting.made)
