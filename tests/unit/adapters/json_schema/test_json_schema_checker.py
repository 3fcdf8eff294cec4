"""The checker that stands on jsonschema-rs: its laws, and its bounds."""

import socket
import time
from collections.abc import Generator

import pytest

from modelmux.adapters.json_schema.checker import JsonSchemaChecker
from modelmux.adapters.json_schema.first_use import FirstUseChecker
from modelmux.application.ports import SchemaChecker
from modelmux.domain.errors import InvalidRequest
from modelmux.domain.json_values import JsonObject
from tests.contracts.schema_checker import CITY, SchemaCheckerContract


class TestJsonSchemaChecker(SchemaCheckerContract):
    @pytest.fixture
    def checker(self) -> SchemaChecker:
        return JsonSchemaChecker()


class TestFirstUseChecker(SchemaCheckerContract):
    @pytest.fixture
    def checker(self) -> SchemaChecker:
        return FirstUseChecker(JsonSchemaChecker)


def test_it_is_made_once_and_not_before_it_is_needed() -> None:
    made: list[JsonSchemaChecker] = []

    def make() -> SchemaChecker:
        made.append(JsonSchemaChecker())
        return made[-1]

    checker = FirstUseChecker(make)
    assert made == []
    checker.admit(CITY)
    assert checker.check(CITY, '{"name": "Bonn"}') == ()
    assert len(made) == 1


@pytest.fixture
def listening() -> Generator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.3)
        yield server


@pytest.mark.parametrize("scheme", ["http", "file"])
def test_nothing_that_a_schema_refers_to_is_fetched(listening: socket.socket, scheme: str) -> None:
    address = f"http://127.0.0.1:{listening.getsockname()[1]}/s.json"
    if scheme == "file":
        address = "file:///etc/hostname"
    for schema in ({"$ref": address}, {"$schema": address}, {"$dynamicRef": address}):
        with pytest.raises(InvalidRequest):
            JsonSchemaChecker().admit({**schema})
    if scheme == "http":
        with pytest.raises(TimeoutError):
            listening.accept()


def test_faults_are_few_short_and_do_not_repeat_the_answer() -> None:
    schema: JsonObject = {"type": "array", "items": {"type": "integer"}}
    faults = JsonSchemaChecker().check(schema, '["secret words", "x"' + ', "y"' * 50 + "]")
    assert len(faults) == 5
    assert not any("secret" in fault for fault in faults)


@pytest.mark.parametrize("text", ["NaN", '{"name": NaN}', "[" * 100_000])
def test_what_python_alone_calls_json_is_not(text: str) -> None:
    assert JsonSchemaChecker().check(CITY, text) != ()


def test_schemas_and_answers_have_a_bound() -> None:
    checker = JsonSchemaChecker(max_schema_chars=200, max_text_chars=50)
    assert checker.check(CITY, '{"name": "B"}') == ()
    with pytest.raises(InvalidRequest, match="200 characters"):
        checker.admit({"enum": ["x" * 200]})
    assert "longer" in checker.check(CITY, '{"name": "' + "B" * 50 + '"}')[0]


def test_only_the_schemas_used_last_are_remembered() -> None:
    checker = JsonSchemaChecker(remembered=2)
    for number in range(20):
        checker.admit({"minimum": number})
    # There is no other way to see what it holds.
    assert len(checker._compiled) == 2  # pyright: ignore[reportPrivateUsage]


def test_a_pattern_that_searches_for_ever_is_given_up() -> None:
    schema: JsonObject = {"type": "string", "pattern": "^(?=(a+)+$)(a|aa)+b$"}
    began = time.monotonic()
    assert JsonSchemaChecker().check(schema, '"' + "a" * 3000 + '!"') != ()
    assert time.monotonic() - began < 2


@pytest.mark.parametrize("depth", [200, 2000])
def test_schemas_have_a_depth(depth: int) -> None:
    schema: JsonObject = {"type": "object"}
    for _ in range(depth):
        schema = {"type": "object", "properties": {"inner": schema}}
    with pytest.raises(InvalidRequest):
        JsonSchemaChecker().admit(schema)
