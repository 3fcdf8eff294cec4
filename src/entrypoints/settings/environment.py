"""What the environment says: overrides of single keys, and a whole provider without a file.

Nothing here holds a value: tables are written with `${NAME}` references, as a person would write
them into the file, and are resolved like those.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from ...domain.errors import ConfigurationError
from .providers import TYPE_ALIASES
from .raw_tables import Raw, is_list, is_table
from .toml_positions import KeyPath

_PREFIX = "MODELMUX_"
_SHORT_FORMS: Mapping[str, KeyPath] = {
    "MODELMUX_HOST": ("server", "host"),
    "MODELMUX_PORT": ("server", "port"),
    "MODELMUX_LOG_LEVEL": ("log", "level"),
    "MODELMUX_LOG_FORMAT": ("log", "format"),
}
API_KEY_VARIABLE = "MODELMUX_API_KEY"


@dataclass(frozen=True, slots=True)
class FoundProvider:
    """A `[provider]` table that nobody wrote, where its keys come from, and a word about it."""

    table: Mapping[str, object]
    origin: str
    told: str
    places: Mapping[str, str] = field(default_factory=dict[str, str])


def overrides(environ: Mapping[str, str]) -> dict[str, KeyPath]:
    """Return the key that each overriding variable sets: `MODELMUX_SERVER__PORT` and the like."""
    paths = {name: path for name, path in _SHORT_FORMS.items() if environ.get(name)}
    for name in sorted(environ):
        if name.startswith(_PREFIX) and "__" in name.removeprefix(_PREFIX):
            parts = name.removeprefix(_PREFIX).lower().split("__")
            paths[name] = tuple(int(part) if part.isdecimal() else part for part in parts)
    return paths


def variable_place(name: str) -> str:
    """Return the place of a value that a variable gave, as messages tell it."""
    return f"environment variable {name}"


def provider_of(environ: Mapping[str, str]) -> FoundProvider | None:
    """Return the provider that `PROVIDER_TYPE` and its companions describe.

    Raises:
        ConfigurationError: a companion that this type cannot do without is missing.
    """
    written = environ.get("PROVIDER_TYPE")
    if not written:
        return None
    kind: str = TYPE_ALIASES.get(written, written)
    variables = _COMPANIONS.get(kind) or _of_preset(kind, environ)
    table: dict[str, object] = {"type": "${PROVIDER_TYPE}"}
    places = {"type": variable_place("PROVIDER_TYPE")}
    for key, names in variables.items():
        if name := next((name for name in names if environ.get(name)), None):
            table[key] = f"${{{name}}}"
            places[key] = variable_place(name)
        elif key in _NEEDED.get(kind, ()):
            raise ConfigurationError(
                f"provider type {written} needs {names[0]}",
                where=variable_place("PROVIDER_TYPE"),
                hint=f"set {' or '.join(names)}, or write a modelmux.toml: modelmux init",
            )
    return FoundProvider(
        table, variable_place("PROVIDER_TYPE"), f"PROVIDER_TYPE names {written}", places
    )


_MODELS = {"models": ("MODELMUX_MODELS",)}
_COMPATIBLE: Mapping[str, tuple[str, ...]] = {
    "base_url": ("OPENAI_BASE_URL", "OPENAI_API_BASE"),
    "api_key": ("OPENAI_API_KEY",),
    **_MODELS,
}
_COMPANIONS: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "openai_compat": _COMPATIBLE,
    "vllm": {
        "base_url": ("VLLM_BASE_URL", "OPENAI_BASE_URL", "OPENAI_API_BASE"),
        "api_key": ("VLLM_API_KEY", "OPENAI_API_KEY"),
        **_MODELS,
    },
    "vertex": {
        "project": ("VERTEX_PROJECT", "GOOGLE_CLOUD_PROJECT"),
        "region": ("VERTEX_REGION", "GOOGLE_CLOUD_LOCATION"),
        "credentials_file": ("VERTEX_CREDENTIALS_FILE",),
        **_MODELS,
    },
    "azure": {
        "base_url": ("AZURE_OPENAI_ENDPOINT",),
        "api_key": ("AZURE_OPENAI_API_KEY",),
        "api_version": ("AZURE_OPENAI_API_VERSION", "OPENAI_API_VERSION"),
        "models": ("AZURE_OPENAI_DEPLOYMENT", "MODELMUX_MODELS"),
    },
    "anthropic": {
        "base_url": ("ANTHROPIC_BASE_URL",),
        "api_key": ("ANTHROPIC_API_KEY",),
        **_MODELS,
    },
    "gemini": {"api_key": ("GEMINI_API_KEY", "GOOGLE_API_KEY"), **_MODELS},
    "bedrock": {
        "region": ("AWS_REGION", "AWS_DEFAULT_REGION"),
        "api_key": ("AWS_BEARER_TOKEN_BEDROCK",),
        **_MODELS,
    },
    "cohere": {"api_key": ("CO_API_KEY", "COHERE_API_KEY"), **_MODELS},
    "ollama": {"base_url": ("OLLAMA_BASE_URL",), "api_key": ("OLLAMA_API_KEY",), **_MODELS},
    "huggingface": {"api_key": ("HF_TOKEN",), **_MODELS},
    "demo": _MODELS,
    "openai": _COMPATIBLE,
}
_NEEDED: Mapping[str, tuple[str, ...]] = {
    "openai_compat": ("base_url",),
    "azure": ("base_url",),
}


def _of_preset(preset: str, environ: Mapping[str, str]) -> Mapping[str, tuple[str, ...]]:
    """Return a known service's own variables; OpenAI's key goes only where its URL points too."""
    own = preset.upper()
    if environ.get("OPENAI_BASE_URL") and not environ.get(f"{own}_BASE_URL"):
        return _COMPATIBLE
    return {"base_url": (f"{own}_BASE_URL",), "api_key": (f"{own}_API_KEY",), **_MODELS}


def with_override(table: Raw, path: KeyPath, value: object) -> Raw:
    """Return `table` with `value` at `path`; tables on the way are made, list elements are not.

    Raises:
        KeyError: the way leads through something that is no table, or past the end of a list.
    """
    if not path:
        return value
    step, rest = path[0], path[1:]
    if is_table(table) and isinstance(step, str):
        return {**table, step: with_override(table.get(step, {}), rest, value)}
    if is_list(table) and isinstance(step, int) and step < len(table):
        changed = with_override(table[step], rest, value)
        return [*table[:step], changed, *table[step + 1 :]]
    raise KeyError(step)
