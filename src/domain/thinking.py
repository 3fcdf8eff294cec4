"""How a caller who speaks Messages wants a model to think; efforts are in `effort.py`."""

from dataclasses import dataclass
from typing import TypeAlias


@dataclass(frozen=True, slots=True)
class AdaptiveThinking:
    """The model decides when and how much."""


@dataclass(frozen=True, slots=True)
class ThinkingBetweenTools:
    """The model thinks when a tool has answered, and not before the first."""


@dataclass(frozen=True, slots=True)
class NoThinking:
    """The model answers at once."""


@dataclass(frozen=True, slots=True)
class ThinkingBudget:
    """The model may think for `tokens`, at least 1024."""

    tokens: int


ThinkingWish: TypeAlias = AdaptiveThinking | ThinkingBetweenTools | NoThinking | ThinkingBudget
