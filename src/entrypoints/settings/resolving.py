"""From the raw tables to those msgspec decodes: known keys only, references followed.

The walk goes along the types of the structs, so that an unknown key is met with its neighbours'
names and a text from the environment becomes the number that the key wants.
"""

import tomllib
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches

from msgspec import inspect

from .origins import Origins, spell
from .providers import PROVIDER_TYPES, TYPE_ALIASES
from .raw_tables import Raw, Table, is_list, is_table
from .references import BadReference, expand, references_in
from .toml_positions import KeyPath

_LEFT_OUT = object()
_TEXTUAL = (
    inspect.StrType,
    inspect.CustomType,
    inspect.LiteralType,
    inspect.EnumType,
    inspect.AnyType,
)


@dataclass(frozen=True, slots=True)
class Resolver:
    """`presets` are the names of known services, each accepted as a provider's type."""

    environ: Mapping[str, str]
    presets: Collection[str]
    origins: Origins

    def resolve(self, raw: Raw, kind: inspect.Type, path: KeyPath = ()) -> Raw:
        """Return `raw` ready to be decoded as `kind`.

        Raises:
            ConfigurationError: an unknown key or provider type, or a reference to nothing.
        """
        kind = _bare(kind)
        if isinstance(raw, str):
            raw, referred = self._expand(raw, path)
            if referred and not raw:
                return _LEFT_OUT  # a reference to nothing counts as not written
            if referred:
                raw = _from_text(raw, kind)
            self._check_choice(raw, kind, path)
        if is_table(raw):
            return self._table(raw, kind, path)
        if is_list(raw):
            element = _element(kind)
            resolved = (
                self.resolve(item, element, (*path, index)) for index, item in enumerate(raw)
            )
            return [item for item in resolved if item is not _LEFT_OUT]
        return raw

    def _expand(self, text: str, path: KeyPath) -> tuple[str, bool]:
        references = references_in(text)
        try:
            value = expand(text, self.environ)
        except BadReference as error:
            raise self.origins.error(
                path, f"{spell(path)}: {error.message}", hint=error.hint
            ) from error
        if references:
            self.origins.references[path] = " ".join(references)
        return value, bool(references)

    def _check_choice(self, raw: Raw, kind: inspect.Type, path: KeyPath) -> None:
        choices: tuple[object, ...] = ()
        if isinstance(kind, inspect.LiteralType):
            choices = kind.values
        elif isinstance(kind, inspect.EnumType):
            choices = tuple(member.value for member in kind.cls)
        if choices and raw not in choices:
            raise self.origins.error(
                path,
                f'{spell(path)}: there is no choice "{raw}"',
                hint=nearest(str(raw), map(str, choices)),
            )

    def _table(self, table: Table, kind: inspect.Type, path: KeyPath) -> Raw:
        if isinstance(kind, inspect.UnionType):
            table = self._typed(table, path)
            wanted = PROVIDER_TYPES[table["type"]]
            structs = (one for one in kind.types if isinstance(one, inspect.StructType))
            kind = next(one for one in structs if one.cls is wanted)
        if isinstance(kind, inspect.StructType):
            fields = {field.encode_name: field.type for field in kind.fields}
            self._check_keys(table, fields, kind, path)
        elif isinstance(kind, inspect.DictType):
            fields = dict.fromkeys(table, kind.value_type)
        else:
            fields = dict.fromkeys(table, inspect.AnyType())
        resolved: Table = {}
        for key, value in table.items():
            member = value if key not in fields else self.resolve(value, fields[key], (*path, key))
            if member is not _LEFT_OUT:
                resolved[key] = member
        return resolved

    def _check_keys(
        self,
        table: Table,
        fields: Mapping[str, inspect.Type],
        kind: inspect.StructType,
        path: KeyPath,
    ) -> None:
        known = [*fields, kind.tag_field] if kind.tag_field else list(fields)
        for key in table:
            if key not in known:
                of_type = f" of type {kind.tag}" if kind.tag else ""
                owner = f"{spell(path)}{of_type} has" if path else "the configuration has"
                raise self.origins.error(
                    (*path, key), f'{owner} no key "{key}"', hint=nearest(key, known)
                )

    def _typed(self, table: Table, path: KeyPath) -> Table:
        """Return a provider's table whose type is one of `PROVIDER_TYPES`."""
        kinds = tuple(dict.fromkeys((*PROVIDER_TYPES, *sorted(self.presets))))
        named = table.get("type", "openai_compat" if "preset" in table else None)
        if not isinstance(named, str):
            raise self.origins.error(
                path, f'{spell(path)}: "type" is missing', hint=f"one of {', '.join(kinds)}"
            )
        written, _ = self._expand(named, (*path, "type"))
        kind: str = TYPE_ALIASES.get(written, written)
        if kind in PROVIDER_TYPES:
            return {**table, "type": kind}
        if kind in self.presets:
            if place := self.origins.where((*path, "type")):
                self.origins.places.setdefault((*path, "preset"), place)
            return {"preset": kind, **table, "type": "openai_compat"}
        raise self.origins.error(
            (*path, "type"),
            f'{spell(path)}: there is no provider type "{written}"',
            hint=nearest(written, kinds),
        )


def nearest(word: str, known: Iterable[str]) -> str:
    """Return the hint for a word that is not known."""
    names = list(known)
    near = get_close_matches(word, names, n=1)
    return f'did you mean "{near[0]}"?' if near else f"known: {', '.join(names)}"


def _bare(kind: inspect.Type) -> inspect.Type:
    """Return `kind` without what may be said beside it: None, and metadata."""
    if isinstance(kind, inspect.Metadata):
        return _bare(kind.type)
    if isinstance(kind, inspect.UnionType):
        rest = [one for one in kind.types if not isinstance(one, inspect.NoneType)]
        return _bare(rest[0]) if len(rest) == 1 else kind
    return kind


def _element(kind: inspect.Type) -> inspect.Type:
    if isinstance(kind, inspect.ListType | inspect.VarTupleType):
        return kind.item_type
    return inspect.AnyType()


def _from_text(text: str, kind: inspect.Type) -> Raw:
    """Return the value a text stands for where `kind` wants more than text."""
    if isinstance(kind, _TEXTUAL):
        return text
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        if isinstance(kind, inspect.ListType | inspect.VarTupleType):
            return [part.strip() for part in text.split(",")]
        return text  # which the decoder refuses, naming the key
