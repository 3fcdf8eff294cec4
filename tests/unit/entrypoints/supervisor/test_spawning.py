"""Processes are started with what they need, and their ends are told apart."""

import os
import sys
import time
from pathlib import Path

import pytest

from modelmux.entrypoints.supervisor.spawning import become, command, ended, start, trouble_of


def python(text: str) -> list[str]:
    return [sys.executable, "-c", text]


def end_of(pid: int) -> int:
    deadline = time.monotonic() + 20
    while (code := ended(pid)) is None:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    return code


@pytest.mark.parametrize(
    ("text", "code"),
    [("raise SystemExit(2)", 2), ("import os; os.kill(os.getpid(), 9)", 137), ("pass", 0)],
)
def test_an_end_is_told_by_its_code(text: str, code: int) -> None:
    assert end_of(start(python(text), ())) == code


def test_what_is_not_there_cannot_be_started() -> None:
    assert end_of(start(["/nowhere/python"], ())) == 127


def test_a_child_has_the_descriptors_it_is_given_and_the_run_folder(tmp_path: Path) -> None:
    reading, writing = os.pipe()
    text = f"import os; os.write({writing}, os.environ['MODELMUX_RUN_DIR'].encode())"
    pid = start(python(text), (writing,), str(tmp_path))
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        assert pipe.read() == str(tmp_path).encode()
    assert end_of(pid) == 0


def test_the_working_folder_shadows_no_module(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "json.py").write_text("raise SystemExit(3)")
    monkeypatch.chdir(tmp_path)
    assert end_of(start(command("modelmux.entrypoints.supervisor", "--check"), ())) == 0


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("pass", None),
        ("import no_such_module", "ModuleNotFoundError"),
        ("raise SystemExit(4)", "it ended with exit code 4"),
    ],
)
def test_code_that_does_not_start_says_why(text: str, told: str | None) -> None:
    trouble = trouble_of(python(text), 20)
    assert trouble is None if told is None else told in (trouble or "")


def test_code_that_hangs_is_not_waited_for() -> None:
    assert trouble_of(python("import time; time.sleep(60)"), 0.2) == "it did not end within 0.2 s"


def test_code_that_cannot_be_become_leaves_nothing_open_to_children() -> None:
    reading, writing = os.pipe()
    try:
        assert become(["/nowhere/python"], (reading, writing)) == "No such file or directory"
        assert not os.get_inheritable(reading)
        assert not os.get_inheritable(writing)
    finally:
        os.close(reading)
        os.close(writing)
