"""What it costs to be steady: routing, limits and breakers on every call; the cache on and off."""

import json
from pathlib import Path

from .figures import CHAT, ROUNDS, Figure
from .gateway import Gateway, Stub, drive, gateway
from .load import Job
from .payloads import GATEWAY_KEY, MODEL, short_request

_PLENTY = 100_000_000
_FEATURES = f"""
[limits.key]
requests_per_minute = {_PLENTY}
tokens_per_minute = {_PLENTY}
concurrent = 10_000

[[routes]]
model = "steady"
strategy = "latency"
targets = [{{ provider = "relay", model = "{MODEL}" }}, {{ provider = "spare", model = "m" }}]

[[routes]]
model = "kept"
targets = [{{ provider = "relay", model = "{MODEL}" }}]
cache = {{ ttl_s = 600 }}

[[providers]]
name = "spare"
type = "openai_compat"
base_url = "http://127.0.0.1:{{port}}/v1"
models = ["m"]
max_connections = 2000
"""


def steadiness_figures(upstream: Stub, folder: Path) -> list[Figure]:
    """CPU of a call through a gateway with limits, a strategy and a cache."""
    more = _FEATURES.replace("{port}", str(upstream.port))
    with gateway(upstream, folder, more=more) as running:
        return [
            _figure(running, "relayed call, limits for its key", short_request(MODEL)),
            _figure(running, "the same, two targets by latency", short_request("steady")),
            _figure(running, "cache on: hit", _deterministic("kept")),
            _figure(running, "cache on: miss, and kept", _deterministic("kept"), "no-cache"),
            _figure(running, "cache off: the same call", _deterministic("kept"), "no-store"),
        ]


def _figure(running: Gateway, name: str, body: bytes, cache: str = "") -> Figure:
    headers = f"cache-control: {cache}\r\n" if cache else ""
    drive(_job(running, body, 1000, headers))
    results = [drive(_job(running, body, 4000, headers)) for _ in range(ROUNDS)]
    values = tuple(result.cpu_s * 1e6 / result.requests for result in results)
    return Figure(name, "µs CPU", None, values)


def _job(running: Gateway, body: bytes, requests: int, headers: str = "") -> Job:
    return Job(
        "closed", running.port, CHAT, body.decode(), GATEWAY_KEY, running.pid, 32, 6, requests,
        headers=headers,
    )  # fmt: skip


def _deterministic(model: str) -> bytes:
    return json.dumps({**json.loads(short_request(model)), "temperature": 0}).encode()
