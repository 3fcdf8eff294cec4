"""The part of the container that checks answers against schemas, once one is wanted."""

from ...adapters.json_schema.checker import JsonSchemaChecker
from ...application.ports import SchemaChecker


def checker() -> SchemaChecker:
    return JsonSchemaChecker()
