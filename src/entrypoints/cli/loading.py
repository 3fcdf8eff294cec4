"""The configuration, as every verb that needs it reads it."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

from ..container import preset_names
from ..settings.discovery import Discovery, look_around
from ..settings.file import Loaded, Surroundings, load_settings
from ..settings.toml_positions import KeyPath

Look = Callable[[Mapping[str, str]], Discovery]


def nobody_there(environ: Mapping[str, str]) -> Discovery:
    """Look for no provider: for verbs that need none."""
    del environ
    return Discovery(())


def load(
    config: Path | None,
    flags: Mapping[KeyPath, tuple[str, object]] | None = None,
    look: Look = look_around,
) -> Loaded:
    """Return the configuration; `flags` are the options that override it.

    Raises:
        ConfigurationError: it cannot work, with the place of the trouble.
    """
    around = replace(Surroundings.of_process(), look=look)
    return load_settings(config, preset_names(), flags, around)
