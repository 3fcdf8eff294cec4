"""The resolved configuration as a list of keys with their values and where these came from."""

from collections.abc import Iterator, Mapping
from enum import Enum
from typing import TypeGuard

import msgspec

from ...domain.redaction import redact
from ...domain.secret import Secret
from .file import Loaded
from .origins import spell
from .raw_tables import Raw, is_list, is_table
from .toml_positions import KeyPath

MASK = "***"


class ListedValue(msgspec.Struct, frozen=True):
    """`value` None means: not set. Secrets are masked."""

    key: str
    value: Raw
    source: str


def list_values(loaded: Loaded) -> tuple[ListedValue, ...]:
    """Return every key of the configuration in the order of its sections."""
    return tuple(
        ListedValue(spell(path), value, loaded.origins.source(path))
        for path, value in _leaves(loaded.settings, ())
    )


def render_toml(loaded: Loaded) -> str:
    """Return the resolved file, each line with the source of its value as a comment."""
    lines: list[str] = []
    section: KeyPath = ()
    for path, value in _leaves(loaded.settings, ()):
        if path[:-1] != section:
            section = path[:-1]
            lines += ["", _header(section)]
        shown = f"# {path[-1]} =" if value is None else f"{path[-1]} = {_literal(value)}"
        lines.append(f"{shown:<48} # {loaded.origins.source(path)}")
    return "\n".join(lines[1:]) + "\n"


def _header(section: KeyPath) -> str:
    """Return `[server]`, or `[[routes.targets]]` for an element of a list."""
    name = ".".join(str(part) for part in section if isinstance(part, str))
    return f"[[{name}]]" if isinstance(section[-1], int) else f"[{name}]"


def _leaves(struct: msgspec.Struct, path: KeyPath) -> Iterator[tuple[KeyPath, Raw]]:
    config = struct.__struct_config__
    if config.tag_field is not None:
        yield (*path, config.tag_field), config.tag
    tables: list[tuple[KeyPath, msgspec.Struct]] = []
    for name in struct.__struct_fields__:
        value = getattr(struct, name)  # getattr: the fields of a struct, whichever it is
        if isinstance(value, msgspec.Struct):
            tables.append(((*path, name), value))
        elif _is_tuple(value) and value and isinstance(value[0], msgspec.Struct):
            tables += [((*path, name, index), one) for index, one in enumerate(value)]
        elif path or not isinstance(value, tuple | None):
            yield (*path, name), _plain(value)
    for inner_path, inner in tables:
        yield from _leaves(inner, inner_path)


def _plain(value: Raw) -> Raw:
    if isinstance(value, Secret):
        return MASK
    if isinstance(value, str):
        return redact(value)  # an address may hold a key in its query
    if isinstance(value, Enum):
        return value.value
    if _is_mapping(value):
        return {key: _plain(inner) for key, inner in value.items()}
    if _is_tuple(value):
        return [_plain(inner) for inner in value]
    return value


def _literal(value: Raw) -> str:
    if is_table(value):
        members = ", ".join(f"{_literal(key)} = {_literal(one)}" for key, one in value.items())
        return f"{{ {members} }}" if members else "{}"
    if is_list(value):
        return f"[{', '.join(map(_literal, value))}]"
    return msgspec.json.encode(value).decode()


def _is_mapping(value: Raw) -> TypeGuard[Mapping[str, Raw]]:
    return isinstance(value, Mapping)


def _is_tuple(value: Raw) -> TypeGuard[tuple[Raw, ...]]:
    return isinstance(value, tuple)
