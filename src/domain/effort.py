"""How hard a model is asked to think."""

from enum import StrEnum


class Effort(StrEnum):
    """How much a model should think, least first."""

    NONE = "none"
    MINIMAL = "minimal"
    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    XHIGH = "xhigh"
    MAX = "max"
