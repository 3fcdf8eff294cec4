"""Fits a request to what its target can do: a pure function, and the changes it made.

Messages, images and functions are never dropped: what a target cannot take of those is refused.
"""

from collections.abc import Callable

from ...domain.adjustments import Adjustment
from ...domain.capabilities import Capabilities
from ...domain.request import Generation
from .fitting import Fitting
from .labels import fit_labels, ignored_members
from .messages import fit_media, fit_prefill
from .output import fit_output_format, fit_schemas
from .sampling import fit_limits, fit_sampling
from .thinking import fit_effort, fit_unproven_turn
from .tools import CUSTOM_TOOLS_EMULATED, fit_tool_choice, fit_tools

__all__ = ["CUSTOM_TOOLS_EMULATED", "adjust", "ignored_members"]

_STEPS: tuple[Callable[[Fitting], None], ...] = (
    fit_media,
    fit_tools,
    fit_unproven_turn,
    fit_tool_choice,
    fit_effort,
    fit_sampling,
    fit_output_format,
    fit_schemas,
    fit_prefill,
    fit_limits,
    fit_labels,
)


def adjust(
    content: Generation, capabilities: Capabilities, model: str = ""
) -> tuple[Generation, tuple[Adjustment, ...]]:
    """Return `content` as the target `model` can take it, and what was changed.

    Raises:
        UnsupportedFeature: something that may not be dropped cannot be said to this target.
    """
    fitting = Fitting(content, capabilities, model)
    for step in _STEPS:
        step(fitting)
    return fitting.content, tuple(fitting.made)
