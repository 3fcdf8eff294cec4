"""What a configuration asks for and is not installed is told, with the extra that brings it."""

import subprocess
import sys
from pathlib import Path

import pytest

# The container imports what is configured when it is needed: one import is made to fail.
CODE = """
import sys
from pathlib import Path
from modelmux.entrypoints.companions import companions_absent
from modelmux.entrypoints.cli.loading import load
from modelmux.entrypoints.container import Container
from modelmux.domain.errors import ConfigurationError
absent, part, file = sys.argv[1:]
with companions_absent([absent]):
    try:
        getattr(Container(loaded=load(Path(file)), tells=True), part)()
    except ConfigurationError as error:
        print(error.message, error.hint, sep="\\n")
"""
RULES = """
[[providers]]
type = "demo"
[[routes]]
model = "r"
targets = [{ provider = "demo", model = "demo" }]
rules = [{ prefer = "target.healthy" }]
"""
TRACES = '[provider]\ntype = "demo"\n[telemetry]\ntraces = true\n'


@pytest.mark.parametrize(
    ("text", "absent", "part", "extra"),
    [
        (RULES, "cel_expr_python", "planner", "rules"),
        (TRACES, "opentelemetry.sdk", "telemetry", "otel"),
    ],
)
def test_the_extra_is_named(tmp_path: Path, text: str, absent: str, part: str, extra: str) -> None:
    file = tmp_path / "modelmux.toml"
    file.write_text(text)
    ended = subprocess.run(
        [sys.executable, "-c", CODE, absent, part, str(file)],
        capture_output=True,
        text=True,
        check=False,
        env={"HOME": str(tmp_path), "PATH": ""},
    )
    assert ended.stderr == ""
    message, hint = ended.stdout.splitlines()
    assert f"needs {absent}, which is not installed" in message
    assert hint == f'pip install "modelmux[{extra}]"'
