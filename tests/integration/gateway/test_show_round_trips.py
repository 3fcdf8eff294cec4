"""The script that shows a tool round trip of every family, run as a person would."""

import subprocess
import sys
from pathlib import Path

from tests.support.families import FAMILIES

ROOT = Path(__file__).parents[3]


def run(*names: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "tests.support.show_round_trips", *names],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_every_family_calls_a_tool_and_tells_its_result() -> None:
    ended = run()
    assert ended.returncode == 0, ended.stderr
    shown = dict(part.split(" ", 1) for part in ended.stdout.split("== ")[1:])
    assert shown.keys() == FAMILIES.keys()
    for name, text in shown.items():
        assert "get_weather id=" in text, name
        asked, _, asked_again = text.partition("-- asked again")
        assert asked.count("finished   tool_calls") == 1, name
        assert asked_again.count("finished   stop") == 1, name
        assert "0'" in asked_again, name  # the last word of the tool's result


def test_a_family_that_is_not_there_is_told() -> None:
    ended = run("nothing")
    assert ended.returncode == 2
    assert "there are demo, claude" in ended.stderr
