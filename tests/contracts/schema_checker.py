"""The laws of `SchemaChecker`."""

from abc import ABC, abstractmethod

import pytest

from modelmux.application.ports import SchemaChecker
from modelmux.domain.errors import InvalidRequest
from modelmux.domain.json_values import JsonObject

CITY: JsonObject = {
    "type": "object",
    "properties": {
        "name": {"type": "string"},
        "rivers": {"type": "array", "items": {"type": "string"}},
    },
    "required": ["name"],
}


class SchemaCheckerContract(ABC):
    @pytest.fixture
    @abstractmethod
    def checker(self) -> SchemaChecker: ...

    @pytest.mark.parametrize("text", ['{"name": "Bonn"}', ' {"name":"B","rivers":["Rhine"]}\n'])
    def test_what_fits_has_no_faults(self, checker: SchemaChecker, text: str) -> None:
        assert checker.check(CITY, text) == ()

    @pytest.mark.parametrize(
        ("text", "place"),
        [
            ('{"name": 7}', "$.name"),
            ("{}", "$"),
            ('{"name": "B", "rivers": ["Rhine", 1]}', "$.rivers[1]"),
            ("[]", "$"),
            ("The city is Bonn.", "$"),
            ('{"name": "B"', "$"),
            ("", "$"),
        ],
    )
    def test_a_fault_says_where_it_is(self, checker: SchemaChecker, text: str, place: str) -> None:
        (fault,) = checker.check(CITY, text)
        assert fault.partition(":")[0] == place
        assert len(fault) <= 200

    @pytest.mark.parametrize(
        "schema", [{"type": "no such type"}, {"$ref": "http://127.0.0.1:9/schema.json"}]
    )
    def test_what_nothing_can_be_checked_against_is_refused(
        self, checker: SchemaChecker, schema: JsonObject
    ) -> None:
        checker.admit(CITY)
        with pytest.raises(InvalidRequest):
            checker.admit(schema)
        with pytest.raises(InvalidRequest):
            checker.check(schema, "{}")
