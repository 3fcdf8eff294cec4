"""The two published descriptions of the Responses API, read where they lie beside the repository.

They contradict what is sent, and one another, in a few known places:

- OpenAI's document does not allow `usage: null`, which OpenAI itself sends in `response.created`
  and Open Responses requires to be there;
- Open Responses knows no custom tools, no hosted tools' items and no `namespace`;
- for `text.format` with a schema Open Responses has only `schema: null`, OpenAI's only an object.
"""

import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, Final

import jsonschema_rs
import pytest

Json = dict[str, Any]  # Any: JSON, looked at piece by piece

_FOLDER: Final = Path(__file__).parents[3] / "shared" / "reference" / "spec"
_OPENAI: Final = _FOLDER / "openai-subset.openapi.json"
_OPEN_RESPONSES: Final = _FOLDER / "openresponses-2026-04-24.openapi.json"

needs_schemas = pytest.mark.skipif(
    not (_OPENAI.exists() and _OPEN_RESPONSES.exists()),
    reason="the published schemas lie beside the repository, not in it, and are not there",
)


def openai_faults(name: str, value: Json) -> list[str]:
    """Return what OpenAI's schema `name` has against `value`."""
    return [*_faults(_openai(name), value)]


def open_responses_faults(name: str, value: Json) -> list[str]:
    """Return what the schema `name` of Open Responses has against `value`."""
    return [*_faults(_open_responses(name), value)]


def open_responses_event_faults(event: Json) -> list[str]:
    """Return what Open Responses has against an event; one it does not know is a fault."""
    name = _open_responses_events().get(event["type"])
    return [f"unknown: {event['type']}"] if name is None else open_responses_faults(name, event)


def _faults(validator: jsonschema_rs.Draft202012Validator, value: Json) -> Iterator[str]:
    for error in validator.iter_errors(value):
        yield f"{error.instance_path}: {error.message}"


@cache
def _openai(name: str) -> jsonschema_rs.Draft202012Validator:
    schemas = json.loads(_OPENAI.read_bytes())["components"]["schemas"]
    members = schemas["Response"]["allOf"][-1]["properties"]
    members["usage"] = {"anyOf": [members["usage"], {"type": "null"}]}
    return _validator(schemas, name)


@cache
def _open_responses(name: str) -> jsonschema_rs.Draft202012Validator:
    return _validator(_open_responses_schemas(), name)


@cache
def _open_responses_schemas() -> Json:
    schemas: Json = json.loads(_OPEN_RESPONSES.read_bytes())["components"]["schemas"]
    return schemas


@cache
def _open_responses_events() -> dict[str, str]:
    return {
        schema["properties"]["type"]["enum"][0]: name
        for name, schema in _open_responses_schemas().items()
        if name.endswith("StreamingEvent")
    }


def _validator(schemas: Json, name: str) -> jsonschema_rs.Draft202012Validator:
    return jsonschema_rs.Draft202012Validator(
        {"$ref": f"#/components/schemas/{name}", "components": {"schemas": schemas}}
    )
