"""JSON Schemas as providers take them: said otherwise, or weaker and told."""

from .keywords import DATA, NAME_MAPS, without_keywords
from .maps import has_maps
from .rewriting import rewritten

__all__ = ["DATA", "NAME_MAPS", "has_maps", "rewritten", "without_keywords"]
