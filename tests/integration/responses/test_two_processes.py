"""Two gateways on one store: what one makes, the other reads, continues, follows and ends."""

import socket
import time
from collections.abc import Callable, Generator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.support.fake_openai import FakeOpenAI, fake_openai_in_thread
from tests.support.servers import OwnServer, own_postgres, own_redis
from tests.support.serving import ServedGateway, serving
from tests.support.state_clients import (
    KEYS,
    StateClient,
    check_replay,
    config_for,
    state_client,
    text_of,
)


@dataclass(frozen=True, slots=True)
class Pair:
    """Clients of two processes, and the upstream that both ask.

    `long` are responses that run all the while, one of each process, begun at `since`.
    """

    one: StateClient
    other: StateClient
    upstream: FakeOpenAI
    long: tuple[str, ...]
    since: float

    def until_busy(self, count: int) -> None:
        """Wait until the upstream is asked for so many answers besides the long ones."""
        self._until(lambda: self.upstream.busy >= len(self.long) + count, 5.0)

    def until_idle(self) -> None:
        self._until(lambda: self.upstream.busy <= len(self.long), 2.5)

    def _until(self, happened: Callable[[], bool], within_s: float) -> None:
        deadline = time.monotonic() + within_s
        while not happened():
            assert time.monotonic() < deadline, f"the upstream has {self.upstream.busy} calls"
            time.sleep(0.01)


@pytest.fixture(scope="module", params=["sqlite", "postgres", "redis"])
def pair(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Generator[Pair]:
    folder = tmp_path_factory.mktemp(f"two-{request.param}")
    gateways: list[ServedGateway] = []
    redis: OwnServer | None = None
    with ExitStack() as stack:
        storage = f'[storage]\npath = "{folder / "shared.db"}"\n'
        match request.param:
            case "postgres":
                server = stack.enter_context(own_postgres())
                storage = f'[storage]\nurl = "{server.url}"\n'
            case "redis":
                redis = stack.enter_context(own_redis())
                storage += f'redis_url = "{redis.url}"\n'
            case _:
                pass
        # One seals for both.
        storage += f'[state]\nseal_file = "{folder / "seal.json"}"\n'
        upstream = stack.enter_context(fake_openai_in_thread("any"))
        for name in ("one", "other"):
            own: Path = folder / name
            own.mkdir()
            config = config_for(upstream, pace_s=0.03, more=storage)
            gateways.append(stack.enter_context(serving(own, config=config, environment=KEYS)))
        one, other = (stack.enter_context(state_client(gateway)) for gateway in gateways)
        long = (one.begin(model="stuck"), other.begin(model="stuck"))
        yield Pair(one, other, upstream, long, time.monotonic())
        if redis is not None:
            assert rows_of(redis) > 10
    for gateway in gateways:
        assert "Traceback" not in gateway.log.read_text()


def rows_of(server: OwnServer) -> int:
    """Return how many keys a Redis server has: that it is really there that things are kept."""
    place = urlsplit(server.url)
    assert place.hostname is not None
    assert place.port is not None
    with socket.create_connection((place.hostname, place.port), timeout=2.0) as connection:
        connection.sendall(b"DBSIZE\r\n")
        return int(connection.recv(64).removeprefix(b":"))


def test_what_one_made_the_other_reads_continues_and_deletes(pair: Pair) -> None:
    told: str | None = None
    ids: list[str] = []
    for number in range(6):
        writer, reader = (pair.one, pair.other) if number % 2 else (pair.other, pair.one)
        with writer.streaming(input=f"n{number}", previous_response_id=told) as events:
            for event in events:
                if event["type"] == "response.completed":
                    # The mark of the end has not even come.
                    assert reader.retrieve(event["response"]["id"]) == event["response"]
                    told = event["response"]["id"]
        assert told is not None
        ids.append(told)
    assert pair.one.delete(ids[2]).status_code == 200
    assert pair.other.delete(ids[2]).status_code == 404
    assert pair.other.http.get(f"responses/{ids[2]}").status_code == 404
    refused = pair.other.ask(previous_response_id=ids[-1])
    assert (refused.status_code, refused.json()["error"]["code"]) == (
        400,
        "previous_response_not_found",
    )
    assert pair.other.create(previous_response_id=ids[1])["status"] == "completed"


def test_a_background_stream_of_one_is_followed_live_at_the_other(pair: Pair) -> None:
    words = " ".join(f"w{number}" for number in range(25))
    id_ = pair.one.begin(input=words)
    with pair.other.following(id_, 1) as events:
        began = time.monotonic()
        told = [next(events)]
        assert pair.other.retrieve(id_)["status"] == "in_progress"
        first_s = time.monotonic() - began
        told += events
    ended = pair.one.retrieve(id_)
    assert (ended["status"], text_of(ended)) == ("completed", f"You said: {words}")
    check_replay(told, ended, 2)
    assert first_s < 1.0
    assert pair.other.replay(id_) == pair.one.replay(id_)


def test_what_one_runs_the_other_cancels_and_deletes(pair: Pair) -> None:
    streamed = pair.one.begin(model="endless")
    whole = pair.one.create(model="silent", background=True)["id"]
    deleted = pair.one.begin(model="stuck")
    pair.until_busy(3)
    told = {id_: pair.other.cancel(id_).json() for id_ in (streamed, whole)}
    assert pair.other.delete(deleted).status_code == 200
    for id_, ended in told.items():
        assert ended["status"] == "cancelled"
        assert pair.one.retrieve(id_) == pair.other.retrieve(id_) == ended
    assert pair.one.http.get(f"responses/{deleted}").status_code == 404
    pair.until_idle()
    for id_, ended in told.items():
        assert pair.one.cancel(id_).json() == ended
        assert pair.one.retrieve(id_) == ended
    check_replay(pair.one.replay(streamed), told[streamed])
    check_replay(pair.other.replay(streamed), told[streamed])


def test_a_conversation_that_one_writes_is_locked_at_the_other(pair: Pair) -> None:
    conversation = pair.one.converse()
    words = "a b c d e f g h i j"
    with pair.one.streaming(input=words, conversation=conversation) as events:
        next(events)
        item = {"role": "user", "content": "mine"}
        for refused in (
            pair.other.ask(conversation=conversation),
            pair.other.post(f"conversations/{conversation}/items", items=[item]),
            pair.other.http.delete(f"conversations/{conversation}"),
        ):
            assert (refused.status_code, refused.json()["error"]["code"]) == (
                409,
                "conversation_locked",
            )
        for event in events:
            if event["type"] == "response.completed":
                assert pair.other.create(input="and", conversation=conversation)
    texts = [item["content"][0]["text"] for item in pair.one.items(conversation)]
    assert texts == [words, f"You said: {words}", "and", "You said: and"]


def test_what_runs_long_is_not_taken_for_abandoned(pair: Pair) -> None:
    time.sleep(max(0.0, pair.since + 7 - time.monotonic()))  # a lease, and a second
    for client in (pair.one, pair.other):
        for id_ in pair.long:
            assert client.retrieve(id_)["status"] == "in_progress"
