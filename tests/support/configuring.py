"""Reads a configuration as a process would that has nothing around it."""

from collections.abc import Mapping
from pathlib import Path

from modelmux.entrypoints.settings.discovery import Discovery
from modelmux.entrypoints.settings.environment import FoundProvider
from modelmux.entrypoints.settings.file import Loaded, Surroundings, load_settings
from modelmux.entrypoints.settings.toml_positions import KeyPath

PRESETS = ("ollama", "openai", "deepseek", "huggingface")
DEMO = FoundProvider({"type": "demo"}, "built in", "nothing was found")


def find_demo(environ: Mapping[str, str]) -> Discovery:
    """Find what a bare machine has."""
    del environ
    return Discovery((DEMO,))


def surroundings(folder: Path, environ: Mapping[str, str] | None = None) -> Surroundings:
    """Return a bare Linux machine whose working folder and home are `folder`."""
    return Surroundings({"HOME": str(folder), **(environ or {})}, folder, "linux", find_demo)


def load_text(
    text: str,
    folder: Path,
    environ: Mapping[str, str] | None = None,
    flags: Mapping[KeyPath, tuple[str, object]] | None = None,
) -> Loaded:
    """Write `text` as the folder's modelmux.toml and read it."""
    (folder / "modelmux.toml").write_text(text, encoding="utf-8")
    return load_settings(None, PRESETS, flags, surroundings(folder, environ))


def load_nothing(folder: Path, environ: Mapping[str, str] | None = None) -> Loaded:
    """Read the configuration of a folder without a file."""
    return load_settings(None, PRESETS, None, surroundings(folder, environ))
