"""A checker that is made when the first schema comes.

The library behind it takes 6 MB and 30 ms, which no gateway needs while nobody wants a schema.
"""

from collections.abc import Callable

from ...application.ports import SchemaChecker
from ...domain.json_values import JsonObject


class FirstUseChecker(SchemaChecker):
    def __init__(self, make: Callable[[], SchemaChecker]) -> None:
        self._make = make
        self._made: SchemaChecker | None = None

    def admit(self, schema: JsonObject) -> None:
        self._checker().admit(schema)

    def check(self, schema: JsonObject, text: str) -> tuple[str, ...]:
        return self._checker().check(schema, text)

    def _checker(self) -> SchemaChecker:
        made = self._made
        if made is None:
            made = self._made = self._make()
        return made
