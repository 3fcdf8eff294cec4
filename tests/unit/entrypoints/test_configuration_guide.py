"""The reference of the configuration names every key there is."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from msgspec import inspect

from modelmux.entrypoints.cli.main import VERBS
from modelmux.entrypoints.settings.providers import PROVIDER_TYPES
from modelmux.entrypoints.settings.sections import Settings

GUIDES = Path(__file__).parents[3] / "docs" / "guides"


def keys_of(kind: inspect.Type) -> Iterator[str]:
    """Yield the name of every key in a struct, and in those below it."""
    match kind:
        case inspect.StructType():
            for field in kind.fields:
                yield field.encode_name
                yield from keys_of(field.type)
        case inspect.UnionType():
            for one in kind.types:
                yield from keys_of(one)
        case inspect.VarTupleType():
            yield from keys_of(kind.item_type)
        case inspect.Metadata():
            yield from keys_of(kind.type)
        case _:
            return


@pytest.mark.parametrize("key", sorted(set(keys_of(inspect.type_info(Settings)))))
def test_the_guide_names_the_key(key: str) -> None:
    text = (GUIDES / "configuration.md").read_text()
    named = (f"`{key}`", f".{key}`", f"[{key}]", f"`{key}.")
    assert any(form in text for form in named)


@pytest.mark.parametrize("kind", PROVIDER_TYPES)
def test_the_guide_has_a_section_for_the_type(kind: str) -> None:
    assert f'### `type = "{kind}"`' in (GUIDES / "configuration.md").read_text()


@pytest.mark.parametrize("verb", [name for name, verb in VERBS.items() if not verb.hidden])
def test_the_guide_names_the_verb(verb: str) -> None:
    assert f"`modelmux {verb}" in (GUIDES / "command-line.md").read_text()
