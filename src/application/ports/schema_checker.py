"""Checks whether an answer fits the JSON Schema that was asked for."""

from abc import abstractmethod
from typing import Protocol

from ...domain.json_values import JsonObject


class SchemaChecker(Protocol):
    """Looks nowhere but into the schema itself: what it refers to elsewhere is not fetched."""

    @abstractmethod
    def admit(self, schema: JsonObject) -> None:
        """Return if answers can be checked against `schema`.

        Raises:
            InvalidRequest: it is no schema, is too large, or refers to what is not in it.
        """
        ...

    @abstractmethod
    def check(self, schema: JsonObject, text: str) -> tuple[str, ...]:
        """Return what is wrong with `text`, the worst few faults; nothing: it fits.

        Each is a short sentence with the place of the fault, `$.a[0]`, and without the values
        that stand there.

        Raises:
            InvalidRequest: as `admit` does.
        """
        ...
