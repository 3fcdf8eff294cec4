"""`modelmux schema`: for editors that complete and check TOML."""

import msgspec

from ...domain.secret import Secret
from ..container import preset_names
from ..settings.providers import TYPE_ALIASES, OpenAiCompatSettings
from ..settings.raw_tables import Table
from ..settings.sections import Settings
from .console import print_result

_REFERENCE = {"type": "string", "pattern": r"\$\{.+\}"}


def run() -> None:
    """Print the JSON schema of the configuration."""
    schema: Table = msgspec.json.schema(Settings, schema_hook=_secret)
    schema["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    schema["title"] = "modelmux.toml"
    _accept_presets(schema)
    for definition in schema["$defs"].values():
        _accept_references(definition)
    print_result(msgspec.json.format(msgspec.json.encode(schema)).decode())


def _secret(kind: type) -> dict[str, object]:
    if kind is Secret:
        return {"type": "string", "description": "a secret: ${VARIABLE} or ${file:/path}"}
    raise NotImplementedError(kind)


def _accept_presets(schema: Table) -> None:
    """Let a known service stand as the type of a compatible provider, as the file may say it."""
    kind: Table = schema["$defs"][OpenAiCompatSettings.__name__]["properties"]["type"]
    aliases = (alias for alias, name in TYPE_ALIASES.items() if name == "openai_compat")
    kind["enum"] = [*kind["enum"], *aliases, *preset_names()]


def _accept_references(definition: Table) -> None:
    """Let a text with a reference stand where a number, a switch, a choice or a list does."""
    properties: Table = definition.get("properties", {})
    tag = {"type"} if "enum" in properties.get("type", {}) else set[str]()
    for name in properties.keys() - tag:
        value: Table = properties[name]
        if value.get("type") in ("integer", "number", "boolean", "array") or "enum" in value:
            beside = {word: value.pop(word) for word in ("default",) if word in value}
            properties[name] = {"anyOf": [value, _REFERENCE], **beside}
