"""Stores that are gone, or whose disk is full: what needs them is refused, all else goes on."""

import subprocess
import time
from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from tests.support.command_line import modelmux
from tests.support.fake_openai import FakeOpenAI, fake_openai_in_thread
from tests.support.servers import OwnServer, own_postgres, own_redis
from tests.support.serving import serving
from tests.support.state_clients import (
    KEYS,
    Json,
    StateClient,
    check_replay,
    config_for,
    state_client,
)


@dataclass(frozen=True, slots=True)
class Scene:
    client: StateClient
    upstream: FakeOpenAI
    server: OwnServer


@pytest.fixture(params=["postgres", "redis"])
def scene(request: pytest.FixtureRequest, tmp_path: Path) -> Generator[Scene]:
    with ExitStack() as stack:
        if request.param == "postgres":
            server = stack.enter_context(own_postgres())
            storage = f'[storage]\nurl = "{server.url}"'
        else:
            server = stack.enter_context(own_redis())
            storage = f'[storage]\nredis_url = "{server.url}"'
        upstream = stack.enter_context(fake_openai_in_thread("any"))
        config = config_for(upstream, more=storage)
        gateway = stack.enter_context(serving(tmp_path, config=config, environment=KEYS))
        yield Scene(stack.enter_context(state_client(gateway)), upstream, server)
    assert "Traceback" not in gateway.log.read_text()


def check_refused(answer: httpx.Response) -> None:
    assert answer.status_code == 503, answer.text
    assert int(answer.headers["retry-after"]) >= 1
    assert answer.elapsed.total_seconds() < 3
    assert "Traceback" not in answer.text


def check_what_needs_no_store(client: StateClient) -> None:
    assert client.create(model="plain", store=False)["status"] == "completed"
    with client.streaming(model="plain", store=False) as events:
        assert list(events)[-1]["type"] == "response.completed"
    messages = [{"role": "user", "content": "Hello"}]
    for stream in (False, True):
        told = client.post("chat/completions", model="plain", messages=messages, stream=stream)
        assert told.status_code == 200
    tool = {"type": "function", "function": {"name": "look", "parameters": {"type": "object"}}}
    asked = {"model": "plain", "messages": [{"role": "user", "content": "call"}], "tools": [tool]}
    assert client.post("chat/completions", **asked).status_code == 200
    assert client.http.get("models").status_code == 200


def until_it_works(client: StateClient, within_s: float) -> Json:
    deadline = time.monotonic() + within_s
    while (answer := client.ask(model="plain")).status_code != 200:
        assert time.monotonic() < deadline, answer.text
        time.sleep(0.1)
    told: Json = answer.json()
    return told


def test_a_store_that_stops_and_comes_back(scene: Scene) -> None:
    client, upstream = scene.client, scene.upstream
    kept = client.create(model="plain")
    conversation = client.converse()
    client.create(model="plain", conversation=conversation)
    scene.server.stop()
    check_refused(client.ask(model="plain"))
    asked = len(upstream.requests)
    for members in (
        {},
        {"stream": True},
        {"background": True},
        {"background": True, "stream": True},
        {"previous_response_id": kept["id"]},
        {"conversation": conversation},
        {"store": False, "previous_response_id": kept["id"]},
    ):
        check_refused(client.ask(model="plain", **members))
    check_refused(client.http.get(f"responses/{kept['id']}"))
    check_refused(client.http.get(f"responses/{kept['id']}", params={"stream": "true"}))
    check_refused(client.http.get(f"responses/{kept['id']}/input_items"))
    check_refused(client.cancel(kept["id"]))
    check_refused(client.delete(kept["id"]))
    check_refused(client.post("conversations"))
    check_refused(client.http.get(f"conversations/{conversation}"))
    check_refused(client.http.get(f"conversations/{conversation}/items"))
    assert len(upstream.requests) == asked
    check_what_needs_no_store(client)
    scene.server.start()
    until_it_works(client, 5)
    assert client.retrieve(kept["id"]) == kept
    assert client.create(model="plain", previous_response_id=kept["id"])
    # Nobody let the conversation go while the store was away; its lease runs out.
    deadline = time.monotonic() + 8
    while (answer := client.ask(conversation=conversation)).status_code == 409:
        assert time.monotonic() < deadline
        time.sleep(0.1)
    assert answer.status_code == 200
    assert len(client.items(conversation)) == 4


def test_a_store_that_stops_while_answers_run(scene: Scene) -> None:
    client = scene.client
    background = client.begin(model="endless")
    whole = client.create(model="silent", background=True)["id"]
    with client.streaming(model="slow") as events:
        next(events)
        scene.server.stop()
        last = list(events)[-1]
    # What could not be kept is not told to be complete.
    assert last["type"] == "response.failed"
    check_refused(client.http.get(f"responses/{background}"))
    check_what_needs_no_store(client)
    scene.server.start()
    until_it_works(client, 5)
    # One that did not need the store meanwhile may run on; it ends at a word.
    assert client.cancel(whole).json()["status"] in ("cancelled", "failed")
    # One that did has ended; until its lease is over nobody has said so, which a word does too.
    ended = client.cancel(background).json()
    assert ended["status"] in ("cancelled", "failed")
    check_replay(client.replay(background), ended)
    deadline = time.monotonic() + 3
    while scene.upstream.busy:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    assert client.http.get(f"responses/{last['response']['id']}").status_code == 404


@contextmanager
def small_disk(folder: Path, size: str) -> Generator[Path]:
    """Give a file system of its own; only where this process may mount."""
    disk = folder / "disk"
    disk.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(disk)]
    try:
        mounted = subprocess.run(command, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        pytest.skip("there is no mount")
    if mounted.returncode != 0:
        pytest.skip(f"no file system may be mounted: {mounted.stderr.strip()}")
    try:
        yield disk
    finally:
        subprocess.run(["umount", "-l", str(disk)], check=True)


def fill(disk: Path) -> Path:
    """Leave no byte on a file system; return what fills it."""
    filler = disk / "filler"
    with filler.open("wb", buffering=0) as file:
        for size in (65536, 4096, 512, 1):
            try:
                while True:
                    file.write(bytes(size))
            except OSError:
                pass
    return filler


def test_a_disk_that_is_full(tmp_path: Path) -> None:
    with small_disk(tmp_path, "3m") as disk, fake_openai_in_thread("any") as upstream:
        storage = f'[storage]\npath = "{disk / "kept.db"}"'
        config = config_for(upstream, more=storage)
        with (
            serving(tmp_path, config=config, environment=KEYS) as gateway,
            state_client(gateway) as client,
        ):
            kept = client.create(model="plain")
            running = client.begin(model="endless")
            filler = fill(disk)
            acknowledged: list[Json] = []
            # The log of the database may have room for some more.
            while (answer := client.ask(model="plain", input="x" * 4000)).status_code == 200:
                acknowledged.append(answer.json())
                assert len(acknowledged) < 1000
            check_refused(answer)
            asked = len(upstream.requests)
            check_refused(client.ask(model="plain", background=True))
            check_refused(client.ask(model="plain", stream=True))
            assert len(upstream.requests) == asked
            assert client.retrieve(kept["id"]) == kept
            check_what_needs_no_store(client)
            filler.unlink()
            acknowledged.append(until_it_works(client, 5))
            for told in (kept, *acknowledged):
                assert client.retrieve(told["id"]) == told
            ended = client.ended(running, 10)
            assert ended["status"] == "failed"
            check_replay(client.replay(running), ended)
        assert "Traceback" not in gateway.log.read_text()


def test_a_disk_that_what_is_kept_has_filled(tmp_path: Path) -> None:
    with small_disk(tmp_path, "2m") as disk:
        config = config_for(more=f'[storage]\npath = "{disk / "kept.db"}"')
        with (
            serving(tmp_path, config=config, environment=KEYS) as gateway,
            state_client(gateway) as client,
        ):
            kept: list[Json] = []
            while (answer := client.ask(input="x" * 30_000)).status_code == 200:
                kept.append(answer.json())
                assert len(kept) < 1000
            check_refused(answer)
            for told in kept:
                assert client.retrieve(told["id"]) == told
            assert client.create(store=False)["status"] == "completed"
        with (
            serving(tmp_path, config=config, environment=KEYS) as gateway,
            state_client(gateway) as client,
        ):
            for told in kept:
                assert client.retrieve(told["id"]) == told


def test_a_disk_that_cannot_be_written_is_told_at_the_start(tmp_path: Path) -> None:
    with small_disk(tmp_path, "3m") as disk:
        config = config_for(more=f'[storage]\npath = "{disk / "kept.db"}"')
        with serving(tmp_path, config=config, environment=KEYS):
            pass
        subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
        started = modelmux(tmp_path, "serve", "--port", "0", environment=KEYS)
    told = started.stderr
    assert started.returncode == 2
    assert "error: the store cannot be opened" in told
    assert "kept.db" in told
    assert "read-only" in told.lower()
    assert "Traceback" not in told
