"""A gateway whose upstreams are all hostile, ways to ask it, and a look at how others fare."""

import json
import socket
import threading
import time
from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from .fake_google import fake_google
from .hostile_upstream import SECRET, HostileUpstream, hostile_upstream
from .serving import ServedGateway, serving

KEY = "test-caller-key-not-secret"
RELAYED, CLAUDE, GEMINI, DEMO = "relayed/m", "claude-opus-4-6", "gemini-3.6-flash", "demo"
LANES = (RELAYED, CLAUDE, GEMINI)
Json = dict[str, Any]  # Any: JSON


@dataclass(frozen=True, slots=True)
class House:
    gateway: ServedGateway
    upstream: HostileUpstream
    client: httpx.Client

    def post(self, body: Json | bytes) -> httpx.Response:
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        return self.client.post("/v1/chat/completions", content=content)

    def ask(self, model: str, text: str, *, stream: bool = False) -> httpx.Response:
        return self.post(asking(model, text, stream=stream))

    def connect(self) -> socket.socket:
        port = int(self.gateway.url.rpartition(":")[2])
        return socket.create_connection(("127.0.0.1", port), 10)

    def resident_kb(self) -> int:
        status = Path(f"/proc/{self.gateway.worker()}/status").read_text()
        return next(int(line.split()[1]) for line in status.splitlines() if "VmRSS" in line)

    def descriptors(self) -> int:
        return len(list(Path(f"/proc/{self.gateway.worker()}/fd").iterdir()))


def asking(model: str, text: str = "hi", *, stream: bool = False, **more: Any) -> Json:
    return {
        "model": model,
        "messages": [{"role": "user", "content": text}],
        "stream": stream,
        **more,
    }


def request_bytes(body: Json | bytes, *headers: bytes, version: bytes = b"1.1") -> bytes:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    lines = (
        b"POST /v1/chat/completions HTTP/" + version,
        b"Host: localhost",
        b"Authorization: Bearer " + KEY.encode(),
        b"Content-Type: application/json",
        *(headers or (b"Content-Length: %d" % len(content),)),
    )
    return b"\r\n".join(lines) + b"\r\n\r\n" + content


def error_of(answer: httpx.Response) -> Json:
    """Return the error in OpenAI's shape; fails if it is none."""
    error: Json = answer.json()["error"]
    assert error.keys() == {"message", "type", "param", "code"}
    assert answer.headers["x-request-id"] in error["message"]
    return error


@dataclass(slots=True)
class Others:
    """What small requests of another caller take meanwhile, in seconds."""

    took_s: list[float] = field(default_factory=list[float])

    @property
    def slowest_s(self) -> float:
        assert self.took_s
        return max(self.took_s)


@contextmanager
def others_asking(house: House) -> Generator[Others]:
    """Let another caller ask small things, one after the other, until the block ends."""
    others, begun, ended = Others(), threading.Event(), threading.Event()

    def ask() -> None:
        url, headers = house.gateway.url, house.client.headers
        with httpx.Client(
            base_url=url, headers=headers, trust_env=False, verify=False, timeout=30
        ) as client:
            while not ended.is_set():
                began = time.monotonic()
                assert client.post("/v1/chat/completions", json=asking(DEMO)).status_code == 200
                others.took_s.append(time.monotonic() - began)
                begun.set()
                time.sleep(0.005)

    thread = threading.Thread(target=ask)
    thread.start()
    try:
        assert begun.wait(30)  # a busy machine is slow to begin
        yield others
    finally:
        ended.set()
        thread.join(30)


@contextmanager
def hostile_house(folder: Path) -> Generator[House]:
    """Serve until the block ends."""
    with ExitStack() as stack:
        google = stack.enter_context(fake_google())
        upstream = stack.enter_context(hostile_upstream())
        times = "first_byte_timeout_s = 2\nidle_timeout_s = 2\n"
        config = (
            "[breaker]\nenabled = false\n[retry]\nattempts = 1\n"
            f'[[providers]]\nname = "relayed"\ntype = "openai_compat"\napi_key = "{SECRET}"\n'
            f'base_url = "{upstream.base_url}/v1"\n{times}'
            '[[providers]]\nname = "vertex"\ntype = "vertex"\nproject = "p"\nregion = "global"\n'
            f'base_url = "{upstream.base_url}/vertex"\nmodels = ["{CLAUDE}", "{GEMINI}"]\n{times}'
            '[[providers]]\nname = "demo"\ntype = "demo"\npace_s = 0\n'
        )
        environment = {"GCE_METADATA_HOST": google.host, "MODELMUX_API_KEY": KEY}
        gateway = stack.enter_context(serving(folder, config=config, environment=environment))
        client = stack.enter_context(
            httpx.Client(
                base_url=gateway.url,
                headers={"authorization": f"Bearer {KEY}", "content-type": "application/json"},
                trust_env=False,
                timeout=30,
            )
        )
        yield House(gateway, upstream, client)
