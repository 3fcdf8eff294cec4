"""Small expressions that configurations hold."""

from abc import abstractmethod
from collections.abc import Collection, Mapping
from typing import Any, Protocol


class Rule(Protocol):
    """One expression, compiled."""

    @abstractmethod
    def holds(self, variables: Mapping[str, Any]) -> bool:  # Any: numbers, texts, lists, maps
        """Return whether it is true.

        Raises:
            ValueError: it cannot be told, such as for a member that is not there; says why.
        """
        ...


class RuleEngine(Protocol):
    """Compiles once, at start."""

    @abstractmethod
    def compile(self, text: str, names: Collection[str]) -> Rule:
        """Return the rule; `names` are the variables it may use.

        Raises:
            ConfigurationError: it does not parse, or uses another name.
        """
        ...
