"""Runs verbs within the tests' own process: a process for each would take most of the time."""

import io
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple, Protocol

import pytest

from modelmux.entrypoints.cli.main import main
from tests.support.command_line import bare_environment


class Ended(NamedTuple):
    """How a verb ended, and what it said."""

    returncode: object
    stdout: str
    stderr: str


class RunVerb(Protocol):
    def __call__(
        self, *arguments: str, environment: Mapping[str, str] | None = None, stdin: str = ""
    ) -> Ended: ...


@pytest.fixture
def verb(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> RunVerb:
    """Return what runs a verb in `tmp_path`, on a machine that has nothing."""

    def run(
        *arguments: str, environment: Mapping[str, str] | None = None, stdin: str = ""
    ) -> Ended:
        with monkeypatch.context() as patched:
            _become_bare(patched, tmp_path, environment)
            patched.setattr(sys, "stdin", io.StringIO(stdin))
            patched.setattr(os, "execv", _refuse_to_become)
            with pytest.raises(SystemExit) as ended:
                main(arguments)
        told = capsys.readouterr()
        return Ended(ended.value.code, told.out, told.err)

    return run


def _refuse_to_become(path: str, words: list[str]) -> None:
    raise AssertionError(f"the tests' own process would become {words}: give it one of its own")


def _become_bare(
    patched: pytest.MonkeyPatch, folder: Path, environment: Mapping[str, str] | None
) -> None:
    patched.chdir(folder)
    environ = bare_environment(folder, environment)
    for name in list(os.environ):
        patched.delenv(name)
    for name, value in environ.items():
        patched.setenv(name, value)
