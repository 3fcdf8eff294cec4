"""Clients that leave, streams that fall silent, servers that end."""

import asyncio
import gc
import json
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Sequence
from pathlib import Path

import httpx
import pytest

from modelmux.adapters.memory.scripted import Script, ScriptedProvider
from modelmux.application.ports import Answer, LlmProvider
from modelmux.domain.events import (
    FinishReason,
    ResponseFinished,
    ResponseStarted,
    StreamEvent,
    TextDelta,
)
from modelmux.domain.request import GenerationRequest
from modelmux.entrypoints.services import HttpLimits
from tests.support.http_server import RunningServer, services_with, serving_http

BODY = {"model": "m", "messages": [{"role": "user", "content": "x"}]}
FINISHED = ResponseFinished((FinishReason.STOP,))


class Silent(LlmProvider, Answer):
    """Starts, if it is told to, and then says nothing; notes how it ended."""

    def __init__(self, *, opens: bool) -> None:
        self._opens = opens
        self._told = False
        self.began_at = 0.0
        self.ended_at = 0.0

    async def open(self, request: GenerationRequest) -> Answer:
        self.began_at = time.monotonic()
        if not self._opens:
            await self._wait()
        return self

    async def read(self) -> Sequence[StreamEvent]:
        if not self._told:
            self._told = True
            return [ResponseStarted("x", "m"), TextDelta("first")]
        await self._wait()
        return ()

    async def aclose(self) -> None:
        self.ended_at = time.monotonic()

    async def _wait(self) -> None:
        try:
            await asyncio.sleep(60)
        finally:
            self.ended_at = time.monotonic()


def post(server: RunningServer, *, stream: bool) -> bytes:
    body = json.dumps({**BODY, "stream": stream}).encode()
    return (
        b"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n%b"
        % (len(body), body)
    )


def settled(server: RunningServer, within_s: float = 5.0) -> None:
    deadline = time.monotonic() + within_s
    while server.observer.in_flight and time.monotonic() < deadline:
        time.sleep(0.01)
    assert server.observer.in_flight == 0
    assert len(server.app.calls) == 0


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("opens", [True, False], ids=["in the middle", "before the first byte"])
@pytest.mark.parametrize("stays_s", [0.02, 0.5])
def test_a_client_that_leaves_takes_the_upstream_with_it(
    stream: bool, opens: bool, stays_s: float
) -> None:
    provider = Silent(opens=opens)
    with serving_http(services_with(provider)) as server:
        with server.connect() as connection:
            connection.sendall(post(server, stream=stream))
            while not provider.began_at:
                time.sleep(0.005)
            time.sleep(stays_s)
        left_at = time.monotonic()
        settled(server)
        assert provider.ended_at - left_at < 0.25
        (exchange,) = server.observer.exchanges
        assert exchange.client_gone
        assert exchange.status == (200 if stream and opens else 499)


def test_a_silent_stream_is_kept_open_with_comments() -> None:
    limits = HttpLimits(stream_keepalive_s=0.4)
    with serving_http(services_with(Silent(opens=True), limits=limits)) as server:
        with server.connect() as connection:
            connection.sendall(post(server, stream=True))
            data = b""
            began = time.monotonic()
            while data.count(b": keep-alive\n\n") < 2:
                data += connection.recv(65536)
            assert time.monotonic() - began < 3
        settled(server)


def test_calls_leave_no_cycles_behind() -> None:
    script = Script(batches=([ResponseStarted("x", "m"), TextDelta("hi")], [FINISHED]))
    with (
        serving_http(services_with(ScriptedProvider(script))) as server,
        httpx.Client(base_url=server.url, trust_env=False) as client,
    ):
        for stream in (True, False):
            client.post("/v1/chat/completions", json={**BODY, "stream": stream})
        gc.collect()
        gc.disable()
        try:
            for _ in range(50):
                for stream in (True, False):
                    client.post("/v1/chat/completions", json={**BODY, "stream": stream})
            server.observer.exchanges.clear()
            gc.set_debug(gc.DEBUG_SAVEALL)
            gc.collect()
            left = [type(it).__module__ for it in gc.garbage]
        finally:
            gc.set_debug(0)
            gc.garbage.clear()
            gc.enable()
    assert not [module for module in left if module.startswith("modelmux")]


PROGRAM = """
    import asyncio, sys
    from modelmux.application.ports import Answer, LlmProvider
    from modelmux.domain.events import (
        FinishReason, ResponseFinished, ResponseStarted, TextDelta
    )
    from modelmux.entrypoints.app import create_app
    from modelmux.entrypoints.server import GatewayServer, listen, serve
    from modelmux.entrypoints.services import HttpLimits
    from tests.support.http_server import services_with

    class Slow(LlmProvider, Answer):
        def __init__(self): self.reads = 0
        async def open(self, request): return Slow()
        async def read(self):
            self.reads += 1
            if self.reads == 1: return [ResponseStarted("x", "m"), TextDelta("first")]
            await asyncio.sleep(float(sys.argv[1]))
            return [TextDelta("last"), ResponseFinished((FinishReason.STOP,))]
        async def aclose(self): pass

    services = services_with(Slow(), limits=HttpLimits(drain_grace_s=1.5))
    tell = lambda _, port: print(port, flush=True)
    serve(GatewayServer(create_app(services), on_ready=tell), listen("127.0.0.1", 0))
"""


@pytest.mark.parametrize(
    ("lasts_s", "ending"),
    [(0.8, b"data: [DONE]\n\n"), (60.0, b'"code":"shutting_down"}}\n\n')],
    ids=["ends within the grace time", "outlasts it"],
)
def test_a_terminated_server_lets_streams_finish_and_exits_with_0(
    lasts_s: float, ending: bytes
) -> None:
    program = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(PROGRAM), str(lasts_s)],
        stdout=subprocess.PIPE,
        cwd=Path(__file__).parents[3],
    )
    try:
        assert program.stdout is not None
        port = int(program.stdout.readline())
        with httpx.stream(
            "POST", f"http://127.0.0.1:{port}/v1/chat/completions", json={**BODY, "stream": True},
            trust_env=False, timeout=20,
        ) as answer:  # fmt: skip
            chunks = answer.iter_raw()
            data = next(chunks)
            program.send_signal(signal.SIGTERM)
            time.sleep(0.4)
            with pytest.raises(httpx.ConnectError):
                httpx.get(f"http://127.0.0.1:{port}/", trust_env=False)
            data += b"".join(chunks)
        assert data.endswith(ending)
        assert (b"[DONE]" in data) == (ending == b"data: [DONE]\n\n")
        assert program.wait(10) == 0
    finally:
        program.kill()
        program.wait(10)
        assert program.stdout is not None
        program.stdout.close()
