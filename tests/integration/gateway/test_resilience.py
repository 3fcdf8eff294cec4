"""Upstreams that fail, clients that leave and an end in the middle, at a running gateway."""

import asyncio
import json
import signal
import socket
import time
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path

import httpx
import openai
import pytest

from tests.support.fake_openai import KEY, FakeOpenAI, fake_openai_in_thread
from tests.support.families import CALLER_KEY
from tests.support.misbehaving import KINDS, Misbehaving, misbehaving
from tests.support.raw_server import closed_port
from tests.support.sdk_asking import ask, ask_raw, client_at, frames, streamed
from tests.support.serving import ServedGateway, serving

SILENT_FOR_S = 0.2
GONE_WITHIN_S = 0.25
QUIET_KB = 240  # 2 KB a call, over three rounds of failures


@dataclass(frozen=True, slots=True)
class House:
    gateway: ServedGateway
    client: openai.OpenAI
    first: Misbehaving
    second: FakeOpenAI


def provider(name: str, base_url: str, *lines: str) -> str:
    told = (f'name = "{name}"', 'type = "openai_compat"', f'base_url = "{base_url}"')
    return "\n".join(["[[providers]]", *told, f'api_key = "{KEY}"', *lines, ""])


def route(kind: str, provider: str = "first") -> str:
    targets = (
        f'{{ provider = "{provider}", model = "{kind}" }}, '
        '{ provider = "second", model = "good-model" }'
    )
    return f'[[routes]]\nmodel = "{kind}, then good"\ntargets = [{targets}]\n'


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Generator[House]:
    folder = tmp_path_factory.mktemp("resilience")
    with misbehaving() as first, fake_openai_in_thread("any") as second:
        config = (
            # What is met here again and again would soon not be asked any more.
            "[breaker]\nenabled = false\n"
            "[retry]\nattempts = 2\nfirst_wait_s = 0.01\nlongest_wait_s = 1.0\n"
            "budget_reserve = 10000\n"
            + provider(
                "first",
                first.base_url,
                'models = ["plain"]',
                f"first_byte_timeout_s = {SILENT_FOR_S}",
                f"idle_timeout_s = {SILENT_FOR_S}",
            )
            + provider("patient", first.base_url, 'models = ["plain"]')
            + provider("resting", first.base_url, 'models = ["plain"]')
            + provider("nobody", f"http://127.0.0.1:{closed_port()}/v1", 'models = ["plain"]')
            + provider("second", second.base_url, 'models = ["good-model"]')
            + "".join(route(kind) for kind in (*KINDS, "silent", "stuck", "500 once"))
            + route("refused", "nobody")
        )
        with (
            serving(folder, config=config, environment={"MODELMUX_API_KEY": CALLER_KEY}) as gateway,
            client_at(f"{gateway.url}/v1", CALLER_KEY) as client,
        ):
            yield House(gateway, client, first, second)


# Two attempts at what a moment may mend, one at what it will not.
@pytest.mark.parametrize(
    ("kind", "attempts"),
    [
        ("refused", 3),
        ("reset", 3),
        ("500", 3),
        ("429 in 0", 3),
        ("429 in 60", 2),
        ("silent", 2),
        ("401", 2),
        ("html", 3),
        ("empty", 3),
    ],
)
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
def test_the_second_target_answers_for_the_first(
    house: House, kind: str, attempts: int, stream: bool
) -> None:
    began = time.monotonic()
    if stream:
        answer = streamed(house.client, f"{kind}, then good", "Hello")
        assert answer.choices[0].message.content == "You said: Hello"
    else:
        answer, headers = ask_raw(house.client, f"{kind}, then good", "Hello")
        assert answer.choices[0].message.content == "You said: Hello"
        assert headers["x-modelmux-provider"] == "second"
        assert headers["x-modelmux-model"] == "good-model"
        assert headers["x-modelmux-attempts"] == str(attempts)
    assert time.monotonic() - began < 2


def test_a_failure_that_passes_is_not_seen(house: House) -> None:
    answer, headers = ask_raw(house.client, "500 once, then good", "Hello")
    assert answer.choices[0].message.content == "Hello"
    assert headers["x-modelmux-provider"] == "first"
    assert headers["x-modelmux-attempts"] == "2"


def test_what_is_wrong_with_the_request_is_not_asked_again(house: House) -> None:
    asked = len(house.second.requests)
    with pytest.raises(openai.BadRequestError) as caught:
        ask(house.client, "400, then good", "Hello")
    assert "words of the upstream on 400" in caught.value.message
    assert caught.value.param == "messages[3]"
    assert caught.value.code == "string_above_max_length"
    assert caught.value.response.headers["x-modelmux-attempts"] == "1"
    assert len(house.second.requests) == asked


@pytest.mark.parametrize("kind", ["cut", "ended", "malformed", "stuck"])
def test_nothing_is_asked_again_after_the_first_event(house: House, kind: str) -> None:
    asked = len(house.second.requests)
    told = frames(house.client, f"{kind}, then good", "Hello")
    assert json.loads(told[0])["choices"][0]["delta"]["content"] == "Hello"
    error = json.loads(told[-1])["error"]
    assert error.keys() == {"message", "type", "param", "code"}
    assert error["code"]
    assert not any(json.loads(frame)["choices"][0]["finish_reason"] for frame in told[:-1])
    with pytest.raises(openai.APIError):
        streamed(house.client, f"{kind}, then good", "Hello")
    assert len(house.second.requests) == asked


@pytest.mark.parametrize(
    ("kind", "status", "code"),
    [
        ("401", 502, "upstream_auth_failed"),
        ("429 in 60", 429, "rate_limit_exceeded"),
        ("500", 502, "upstream_failed"),
        ("silent", 504, "upstream_timeout"),
        ("html", 502, "upstream_protocol_broken"),
        ("cut", 502, "upstream_unreachable"),
        ("half", 502, "upstream_unreachable"),
        ("404", 404, "model_not_found"),
    ],
)
def test_a_failure_is_told_truly(house: House, kind: str, status: int, code: str) -> None:
    # Who asked for a rest is not asked: this one was not met before.
    name = "patient" if kind == "429 in 60" else "first"
    with pytest.raises(openai.APIStatusError) as caught:
        ask(house.client, f"{name}/{kind}", "Hello")
    assert (caught.value.status_code, caught.value.code) == (status, code)
    assert caught.value.request_id
    assert caught.value.request_id in caught.value.message
    assert "127.0.0.1" not in caught.value.message
    assert KEY not in caught.value.message
    wait = caught.value.response.headers.get("retry-after")
    assert wait == ("60" if kind == "429 in 60" else None)


def test_a_target_that_asked_for_a_rest_is_not_asked(house: House) -> None:
    asked = len(house.first.models)
    refusals: list[openai.APIStatusError] = []
    for _ in range(3):
        with pytest.raises(openai.APIStatusError) as caught:
            ask(house.client, "resting/429 in 60", "Hello")
        refusals.append(caught.value)
    codes = [refusal.code for refusal in refusals]
    assert codes == ["rate_limit_exceeded", "upstream_resting", "upstream_resting"]
    assert refusals[-1].status_code == 503
    assert 55 < int(refusals[-1].response.headers["retry-after"]) <= 60
    assert "x-modelmux-attempts" not in refusals[-1].response.headers
    assert len(house.first.models) == asked + 1


def test_an_unknown_model_is_told_with_the_nearest_names(house: House) -> None:
    with pytest.raises(openai.NotFoundError, match="good-model") as caught:
        ask(house.client, "god-model", "Hello")
    assert caught.value.code == "model_not_found"
    assert caught.value.param == "model"


def post(gateway: ServedGateway, model: str, *, stream: bool) -> socket.socket:
    """Send a request and return its connection, the answer unread."""
    messages = [{"role": "user", "content": "Hello"}]
    body = json.dumps({"model": model, "messages": messages, "stream": stream}).encode()
    connection = socket.create_connection(("127.0.0.1", int(gateway.url.rpartition(":")[2])), 10)
    connection.sendall(
        b"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer %b\r\n"
        b"Content-Length: %d\r\n\r\n%b" % (CALLER_KEY.encode(), len(body), body)
    )
    return connection


@pytest.mark.parametrize("clients", [1, 50])
@pytest.mark.parametrize(("kind", "stream"), [("silent", False), ("silent", True), ("stuck", True)])
def test_a_client_that_leaves_takes_its_upstream_with_it(
    house: House, kind: str, stream: bool, clients: int
) -> None:
    first = house.first
    asked, left = len(first.models), len(first.left_at)
    connections = [post(house.gateway, f"patient/{kind}", stream=stream) for _ in range(clients)]
    first.wait_for(asked + clients)
    if kind == "stuck":
        assert all(b"Hello" in until_event(connection) for connection in connections)
    assert len(first.left_at) == left
    for connection in connections:
        connection.close()
    gone_at = time.monotonic()
    first.wait_left(left + clients)
    assert max(first.left_at[left:]) - gone_at < GONE_WITHIN_S


def until_event(connection: socket.socket) -> bytes:
    data = b""
    while b"data: " not in data:
        data += connection.recv(65536)
    return data


def test_a_terminated_gateway_lets_a_stream_finish_and_takes_no_other(tmp_path: Path) -> None:
    config = '[provider]\ntype = "demo"\npace_s = 0.1\n'
    with (
        serving(tmp_path, config=config) as gateway,
        client_at(f"{gateway.url}/v1", CALLER_KEY) as client,
        client.chat.completions.create(
            model="demo",
            messages=[{"role": "user", "content": "one two three four five six"}],
            stream=True,
        ) as stream,
    ):
        text = next(stream).choices[0].delta.content or ""
        gateway.process.send_signal(signal.SIGTERM)
        time.sleep(0.2)
        with pytest.raises(httpx.ConnectError):
            httpx.get(f"{gateway.url}/health", trust_env=False)
        reasons: list[str] = []
        for chunk in stream:
            text += chunk.choices[0].delta.content or ""
            reasons += [chunk.choices[0].finish_reason] if chunk.choices[0].finish_reason else []
        assert text == "You said: one two three four five six"
        assert reasons == ["stop"]
        assert gateway.process.wait(10) == 0


async def fail_often(client: httpx.AsyncClient, rounds: int) -> None:
    """Meet every kind of failure `rounds` times, whole and streamed, several at once."""
    kinds = (*KINDS, "silent", "stuck")

    async def fail(model: str, stream: bool) -> None:
        messages = [{"role": "user", "content": "Hello"}]
        body = {"model": model, "messages": messages, "stream": stream}
        answer = await client.post("/v1/chat/completions", json=body)
        assert answer.status_code >= 400 or b'"error"' in answer.content
        assert b"[DONE]" not in answer.content

    async with asyncio.TaskGroup() as group:
        for _ in range(rounds):
            for model in (*(f"first/{kind}" for kind in kinds), "nobody/x", "unknown"):
                for stream in (False, True):
                    group.create_task(fail(model, stream))


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs /proc")
async def test_failures_cost_neither_memory_nor_descriptors(house: House) -> None:
    folder = Path(f"/proc/{house.gateway.worker()}")

    def resident_kb() -> int:
        lines = (folder / "status").read_text().splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS"))

    def descriptors() -> int:
        return len(list((folder / "fd").iterdir()))

    async with httpx.AsyncClient(
        base_url=house.gateway.url,
        headers={"authorization": f"Bearer {CALLER_KEY}"},
        trust_env=False,
        timeout=20,
        limits=httpx.Limits(max_connections=8),
    ) as client:
        await fail_often(client, rounds=3)
        before, grown_kb = descriptors(), list[int]()
        # Garbage is collected rarely, so memory grows for a while; what leaks never stops.
        while len(grown_kb) < 2 or (len(grown_kb) < 14 and max(grown_kb[-2:]) >= QUIET_KB):
            before_kb = resident_kb()
            await fail_often(client, rounds=3)
            grown_kb.append(resident_kb() - before_kb)
    assert max(grown_kb[-2:]) < QUIET_KB, grown_kb
    assert descriptors() <= before + 4
    answer = ask(house.client, "second/good-model", "Hello")
    assert answer.choices[0].message.content == "You said: Hello"
