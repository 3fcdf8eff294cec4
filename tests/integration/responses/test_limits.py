"""What is kept has bounds, and an owner who can have it, or have it gone, while the server runs."""

import json
import sqlite3
import threading
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from tests.support.command_line import modelmux
from tests.support.fake_openai import FakeOpenAI, fake_openai_in_thread
from tests.support.serving import serving
from tests.support.state_clients import (
    KEYS,
    OURS,
    THEIRS,
    Json,
    StateClient,
    config_for,
    state_client,
    text_of,
)

Scene = tuple[StateClient, StateClient, FakeOpenAI]


@contextmanager
def scene(folder: Path, state: str) -> Generator[Scene]:
    """Give the clients of two tenants, and an upstream; what is kept lies in `kept.db`."""
    more = f'[storage]\npath = "{folder / "kept.db"}"\n[state]\n{state}\n'
    with (
        fake_openai_in_thread("any") as upstream,
        serving(folder, config=config_for(upstream, more=more), environment=KEYS) as gateway,
        state_client(gateway, OURS) as ours,
        state_client(gateway, THEIRS) as theirs,
    ):
        yield ours, theirs, upstream
    assert "Traceback" not in gateway.log.read_text()


def told_by(folder: Path, *words: str) -> Json:
    done = modelmux(folder, "state", *words, "--json", environment=KEYS)
    assert done.returncode == 0, done.stderr
    told: Json = json.loads(done.stdout)
    return told


def make_older(folder: Path, seconds: float) -> None:
    """Let all that is kept have been used longer ago: what was used a moment ago never goes."""
    database = sqlite3.connect(folder / "kept.db", timeout=10)
    with database:
        database.execute("UPDATE responses SET used_at = used_at - ?", (seconds,))
    database.close()


def test_what_is_over_its_time_is_not_there(tmp_path: Path) -> None:
    with scene(tmp_path, "days = 0.01") as (ours, _, _):
        old = ours.create()
        running = ours.begin(model="stuck")
        make_older(tmp_path, 0.02 * 86_400)
        new = ours.create()
        for act in (ours.delete, ours.cancel, ours.look):
            assert act(old["id"]).status_code == 404
        refused = ours.ask(previous_response_id=old["id"])
        assert refused.json()["error"]["code"] == "previous_response_not_found"
        assert ours.retrieve(running)["status"] == "in_progress"
        assert told_by(tmp_path, "sweep") == {"expired": 1, "crowded": 0}
        assert ours.retrieve(new["id"]) == new
        assert ours.cancel(running).json()["status"] == "cancelled"


def test_the_oldest_go_first_and_never_what_runs(tmp_path: Path) -> None:
    with scene(tmp_path, "max_responses_per_tenant = 4") as (ours, theirs, _):
        running = ours.begin(model="stuck")
        kept = [ours.create() for _ in range(9)]
        other = theirs.create()
        assert told_by(tmp_path, "sweep") == {"expired": 0, "crowded": 0}  # all just used
        make_older(tmp_path, 1000)
        fresh = ours.create()
        assert told_by(tmp_path, "sweep") == {"expired": 0, "crowded": 7}
        there = [ours.http.get(f"responses/{one['id']}").status_code for one in kept]
        assert there == [404] * 7 + [200] * 2
        assert ours.retrieve(fresh["id"]) == fresh
        assert theirs.retrieve(other["id"]) == other
        assert ours.retrieve(running)["status"] == "in_progress"
        assert told_by(tmp_path, "sweep") == {"expired": 0, "crowded": 0}


def test_what_is_larger_than_may_be_kept_is_told(tmp_path: Path) -> None:
    with scene(tmp_path, "max_response_bytes = 20000\nmax_conversation_items = 4") as (
        ours,
        _,
        _,
    ):
        large = "x" * 30_000
        refused = ours.ask(model="plain", input=large)
        assert refused.status_code == 400, refused.text
        assert "20000" in refused.text or "20,000" in refused.text
        with ours.streaming(model="slow", input=large) as events:
            last = list(events)[-1]
        assert last["type"] == "response.failed"
        told = ours.ask(model="plain", input=large, background=True)
        if told.status_code == 200:
            assert ours.ended(told.json()["id"])["status"] == "failed"
        else:
            assert told.status_code == 400
        assert ours.create(model="plain", input=large, store=False)["status"] == "completed"
        conversation = ours.converse()
        assert ours.create(conversation=conversation)
        assert ours.create(conversation=conversation)
        crowded = ours.ask(conversation=conversation)
        assert crowded.status_code == 400
        assert len(ours.items(conversation)) == 4
        assert ours.create(model="plain")["status"] == "completed"


def test_all_of_a_tenant_is_written_out_and_erased_while_the_server_runs(tmp_path: Path) -> None:
    with scene(tmp_path, "") as (ours, theirs, upstream):
        kept = [ours.create(input=f"n{number}") for number in range(5)]
        conversation = ours.converse()
        ours.create(input="said", conversation=conversation)
        running = ours.begin(model="endless", conversation=conversation)
        other = theirs.create(input="not ours")
        stop = threading.Event()

        def write_on() -> None:
            while not stop.is_set():
                theirs.create()

        writer = threading.Thread(target=write_on)
        writer.start()
        exported = modelmux(tmp_path, "state", "export", "acme", environment=KEYS)
        assert exported.returncode == 0, exported.stderr
        lines = [json.loads(line) for line in exported.stdout.splitlines()]
        whole = json.dumps(lines)
        for one in kept:
            assert one["id"] in whole
            assert text_of(one) in whole
        assert conversation in whole
        assert running in whole
        assert other["id"] not in whole
        assert "not ours" not in whole

        erased = told_by(tmp_path, "erase", "acme", "--yes")
        stop.set()
        writer.join(10)
        assert erased["erased"] == 8
        for one in (*kept, {"id": running}):
            assert ours.http.get(f"responses/{one['id']}").status_code == 404
        assert ours.http.get(f"conversations/{conversation}").status_code == 404
        deadline = time.monotonic() + 3
        while upstream.busy:
            assert time.monotonic() < deadline, "what was erased is still made"
            time.sleep(0.01)
        assert theirs.retrieve(other["id"]) == other
        assert ours.create()["status"] == "completed"
        again = modelmux(tmp_path, "state", "export", "acme", environment=KEYS)
        assert len(again.stdout.splitlines()) == 1
