"""The process is killed: what was acknowledged is there, what ran has failed, nothing is stuck."""

import asyncio
import json
import random
import signal
import sqlite3
import time
from collections.abc import Awaitable, Callable, Generator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest

from tests.support.fake_openai import FakeOpenAI, fake_openai_in_thread
from tests.support.servers import own_postgres, own_redis
from tests.support.serving import ServedGateway, serving
from tests.support.state_clients import (
    KEYS,
    OURS,
    Json,
    StateClient,
    check_replay,
    config_for,
    state_client,
    text_of,
)

STOPPED = "The gateway was stopped while this response ran."


@dataclass(slots=True)
class Kept:
    """What clients were told is kept: of responses the whole object, of conversations the texts.

    `asked` is the last turn of a conversation that nobody has acknowledged yet.
    """

    responses: dict[str, Json] = field(default_factory=dict[str, Json])
    conversations: dict[str, list[str]] = field(default_factory=dict[str, list[str]])
    asked: dict[str, list[str]] = field(default_factory=dict[str, list[str]])
    background: list[str] = field(default_factory=list[str])


class Load:
    """Callers who go on until their gateway dies, and note what they were told."""

    def __init__(self, http: httpx.AsyncClient, kept: Kept) -> None:
        self._http = http
        self._kept = kept
        self._count = 0

    async def streams(self) -> None:
        while True:
            await self._stream(input=self._words())

    async def wholes(self) -> None:
        while True:
            await self._whole(input=self._words())

    async def chain(self) -> None:
        """Continue each answer the moment its end was told."""
        previous: str | None = None
        while True:
            ask = random.choice((self._stream, self._whole))
            previous = (await ask(input=self._words(), previous_response_id=previous))["id"]

    async def conversation(self) -> None:
        told = await self._http.post("conversations", json={})
        id_ = told.json()["id"]
        texts = self._kept.conversations.setdefault(id_, [])
        while True:
            words = self._words()
            if random.random() < 0.3:
                self._kept.asked[id_] = [words]
                item = {"role": "user", "content": words}
                added = await self._http.post(f"conversations/{id_}/items", json={"items": [item]})
                assert added.status_code == 200, added.text
            else:
                self._kept.asked[id_] = [words, f"You said: {words}"]
                ask = random.choice((self._stream, self._whole))
                await ask(input=words, conversation=id_)
            texts += self._kept.asked.pop(id_)

    async def background(self) -> None:
        while True:
            words = " ".join([self._words()] * 10)
            members = {"model": "demo", "input": words, "background": True}
            told = await self._http.post("responses", json=members)
            assert told.status_code == 200, told.text
            self._kept.background.append(told.json()["id"])
            await asyncio.sleep(0.05)

    def _words(self) -> str:
        self._count += 1
        return f"some words and number {self._count}"

    async def _whole(self, **members: object) -> Json:
        told = await self._http.post("responses", json={"model": "demo", **members})
        assert told.status_code == 200, told.text
        return self._note(told.json())

    async def _stream(self, **members: object) -> Json:
        asked = {"model": "demo", "stream": True, **members}
        async with self._http.stream("POST", "responses", json=asked) as told:
            assert told.status_code == 200, await told.aread()
            async for line in told.aiter_lines():
                if line.startswith('data: {"type":"response.completed"'):
                    return self._note(json.loads(line.removeprefix("data: "))["response"])
        raise AssertionError("the stream ended without its end")

    def _note(self, response: Json) -> Json:
        self._kept.responses[response["id"]] = response
        return response


async def load_until_killed(gateway: ServedGateway, kept: Kept, kill_after_s: float) -> None:
    async with httpx.AsyncClient(
        base_url=f"{gateway.url}/v1",
        headers={"authorization": f"Bearer {OURS}"},
        trust_env=False,
        timeout=20.0,
    ) as http:
        load = Load(http, kept)
        callers = [load.streams] * 3 + [load.wholes] * 2 + [load.chain] * 2
        callers += [load.conversation] * 3 + [load.background]
        enough = len(kept.responses) + 6
        tasks = [asyncio.create_task(until_gone(caller)) for caller in callers]
        await asyncio.sleep(kill_after_s)
        async with asyncio.timeout(20):  # a busy machine has acknowledged little by then
            while len(kept.responses) < enough or not kept.conversations:  # noqa: ASYNC110  # two lists that callers fill
                await asyncio.sleep(random.uniform(0.01, 0.05))
        await asyncio.to_thread(gateway.kill)
        await asyncio.gather(*tasks)


async def until_gone(caller: Callable[[], Awaitable[None]]) -> None:
    with suppress(httpx.TransportError):
        await caller()


def check_kept(client: StateClient, kept: Kept) -> None:
    for id_, told in kept.responses.items():
        assert client.retrieve(id_) == told
    for id_, texts in kept.conversations.items():
        there = [item["content"][0]["text"] for item in client.items(id_)]
        # The turn that was under way is there wholly or not at all.
        assert there in (texts, texts + kept.asked.get(id_, []))


def check_nothing_is_stuck(client: StateClient, kept: Kept, restarted_at: float) -> None:
    waiting = set(kept.conversations)
    while waiting:
        for id_ in tuple(waiting):
            answer = client.ask(conversation=id_)
            assert answer.status_code in (200, 409), answer.text
            if answer.status_code == 200:
                waiting.remove(id_)
        assert time.monotonic() < restarted_at + 10
        time.sleep(0.1)
    for id_ in kept.background:
        ended = client.ended(id_, restarted_at + 10 - time.monotonic())
        if ended["status"] == "failed":
            assert ended["error"] == {"code": "server_error", "message": STOPPED}
        else:
            assert ended["status"] == "completed"
            assert text_of(ended).startswith("You said: some words")


def crash_often(folder: Path, rounds: int, storage: str = "") -> Kept:
    """Return what was acknowledged; all of it was read after the last crash."""
    config, kept = config_for(pace_s=0.005, more=storage), Kept()
    for _ in range(rounds):
        with serving(folder, config=config, environment=KEYS) as gateway:
            asyncio.run(load_until_killed(gateway, kept, random.uniform(0.3, 1.0)))
        assert "Traceback" not in gateway.log.read_text()
    with serving(folder, config=config, environment=KEYS) as gateway:
        restarted_at = time.monotonic()
        with state_client(gateway) as client:
            check_kept(client, kept)
            check_nothing_is_stuck(client, kept, restarted_at)
    assert "Traceback" not in gateway.log.read_text()
    assert len(kept.responses) > 5 * rounds
    assert sum(map(len, kept.conversations.values())) > rounds
    return kept


def test_what_was_acknowledged_outlives_many_crashes(tmp_path: Path) -> None:
    kept = crash_often(tmp_path, 5)
    assert kept.background
    (file,) = (tmp_path / "data").rglob("*.db")
    database = sqlite3.connect(file)
    assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    database.close()


def test_what_postgres_acknowledged_outlives_a_crash(tmp_path: Path) -> None:
    with own_postgres() as server:
        crash_often(tmp_path, 1, f'[storage]\nurl = "{server.url}"')


def test_what_redis_acknowledged_outlives_a_crash_of_both(tmp_path: Path) -> None:
    with own_redis() as server:
        storage = f'[storage]\nredis_url = "{server.url}"'
        config, kept = config_for(pace_s=0.005, more=storage), Kept()
        with serving(tmp_path, config=config, environment=KEYS) as gateway:
            asyncio.run(load_until_killed(gateway, kept, 0.7))
        server.kill()
        server.start()
        with serving(tmp_path, config=config, environment=KEYS) as gateway:
            restarted_at = time.monotonic()
            with state_client(gateway) as client:
                check_kept(client, kept)
                check_nothing_is_stuck(client, kept, restarted_at)
        assert len(kept.responses) > 5


@pytest.fixture
def upstream() -> Generator[FakeOpenAI]:
    with fake_openai_in_thread("any") as fake:
        yield fake


@pytest.mark.parametrize("stop", [signal.SIGKILL, signal.SIGTERM])
def test_what_ran_has_failed_and_can_be_replayed(
    tmp_path: Path, upstream: FakeOpenAI, stop: signal.Signals
) -> None:
    config = config_for(upstream, pace_s=0.05)
    with serving(tmp_path, config=config, environment=KEYS) as gateway:
        with state_client(gateway) as client:
            conversation = client.converse()
            streams = [client.begin(model=model) for model in ("stuck", "slow", "endless")]
            streams.append(client.begin(input="word " * 200, conversation=conversation))
            wholes = [client.create(model="silent", background=True)["id"] for _ in range(2)]
            done = client.ended(client.begin(model="plain"))
            until(lambda: client.retrieve(wholes[-1])["status"] == "in_progress")
        if stop is signal.SIGKILL:
            gateway.kill()
        gateway.process.send_signal(stop)
        gateway.process.wait(10)
        until(lambda: upstream.busy == 0)
        assert "Traceback" not in gateway.log.read_text()
    with serving(tmp_path, config=config, environment=KEYS) as gateway:
        restarted_at = time.monotonic()
        with state_client(gateway) as client:
            for id_ in (*streams, *wholes):
                ended = client.ended(id_, restarted_at + 10 - time.monotonic())
                if ended["status"] == "completed" and ended["model"] == "slow":
                    continue  # it was over before
                assert ended["status"] == "failed"
                assert ended["error"] == {"code": "server_error", "message": STOPPED}
                assert client.cancel(id_).json() == ended
            for id_ in streams:
                ended = client.retrieve(id_)
                events = client.replay(id_)
                check_replay(events, ended)
                assert len(events) > 3
                check_replay(client.replay(id_, 2), ended, 3)
            check_replay(client.replay(done["id"]), done)
            assert client.items(conversation) == []
            refused = client.ask(previous_response_id=streams[0])
            assert (refused.status_code, refused.json()["error"]["param"]) == (
                400,
                "previous_response_id",
            )


def test_who_follows_when_the_process_stops_is_told(tmp_path: Path, upstream: FakeOpenAI) -> None:
    config = config_for(upstream, more="[server]\ndrain_grace_s = 0.3")
    with (
        serving(tmp_path, config=config, environment=KEYS) as gateway,
        state_client(gateway) as client,
        client.streaming(model="stuck", background=True) as events,
    ):
        told = [next(events) for _ in range(3)]
        gateway.process.terminate()
        told += events
    check_replay(told, told[-1]["response"])
    assert told[-1]["type"] == "response.failed"
    assert told[-1]["response"]["error"]["message"] == STOPPED


def until(happened: Callable[[], bool], within_s: float = 5.0) -> None:
    deadline = time.monotonic() + within_s
    while not happened():
        assert time.monotonic() < deadline
        time.sleep(0.01)
