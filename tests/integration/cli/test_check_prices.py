"""`modelmux check` of a route that chooses by cost."""

from pathlib import Path

from tests.integration.cli.conftest import RunVerb

FILE = """
[[providers]]
type = "demo"
name = "known"

[[routes]]
model = "cheap"
strategy = "cost"
targets = [{ provider = "known", model = "a" }, { provider = "known", model = "b" }]

[prices.models]
"known/a" = { input = 1.0, output = 2.0 }
"""


def test_a_target_nobody_knows_the_price_of_is_warned_of(tmp_path: Path, verb: RunVerb) -> None:
    (tmp_path / "modelmux.toml").write_text(FILE)
    ended = verb("check")
    assert ended.returncode == 0
    assert "warning: nobody knows what known/b costs" in ended.stderr
    assert "known/a" not in ended.stderr


def test_a_gap_in_the_table_fails_the_check(tmp_path: Path, verb: RunVerb) -> None:
    (tmp_path / "modelmux.toml").write_text(FILE.replace(", output = 2.0", ""))
    ended = verb("check")
    assert ended.returncode != 0
    assert "modelmux.toml:12:1" in ended.stderr
    assert 'the price of "output" is missing' in ended.stderr
