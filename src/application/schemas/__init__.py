"""JSON Schemas as providers take them: said otherwise, or weaker and told."""

from .keywords import DATA, NAME_MAPS, without_keywords
from .maps import has_maps
from .recursion import is_recursive
from .rewriting import rewritten
from .root import at_top
from .sayable import sayable

__all__ = [
    "DATA",
    "NAME_MAPS",
    "at_top",
    "has_maps",
    "is_recursive",
    "rewritten",
    "sayable",
    "without_keywords",
]
