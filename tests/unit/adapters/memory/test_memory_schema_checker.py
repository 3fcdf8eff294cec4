"""The plain checker keeps the port's laws."""

import pytest

from modelmux.adapters.memory.schema_checker import PlainChecker
from modelmux.application.ports import SchemaChecker
from tests.contracts.schema_checker import SchemaCheckerContract


class TestPlainChecker(SchemaCheckerContract):
    @pytest.fixture
    def checker(self) -> SchemaChecker:
        return PlainChecker()
