"""Runs the real `modelmux` in a process of its own, on a machine that has nothing."""

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

from tests.support.serving import COMMAND


def bare_environment(folder: Path, more: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return an environment in which no credentials of the person at the machine are found.

    The folders are those a gateway of `tests.support.serving` has in the same `folder`.
    """
    return {
        "PATH": os.environ.get("PATH", ""),
        "HOME": str(folder),
        "XDG_CONFIG_HOME": str(folder / "config"),
        "XDG_DATA_HOME": str(folder / "data"),
        **(more or {}),
    }


def modelmux(
    folder: Path,
    *arguments: str,
    environment: Mapping[str, str] | None = None,
    stdin: str = "",
    within_s: float = 30.0,
) -> subprocess.CompletedProcess[str]:
    """Run a verb in `folder` to its end."""
    return subprocess.run(
        [*COMMAND, *arguments],
        cwd=folder,
        env=bare_environment(folder, environment),
        input=stdin,
        capture_output=True,
        text=True,
        timeout=within_s,
        check=False,
    )
