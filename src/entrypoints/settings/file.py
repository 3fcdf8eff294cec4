"""Reads the configuration: file, environment, and failing both what discovery finds.

Later words win: file, environment, command line.
"""

import os
import re
import sys
import tomllib
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TypeVar

import msgspec

from ...domain.errors import ConfigurationError
from ...domain.secret import Secret
from .checks import check_settings
from .checks_prices import check_prices
from .discovery import Discovery, look_around
from .environment import (
    API_KEY_VARIABLE,
    FoundProvider,
    overrides,
    provider_of,
    variable_place,
    with_override,
)
from .faults import fault_of, path_of
from .origins import Origins, spell
from .prices import PriceFile
from .raw_tables import Raw, Table
from .resolving import Resolver, nearest
from .section import Section
from .sections import IN_MEMORY, ServerSettings, Settings
from .toml_positions import KeyPath, locate

FILE_NAME = "modelmux.toml"
SectionT = TypeVar("SectionT", bound=Section)
_SYNTAX_FAULT = re.compile(r"(?P<fault>.*) \(at (?:line (\d+), column (\d+)|end of document)\)")


@dataclass(frozen=True, slots=True)
class Loaded:
    """The settings, and what people ask about them.

    `found` are sentences about providers that were not configured but found; `environ` is the
    environment, in which some providers look for their credentials.
    """

    settings: Settings
    origins: Origins
    file: Path | None
    environ: Mapping[str, str]
    found: tuple[str, ...] = ()

    def keeping_nothing(self) -> "Loaded":
        """Return the same without its store: for verbs that only ask."""
        replaced = msgspec.structs.replace
        storage = replaced(self.settings.storage, path=IN_MEMORY, url=None, redis_url=None)
        state = replaced(self.settings.state, seal_file=None)
        return replace(self, settings=replaced(self.settings, storage=storage, state=state))


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What reading depends on beside the file. `look` is asked only if nobody names a provider."""

    environ: Mapping[str, str]
    folder: Path
    platform: str
    look: Callable[[Mapping[str, str]], Discovery]

    @classmethod
    def of_process(cls) -> "Surroundings":
        return cls(os.environ, Path.cwd(), sys.platform, look_around)

    def user_folder(self, kind: str) -> Path:
        """Return the folder for this user's `config` or `data`, as the platform has it."""
        home = Path(self.environ.get("HOME") or self.environ.get("USERPROFILE") or "~").expanduser()
        if named := self.environ.get(f"XDG_{kind.upper()}_HOME"):
            return Path(named) / "modelmux"
        if self.platform == "win32":
            variable = "APPDATA" if kind == "config" else "LOCALAPPDATA"
            return Path(self.environ.get(variable) or home) / "modelmux"
        if self.platform == "darwin":
            return home / "Library" / "Application Support" / "modelmux"
        return home / (".config" if kind == "config" else ".local/share") / "modelmux"


def load_settings(
    config: Path | None,
    presets: Collection[str],
    flags: Mapping[KeyPath, tuple[str, object]] | None = None,
    surroundings: Surroundings | None = None,
) -> Loaded:
    """Return the whole configuration, decoded and checked.

    `flags` are the words of the command line: for a key the option's name, and its value.

    Raises:
        ConfigurationError: with the place of the first thing that is wrong.
    """
    around = surroundings or Surroundings.of_process()
    file = find_file(config, around)
    tree, origins = read_file(file) if file else ({}, Origins())
    tree = _with_environment(tree, origins, around.environ)
    tree, found = _with_provider(tree, origins, around)
    for path, (option, value) in (flags or {}).items():
        tree = _overridden(tree, origins, path, value, option)
    resolver = Resolver(around.environ, presets, origins)
    resolved = resolver.resolve(tree, msgspec.inspect.type_info(Settings))
    settings = _decode(resolved, Settings, origins)
    check_settings(settings, tree, origins, presets)
    settings = _with_price_file(settings, origins)
    return Loaded(_with_storage(settings, around), origins, file, around.environ, found)


def load_server(config: Path | None, surroundings: Surroundings | None = None) -> ServerSettings:
    """Return the server's own section; nothing else is resolved, asked for or looked for.

    Raises:
        ConfigurationError: with the place of the first thing that is wrong in it.
    """
    around = surroundings or Surroundings.of_process()
    file = find_file(config, around)
    tree, origins = read_file(file) if file else ({}, Origins())
    tree = _with_environment(tree, origins, around.environ)
    section = tree.get("server", {})
    resolver = Resolver(around.environ, (), origins)
    resolved = resolver.resolve(section, msgspec.inspect.type_info(ServerSettings), ("server",))
    return _decode(resolved, ServerSettings, origins, ("server",))


def _with_storage(settings: Settings, around: Surroundings) -> Settings:
    """Return the settings with the files that are not named: the seal keys beside the database."""
    replaced = msgspec.structs.replace
    storage, state = settings.storage, settings.state
    folder = around.user_folder("data")
    if storage.path is None and storage.url is None:
        storage = replaced(storage, path=str(folder / "modelmux.db"))
    if state.seal_file is None and not state.seal_keys:
        if storage.path not in (None, IN_MEMORY):
            folder = Path(storage.path or "").expanduser().parent
        if storage.path != IN_MEMORY or storage.redis_url is not None:
            state = replaced(state, seal_file=str(folder / "seal.keys"))
    return replaced(settings, storage=storage, state=state)


def find_file(config: Path | None, around: Surroundings) -> Path | None:
    """Return the file to read: the named one, that of the folder, or that of the user."""
    named = {"--config": config}
    for variable in ("MODELMUX_CONFIG", "MODELMUX_CONFIG_FILE"):
        value = around.environ.get(variable)
        named[variable] = around.folder / Path(value).expanduser() if value else None
    for name, path in named.items():
        if path is not None:
            if path.is_file():
                return path
            raise ConfigurationError(
                f"there is no file {path}", where=name, hint="modelmux init writes one"
            )
    for path in (around.folder / FILE_NAME, around.user_folder("config") / FILE_NAME):
        if path.is_file():
            return path
    return None


def read_file(path: Path) -> tuple[Table, Origins]:
    """Return the tables of a file, and where each key stands.

    Raises:
        ConfigurationError: the file cannot be read or is not TOML.
    """
    name = str(path)
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise ConfigurationError(f"cannot read the file: {error.strerror}", where=name) from error
    except UnicodeDecodeError as error:
        raise ConfigurationError("the file is not UTF-8 text", where=name) from error
    try:
        tree = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise _syntax_error(name, text, str(error)) from error
    places = {key: f"{name}:{at.line}:{at.column}" for key, at in locate(text).items()}
    return tree, Origins(places)


def _syntax_error(name: str, text: str, told: str) -> ConfigurationError:
    match = _SYNTAX_FAULT.fullmatch(told)
    fault = match["fault"] if match else told
    line, column = (match[2], match[3]) if match and match[2] else (text.count("\n") + 1, 1)
    return ConfigurationError(
        f"this is not TOML: {fault[:1].lower()}{fault[1:]}",
        where=f"{name}:{line}:{column}",
        hint="texts stand in quotes, tables in [brackets], one `key = value` a line",
    )


def _with_environment(tree: Table, origins: Origins, environ: Mapping[str, str]) -> Table:
    for variable, path in overrides(environ).items():
        place = variable_place(variable)
        tree = _overridden(tree, origins, path, f"${{{variable}}}", place)
    if environ.get(API_KEY_VARIABLE):
        keys = tree.get("keys", [])
        place = variable_place(API_KEY_VARIABLE)
        origins.add_table(("keys", len(keys)), {"key": place}, place)
        key = {"name": API_KEY_VARIABLE, "key": f"${{{API_KEY_VARIABLE}}}"}
        tree = {**tree, "keys": [*keys, key]}
    return tree


def _overridden(tree: Table, origins: Origins, path: KeyPath, value: object, place: str) -> Table:
    if path[0] not in Settings.__struct_fields__:
        raise ConfigurationError(
            f'there is no section "{path[0]}"',
            where=place,
            hint=nearest(str(path[0]), Settings.__struct_fields__),
        )
    try:
        changed: Table = with_override(tree, path, value)
    except (KeyError, TypeError) as error:
        raise ConfigurationError(
            f"{spell(path)} is not there to be changed", where=place
        ) from error
    origins.replace(path, place)
    return changed


def _with_provider(
    tree: Table, origins: Origins, around: Surroundings
) -> tuple[Table, tuple[str, ...]]:
    written = tree.get("provider", {})
    if tree.get("providers") or "type" in written or "preset" in written:
        return tree, ()
    found = provider_of(around.environ)
    if found is not None:
        for key, place in found.places.items():
            origins.places.setdefault(("provider", key), place)
        origins.places.setdefault(("provider",), found.origin)
        return {**tree, "provider": {**found.table, **written}}, (found.told,)
    if written:
        return tree, ()  # a table without a type, which is an error with its place
    discovery = around.look(around.environ)
    for index, provider in enumerate(discovery.providers):
        origins.add_table(("providers", index), provider.places, provider.origin)
        origins.places[("providers", index, "type")] = provider.origin
    tables = [dict(provider.table) for provider in discovery.providers]
    told = tuple(_told(provider) for provider in discovery.providers)
    return {**tree, "providers": tables}, (*told, *discovery.remarks)


def _told(found: FoundProvider) -> str:
    return f"{found.table['type']}: {found.told}"


def _decode(resolved: Raw, kind: type[SectionT], origins: Origins, top: KeyPath = ()) -> SectionT:
    try:
        return msgspec.convert(resolved, kind, dec_hook=_secret)
    except msgspec.ValidationError as error:
        fault = fault_of(str(error))
        path = (*top, *path_of(fault.path, resolved, partial(_fault_path, kind)))
        told = f'"{fault.missing}" is missing' if fault.missing else fault.sentence
        hint = None if path in origins.references else fault.hint  # of what stands in the file
        raise origins.error(path, f"{spell(path)}: {told}", hint=hint) from error


def _fault_path(kind: type[Section], resolved: Raw) -> str | None:
    """Return where the decoder finds a fault, None if it finds none."""
    try:
        msgspec.convert(resolved, kind, dec_hook=_secret)
    except msgspec.ValidationError as error:
        return fault_of(str(error)).path
    return None


def _with_price_file(settings: Settings, origins: Origins) -> Settings:
    if settings.prices.file is None:
        return settings
    path = Path(settings.prices.file).expanduser()
    if not path.is_file():
        told, hint = (
            f"prices.file: there is no file {path}",
            "it is looked for in the working folder",
        )
        raise origins.error(("prices", "file"), told, hint=None if path.is_absolute() else hint)
    tree, places = read_file(path)
    models = _decode(tree, PriceFile, places).models
    providers = [name for _, name, _ in settings.named_providers()]
    check_prices(models, ("models",), providers, places)
    # Where several fit a model the first counts: those of the configuration itself.
    own = settings.prices.models
    further = {name: price for name, price in models.items() if name not in own}
    prices = msgspec.structs.replace(settings.prices, models={**own, **further})
    return msgspec.structs.replace(settings, prices=prices)


def _secret(kind: type, value: object) -> object:
    if kind is Secret and isinstance(value, str):
        return Secret(value)
    raise TypeError(f"Expected str, got {type(value).__name__}")  # msgspec adds the path
