"""Background responses whose end, cancellation and deletion come in the same moment."""

import random
import threading
import time
from collections.abc import Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import TypeVar

import httpx
import pytest

from tests.support.fake_openai import FakeOpenAI, fake_openai_in_thread
from tests.support.serving import ServedGateway, serving
from tests.support.state_clients import (
    KEYS,
    Json,
    StateClient,
    check_replay,
    config_for,
    state_client,
)

T = TypeVar("T")


@pytest.fixture(scope="module")
def upstream() -> Generator[FakeOpenAI]:
    with fake_openai_in_thread("any") as fake:
        yield fake


@pytest.fixture(scope="module")
def gateway(
    tmp_path_factory: pytest.TempPathFactory, upstream: FakeOpenAI
) -> Generator[ServedGateway]:
    config = config_for(upstream, pace_s=0.002)
    with serving(tmp_path_factory.mktemp("races"), config=config, environment=KEYS) as running:
        yield running
    assert "Traceback" not in running.log.read_text()


@pytest.fixture
def client(gateway: ServedGateway) -> Generator[StateClient]:
    with state_client(gateway) as client:
        yield client


def both(*acts: Callable[[], T]) -> list[T]:
    """Do all at once, each in a thread."""
    start = threading.Barrier(len(acts))

    def run(act: Callable[[], T]) -> T:
        start.wait(5)
        return act()

    with ThreadPoolExecutor(len(acts)) as threads:
        return list(threads.map(run, acts))


def until_cut(events: Generator[Json]) -> Generator[Json]:
    """Yield what comes of a stream that may end without its mark: it tells of no end then."""
    try:
        yield from events
    except AssertionError:
        return


def cancelled_by(client: StateClient, id_: str) -> list[Json]:
    return [client.cancel(id_).json()]


def free_within(upstream: FakeOpenAI, seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while upstream.busy and time.monotonic() < deadline:
        time.sleep(0.002)
    return not upstream.busy


@pytest.mark.parametrize(
    ("model", "stream"), [("stuck", True), ("endless", True), ("silent", True), ("silent", False)]
)
def test_cancel_stops_the_upstream_and_changes_nothing_twice(
    client: StateClient, upstream: FakeOpenAI, model: str, stream: bool
) -> None:
    id_ = client.create(model=model, background=True)["id"] if not stream else ""
    id_ = id_ or client.begin(model=model)
    asked_by = time.monotonic() + 5
    while not upstream.busy:
        assert time.monotonic() < asked_by
        time.sleep(0.002)
    told = client.cancel(id_)
    assert free_within(upstream, 0.25)
    assert (told.status_code, told.json()["status"]) == (200, "cancelled")
    assert client.cancel(id_).json() == client.retrieve(id_) == told.json()
    if stream:
        check_replay(client.replay(id_), told.json())


def test_a_cancel_in_the_moment_of_the_end_leaves_one_end(client: StateClient) -> None:
    ends: list[str] = []
    began = time.monotonic()
    client.ended(client.begin())
    usual_s = time.monotonic() - began
    for number in range(40):
        stream = random.random() < 0.7
        id_ = client.begin() if stream else client.create(background=True)["id"]
        # Most of them around the end, whatever this machine needs for one.
        time.sleep(usual_s * number / 20)
        told = both(partial(client.cancel, id_), partial(client.cancel, id_))
        assert [one.status_code for one in told] == [200, 200]
        ended = told[0].json()
        assert ended["status"] in ("cancelled", "completed")
        assert told[1].json() == ended == client.retrieve(id_)
        if stream:
            check_replay(client.replay(id_), ended)
            assert client.retrieve(id_) == ended
        ends.append(ended["status"])
    assert set(ends) == {"cancelled", "completed"}


def test_what_followers_are_told_is_what_is_kept(client: StateClient) -> None:
    for _ in range(10):
        id_ = client.begin(input="a b c d e f")
        whole, later, cancelled = both(
            partial(client.replay, id_),
            partial(client.replay, id_, 1),
            partial(cancelled_by, client, id_),
        )
        ended = client.retrieve(id_)
        check_replay(whole, ended)
        check_replay(later, ended, 2)
        assert cancelled == [ended]


def test_a_response_that_is_made_before_the_caller_can_not_be_cancelled(
    client: StateClient,
) -> None:
    id_ = client.create()["id"]
    refused = client.cancel(id_)
    assert refused.status_code == 400
    assert client.retrieve(id_)["status"] == "completed"


def test_deleting_one_that_runs_stops_it(client: StateClient, upstream: FakeOpenAI) -> None:
    id_ = client.begin(model="endless")
    with client.following(id_) as events:
        next(events)
        assert client.delete(id_).status_code == 200
        assert free_within(upstream, 0.25)
        # Its follower is let go with an end, or told that it is gone.
        last = list(until_cut(events))[-1]
        assert "error" in last or last["response"]["status"] == "cancelled"
    for act in (client.cancel, client.delete, client.look):
        assert act(id_).status_code == 404


def test_of_two_deletes_one_finds_it(client: StateClient) -> None:
    for background in (False, True) * 5:
        id_ = client.begin(input="a b c d") if background else client.create()["id"]
        told = both(partial(client.delete, id_), partial(client.delete, id_))
        assert sorted(one.status_code for one in told) == [200, 404]


def test_a_delete_and_a_cancel_at_once_leave_nothing(
    client: StateClient, upstream: FakeOpenAI
) -> None:
    for _ in range(10):
        id_ = client.begin(model="stuck")
        deleted, cancelled = both(partial(client.delete, id_), partial(client.cancel, id_))
        assert deleted.status_code == 200
        assert cancelled.status_code in (200, 404)
        assert client.cancel(id_).status_code == 404
    assert free_within(upstream, 0.25)


def test_one_that_runs_cannot_be_continued(client: StateClient) -> None:
    id_ = client.begin(model="stuck")
    for more in ({}, {"stream": True}, {"background": True}, {"store": False}):
        refused = client.ask(previous_response_id=id_, **more)
        assert refused.status_code == 400
        assert refused.json()["error"]["param"] == "previous_response_id"
    client.cancel(id_)
    refused = client.ask(previous_response_id=id_)
    assert refused.status_code == 400


def test_a_conversation_is_free_again_once_its_writer_was_cancelled(client: StateClient) -> None:
    conversation = client.converse()
    for _ in range(5):
        id_ = client.begin(model="stuck", conversation=conversation)
        locked = client.ask(conversation=conversation)
        assert (locked.status_code, locked.json()["error"]["code"]) == (
            409,
            "conversation_locked",
        )
        client.cancel(id_)
        assert client.create(conversation=conversation)["status"] == "completed"
    assert len(client.items(conversation)) == 10


def test_of_many_writers_of_a_conversation_all_that_got_in_are_there_in_order(
    client: StateClient,
) -> None:
    conversation = client.converse()
    told = both(
        *(partial(client.ask, input=f"n{number}", conversation=conversation) for number in range(8))
    )
    assert {one.status_code for one in told} <= {200, 409}
    texts = [item["content"][0]["text"] for item in client.items(conversation)]
    said = texts[::2]
    assert texts == [text for words in said for text in (words, f"You said: {words}")]
    assert len(said) == sum(1 for one in told if one.status_code == 200)


def test_more_than_may_run_are_refused_and_the_place_of_one_that_ended_is_free(
    tmp_path: Path, upstream: FakeOpenAI
) -> None:
    config = config_for(upstream, more="[state]\nmax_background = 2")
    with (
        serving(tmp_path, config=config, environment=KEYS) as gateway,
        state_client(gateway) as client,
    ):
        running = [client.begin(model="stuck") for _ in range(2)]
        refused: httpx.Response = client.ask(model="stuck", background=True)
        assert refused.status_code in (429, 503)
        assert refused.headers["retry-after"]
        client.cancel(running[0])
        assert client.ask(model="stuck", background=True).status_code == 200
        assert client.create(store=False)["status"] == "completed"
