"""`modelmux schema`: for editors that complete and check TOML."""

import msgspec

from ...domain.secret import Secret
from ..container import preset_names
from ..provider_settings import TYPE_ALIASES
from ..raw_tables import Table
from ..settings import Settings
from .console import print_result


def run() -> None:
    """Print the JSON schema of the configuration."""
    schema: Table = msgspec.json.schema(Settings, schema_hook=_secret)
    schema["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    schema["title"] = "modelmux.toml"
    _accept_presets(schema)
    print_result(msgspec.json.format(msgspec.json.encode(schema)).decode())


def _secret(kind: type) -> dict[str, object]:
    if kind is Secret:
        return {"type": "string", "description": "a secret: ${VARIABLE} or ${file:/path}"}
    raise NotImplementedError(kind)


def _accept_presets(schema: Table) -> None:
    """Let a known service stand as the type of a compatible provider, as the file may say it."""
    kind: Table = schema["$defs"]["OpenAiCompatProvider"]["properties"]["type"]
    aliases = (alias for alias, name in TYPE_ALIASES.items() if name == "openai_compat")
    kind["enum"] = [*kind["enum"], *aliases, *preset_names()]
