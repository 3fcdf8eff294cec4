"""The gateway of the chaos tests, and the upstreams behind it, each a process of its own."""

import json
import os
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import httpx

from bench.gateway import Stub, stub
from bench.processes import rss_bytes, tree
from tests.support.serving import ServedGateway, serving

MODEL = "chaos"


def body(*, stream: bool = False, model: str = MODEL) -> str:
    """Return a chat request."""
    return json.dumps(
        {
            "model": model,
            "messages": [{"role": "user", "content": "Say something short about rain."}],
            "temperature": 0,
            "stream": stream,
        },
        separators=(",", ":"),
    )


def provider(name: str, port: int, more: str = "") -> str:
    """Return the configuration of an upstream on the loopback."""
    return f"""
[[providers]]
name = "{name}"
type = "openai_compat"
base_url = "http://127.0.0.1:{port}/v1"
models = ["m"]
max_connections = 10000
{more}
"""


def route(*providers: str, more: str = "") -> str:
    """Return the configuration of the one route, with a target at each of `providers`."""
    targets = ", ".join(f'{{ provider = "{name}", model = "m" }}' for name in providers)
    return f"""
[[routes]]
model = "{MODEL}"
targets = [{targets}]
{more}
"""


@contextmanager
def gateway(
    folder: Path, config: str, *, workers: int = 1, environment: dict[str, str] | None = None
) -> Generator[ServedGateway, None, None]:
    """Run a gateway without keys, which logs what goes wrong alone, until all workers serve."""
    text = f'[log]\nlevel = "warning"\nformat = "json"\n{config}'
    with serving(
        folder,
        config=text,
        arguments=() if workers == 1 else ("--workers", str(workers)),
        environment=environment,
    ) as served:
        ends = time.monotonic() + 30
        while len(served.workers()) < workers:
            assert time.monotonic() < ends, served.log.read_text()[-2000:]
            time.sleep(0.05)
        yield served


@contextmanager
def upstream(*, chunks: int = 3, interval_ms: float = 1.0) -> Generator[Stub, None, None]:
    """Run an upstream whose streams have so many chunks, so far apart."""
    with stub() as running:
        running.set_pace(chunks=chunks, interval_ms=interval_ms)
        yield running


def port_of(served: ServedGateway) -> int:
    """Return the port of a running gateway."""
    return int(served.url.rpartition(":")[2])


def metric(served: ServedGateway, name: str) -> float:
    """Return the sum of a metric's samples, 0 if it has none."""
    page = httpx.get(f"{served.url}/metrics", timeout=5).text
    values = [
        float(line.rpartition(" ")[2])
        for line in page.splitlines()
        if line.startswith((f"{name} ", f"{name}{{"))
    ]
    return sum(values)


def memory_bytes(served: ServedGateway) -> int:
    """Return the resident memory of the gateway's processes."""
    return rss_bytes(tree(served.process.pid))


def open_files(served: ServedGateway) -> int:
    """Return how many files and sockets the gateway's processes hold."""
    return sum(len(os.listdir(f"/proc/{pid}/fd")) for pid in tree(served.process.pid))
