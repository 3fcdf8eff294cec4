"""Small expressions that configurations hold."""

from abc import abstractmethod
from collections.abc import Mapping
from enum import StrEnum
from typing import Protocol

MAX_EXPRESSION_LETTERS = 2000


class FactKind(StrEnum):
    """What a variable holds; `NUMBER` may be null, where nothing is known."""

    FLAG = "true or false"
    NUMBER = "number or null"
    TEXT = "text"
    TEXTS = "list of texts"
    TEXT_MAP = "map of texts"
    WHOLE = "whole number"


class Rule(Protocol):
    """One expression, compiled."""

    @property
    @abstractmethod
    def uses(self) -> frozenset[str]:
        """Return the variables it cannot do without."""
        ...

    @abstractmethod
    def holds(self, variables: Mapping[str, object]) -> bool:
        """Return whether it is true; `variables` has those that it uses, by their whole names.

        Raises:
            ValueError: it cannot be told, such as for a member that is not there; says why.
        """
        ...


class RuleEngine(Protocol):
    """Compiles once, at start. Evaluation is bounded, whatever the values."""

    @abstractmethod
    def compile(self, text: str, names: Mapping[str, FactKind]) -> Rule:
        """Return the rule; `names` are the variables it may use, such as `request.model`.

        Raises:
            ConfigurationError: it is too long, does not parse, uses another name, or is never true
                or false; without a place.
        """
        ...
