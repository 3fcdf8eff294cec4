"""What is not configured is not imported: neither its own code nor what only it needs."""

import subprocess
import sys
from pathlib import Path

import pytest

FOREIGN = (
    "botocore", "boto3", "cel_expr_python", "google.auth", "jsonschema_rs",
    "modelmux.adapters.anthropic", "modelmux.adapters.bedrock", "modelmux.adapters.cel",
    "modelmux.adapters.cohere", "modelmux.adapters.cohere_v2", "modelmux.adapters.converse",
    "modelmux.adapters.gemini_api", "modelmux.adapters.ollama", "modelmux.adapters.ollama_native",
    "modelmux.adapters.otel", "modelmux.adapters.vertex", "opentelemetry.exporter",
    "opentelemetry.sdk", "requests",
)  # fmt: skip
CODE = """
import sys
from pathlib import Path
from modelmux.entrypoints.app import create_app
import socket
from modelmux.entrypoints.cli import worker
from modelmux.entrypoints.cli.loading import load
worker.serve = lambda *_, **__: None
class Channel:
    bind = lambda *_, **__: (socket.socket(), True)
worker.Worker(load(Path(sys.argv[1])), Channel(), False, is_first=True).run()
print("loaded:", *(name for name in sys.modules if name.startswith(tuple(sys.argv[2:]))))
"""
DEMO = 'type = "demo"'
COMPATIBLE = 'type = "openai_compat"\nbase_url = "http://127.0.0.1:9/v1"\nmodels = ["m"]'


@pytest.mark.parametrize("provider", [DEMO, COMPATIBLE], ids=["demo", "openai_compat"])
def test_a_gateway_imports_no_other_provider(tmp_path: Path, provider: str) -> None:
    config = tmp_path / "modelmux.toml"
    config.write_text(
        f'[storage]\npath = "{tmp_path / "state.db"}"\n\n[[providers]]\nname = "one"\n{provider}\n'
    )
    ended = subprocess.run(
        [sys.executable, "-c", CODE, str(config), *FOREIGN],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
        env={"HOME": str(tmp_path), "PATH": ""},
    )
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.splitlines()[-1] == "loaded:"
