"""Attempts at a running gateway: a dead first target, several keys, time limits, hedging."""

import asyncio
import json
import threading
import time
from collections import Counter
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field

import httpx
import pytest

from tests.support.families import CALLER_KEY
from tests.support.misbehaving import Misbehaving
from tests.support.raw_server import (
    STREAM_HEAD,
    RawPeer,
    chunk,
    closed_port,
    raw_server_in_thread,
    response,
)
from tests.support.serving import ServedGateway, serving

CALLS = 400
AT_ONCE = 8


@dataclass(slots=True)
class Upstream(Misbehaving):
    """Answers, or fails by the key it is shown: `refuse` says with which status.

    `pings`: a head, then comments or spaces, and never an event; `trickle`: an answer without end.
    """

    refuse: dict[str, int] = field(default_factory=dict[str, int])
    keys: Counter[str] = field(default_factory=Counter[str])
    lock: threading.Lock = field(default_factory=threading.Lock)

    async def serve(self, peer: RawPeer) -> None:
        while True:
            request = await peer.request()
            key = request.headers.get("authorization", "").removeprefix("Bearer ")
            body = json.loads(request.body or b"{}")
            kind = body.get("model", "")
            self.models.append(kind)
            if request.method == "POST":  # and not somebody who asks how it is
                self.keys[key] += 1
            status = self.refuse.get(key)
            if status is not None:
                headers = (("retry-after", "30"),) if status == 429 else ()
                await peer.send(response(b'{"error":{}}', status=status, headers=headers))
            elif kind in ("pings", "trickle"):
                await self._never_end(peer, kind, streams=bool(body.get("stream")))
            else:
                await self._answer(peer, kind, streams=bool(body.get("stream")))

    async def _never_end(self, peer: RawPeer, kind: str, *, streams: bool) -> None:
        choice = {"index": 0, "delta": {"role": "assistant", "content": "x"}, "finish_reason": None}
        told = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m"}
        frame = b"data: %b\n\n" % json.dumps({**told, "choices": [choice]}).encode()
        piece = chunk(b": ping\n\n" if kind == "pings" else frame) if streams else b" "
        await peer.send(STREAM_HEAD if streams else response(b" " * 9999)[:-9999])
        gone = asyncio.create_task(peer.closed())
        try:
            while not gone.done():
                await peer.send(piece)
                await asyncio.sleep(0.02)
        finally:
            await gone
            self.left_at.append(time.monotonic())


@contextmanager
def upstream() -> Generator[Upstream]:
    one = Upstream()
    with raw_server_in_thread(one.serve) as server:
        one.server = server
        yield one


def provider(name: str, base_url: str, *lines: str) -> str:
    told = (f'name = "{name}"', 'type = "openai_compat"', f'base_url = "{base_url}"')
    return "\n".join(["[[providers]]", *told, *lines, ""])


def route(name: str, *targets: str, more: str = "") -> str:
    listed = ", ".join(
        '{{ provider = "{}", model = "{}" }}'.format(*target.split("/")) for target in targets
    )
    return f'[[routes]]\nmodel = "{name}"\ntargets = [{listed}]\n{more}\n'


@dataclass(frozen=True, slots=True)
class House:
    gateway: ServedGateway
    upstream: Upstream
    client: httpx.Client

    def ask(self, model: str, *, stream: bool = False) -> httpx.Response:
        messages = [{"role": "user", "content": "Hello"}]
        body = {"model": model, "messages": messages, "stream": stream}
        return self.client.post("/v1/chat/completions", json=body)


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Generator[House]:
    folder = tmp_path_factory.mktemp("attempts")
    with upstream() as fake:
        keys = 'api_keys = ["${KEY_ONE}", "${KEY_TWO}"]'
        config = (
            provider("dead", f"http://127.0.0.1:{closed_port()}/v1")
            + provider("good", fake.base_url, 'api_key = "good"')
            + provider("keyed", fake.base_url, keys)
            + provider("slowed", fake.base_url, keys.replace("KEY_", "SLOWED_"))
            + provider("brisk", fake.base_url, "first_event_timeout_s = 0.2")
            + route("dead first", "dead/m", "good/plain")
            + route("pings first", "good/pings", "good/plain", more="first_event_timeout_s = 0.2")
            + route("pings at brisk", "brisk/pings", "good/plain")
            + route("endless", "good/trickle", more="total_timeout_s = 0.4")
            + route("hedged", "good/silent", "good/plain", more="hedge_after_s = 0.05")
        )
        environment = {
            "MODELMUX_API_KEY": CALLER_KEY,
            "KEY_ONE": "refused",
            "KEY_TWO": "good",
            "SLOWED_ONE": "slowed-1",
            "SLOWED_TWO": "slowed-2",
        }
        fake.refuse = {"refused": 401, "slowed-1": 429, "slowed-2": 429}
        with (
            serving(folder, config=config, environment=environment) as gateway,
            httpx.Client(
                base_url=gateway.url,
                headers={"authorization": f"Bearer {CALLER_KEY}"},
                trust_env=False,
                timeout=20,
            ) as client,
        ):
            yield House(gateway, fake, client)


async def test_a_dead_first_target_costs_no_client_an_error_and_next_to_no_time(
    house: House,
) -> None:
    """Measured beside calls to the second alone: what else the machine does meets both."""
    took_s: dict[str, list[float]] = {"dead first": [], "good/plain": []}
    statuses: Counter[int] = Counter()
    async with httpx.AsyncClient(
        base_url=house.gateway.url,
        headers={"authorization": f"Bearer {CALLER_KEY}"},
        trust_env=False,
        timeout=20,
    ) as client:

        async def ask(model: str) -> None:
            body = {"model": model, "messages": [{"role": "user", "content": "Hello"}]}
            began = time.perf_counter()
            answer = await client.post("/v1/chat/completions", json=body)
            took_s[model].append(time.perf_counter() - began)
            statuses[answer.status_code] += 1

        async def ask_on() -> None:
            for _ in range(CALLS // AT_ONCE):
                await ask("dead first")
                await ask("good/plain")

        for _ in range(10):  # until the breaker has opened
            await ask("dead first")
        took_s["dead first"].clear()
        await asyncio.gather(*(ask_on() for _ in range(AT_ONCE)))
    assert statuses == {200: 2 * CALLS + 10}
    dead_s, healthy_s = (sorted(times)[len(times) * 9 // 10] for times in took_s.values())
    assert dead_s < 1.5 * healthy_s + 0.05


def test_a_key_that_is_refused_makes_way_for_the_next(house: House) -> None:
    for attempts in ("2", "1", "1"):
        answer = house.ask("keyed/plain")
        assert answer.status_code == 200
        assert answer.headers["x-modelmux-attempts"] == attempts
    assert house.upstream.keys["refused"] == 1


def test_when_all_keys_are_slowed_their_provider_rests(house: House) -> None:
    first, second = house.ask("slowed/plain"), house.ask("slowed/plain")
    assert (first.status_code, first.headers["retry-after"]) == (429, "30")
    assert (second.status_code, second.json()["error"]["code"]) == (503, "upstream_resting")
    assert 25 < int(second.headers["retry-after"]) <= 30
    assert house.upstream.keys["slowed-1"] == house.upstream.keys["slowed-2"] == 1


@pytest.mark.parametrize("model", ["pings first", "pings at brisk"])
@pytest.mark.parametrize("stream", [False, True])
def test_a_head_and_pings_are_no_beginning(house: House, model: str, stream: bool) -> None:
    left, began = len(house.upstream.left_at), time.monotonic()
    answer = house.ask(model, stream=stream)
    assert answer.status_code == 200
    assert "Hello" in answer.text
    assert 0.2 < time.monotonic() - began < 2
    assert answer.headers["x-modelmux-attempts"] == "2"
    house.upstream.wait_left(left + 1)


def test_the_whole_time_of_a_route_ends_a_stream_with_an_error(house: House) -> None:
    left, began = len(house.upstream.left_at), time.monotonic()
    answer = house.ask("endless", stream=True)
    assert 0.4 < time.monotonic() - began < 2
    told = [line for line in answer.text.splitlines() if line]
    assert json.loads(told[-1].removeprefix("data: "))["error"]["code"] == "upstream_timeout"
    assert "[DONE]" not in answer.text
    house.upstream.wait_left(left + 1)


def test_the_whole_time_of_a_route_ends_a_whole_answer(house: House) -> None:
    answer = house.ask("endless")
    assert (answer.status_code, answer.json()["error"]["code"]) == (504, "upstream_timeout")


@pytest.mark.parametrize("stream", [False, True])
def test_a_hedge_answers_and_the_slow_call_is_left(house: House, stream: bool) -> None:
    left, began = len(house.upstream.left_at), time.monotonic()
    answer = house.ask("hedged", stream=stream)
    assert answer.status_code == 200
    assert "Hello" in answer.text
    assert answer.headers["x-modelmux-attempts"] == "2"
    assert time.monotonic() - began < 1
    house.upstream.wait_left(left + 1)
