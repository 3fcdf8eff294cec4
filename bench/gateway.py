"""The gateway under test and the stub behind it, as processes."""

import json
import os
import subprocess
import sys
import urllib.request
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from .load import Job, Result
from .payloads import CLAUDE, CONVERSE, DIRECT, EMBEDDING, GATEWAY_KEY, GEMINI, MODEL
from .processes import BenchFailed, free_port, running, wait_until_ready

GATEWAY = (str(Path(sys.executable).with_name("modelmux")),)
ROOT = Path(__file__).parents[1]


@dataclass(frozen=True)
class Stub:
    port: int

    def set_pace(self, *, chunks: int, interval_ms: float) -> None:
        """Let the next streams have `chunks` chunks, `interval_ms` apart."""
        asked = urllib.request.Request(
            f"http://127.0.0.1:{self.port}/pace?chunks={chunks}&ms={interval_ms}", method="PUT"
        )
        with urllib.request.urlopen(asked, timeout=10) as answer:
            answer.read()


@dataclass(frozen=True)
class Gateway:
    port: int
    pid: int


@contextmanager
def stub() -> Generator[Stub, None, None]:
    """Run the upstream stub."""
    with running([sys.executable, "-m", "bench.upstream"], folder=ROOT) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        if not line:
            raise BenchFailed("the upstream stub did not start")
        yield Stub(int(line))


@contextmanager
def gateway(
    upstream: Stub, folder: Path, *, every_language: bool = False, more: str = ""
) -> Generator[Gateway, None, None]:
    """Run the gateway with key check, log lines and metrics on; ready when the block begins.

    `every_language` adds providers that cost memory where nobody calls them, `more` whatever else
    the configuration shall say.
    """
    port, log = free_port(), folder / "gateway.log"
    config = folder / "bench.toml"
    text = _configuration(port, upstream.port, folder)
    if every_language:
        text += _more_providers(upstream.port)
    config.write_text(text + more)
    with running(
        [*GATEWAY, "serve", "--config", str(config)],
        environment={
            "PATH": os.environ.get("PATH", ""),
            "HOME": str(folder),
            "MODELMUX_API_KEY": GATEWAY_KEY,
        },
        folder=folder,
        output=log,
    ) as process:
        wait_until_ready(port, process, log)
        yield Gateway(port, process.pid)


def drive(job: Job) -> Result:
    """Run one job in a process of its own.

    Raises:
        BenchFailed: an answer was wrong or missing; a figure with errors in it is none.
    """
    finished = subprocess.run(
        [sys.executable, "-m", "bench.load"],
        input=json.dumps(asdict(job)),
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=job.seconds + 45,
        check=False,
    )
    if finished.returncode != 0:
        raise BenchFailed(f"the load generator ended early:\n{finished.stderr[-1500:]}")
    result = Result(**json.loads(finished.stdout))
    if result.errors:
        raise BenchFailed(f"{result.errors} wrong or missing answers; the last: {result.note}")
    return result


def _credentials(folder: Path, token_port: int) -> Path:
    """Write the sign-in of nobody, whose token endpoint is the stub."""
    path = folder / "credentials.json"
    path.write_text(
        json.dumps(
            {
                "type": "authorized_user",
                "client_id": "bench",
                "client_secret": "bench-secret-not-secret",
                "refresh_token": "bench-token-not-secret",
                "token_uri": f"http://127.0.0.1:{token_port}/token",
            }
        )
    )
    return path


def _configuration(port: int, upstream_port: int, folder: Path) -> str:
    credentials = _credentials(folder, upstream_port)
    return f"""
[server]
host = "127.0.0.1"
port = {port}

[log]
format = "json"

[storage]
path = "{folder / "bench.db"}"

[[providers]]
name = "relay"
type = "openai_compat"
base_url = "http://127.0.0.1:{upstream_port}/v1"
api_key = "bench-upstream-key-not-secret"
models = ["{MODEL}"]
max_connections = 2000

[[providers]]
name = "vertex"
type = "vertex"
base_url = "http://127.0.0.1:{upstream_port}"
project = "bench"
region = "global"
credentials_file = "{credentials}"
models = ["{CLAUDE}", "{GEMINI}", "{EMBEDDING}"]
max_connections = 2000
"""


def _more_providers(upstream_port: int) -> str:
    return f"""
[[providers]]
name = "anthropic"
type = "anthropic"
base_url = "http://127.0.0.1:{upstream_port}"
api_key = "bench-upstream-key-not-secret"
models = ["{DIRECT}"]
max_connections = 2000

[[providers]]
name = "bedrock"
type = "bedrock"
base_url = "http://127.0.0.1:{upstream_port}"
region = "us-east-1"
api_key = "bench-upstream-key-not-secret"
models = ["{CONVERSE}"]
max_connections = 2000
"""
