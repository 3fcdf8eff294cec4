"""How the stream of a background response is sent to whoever follows it."""

import asyncio
import json
from collections.abc import Sequence
from typing import Any

import pytest

from modelmux.application.ports import Answer, Exchange
from modelmux.domain.errors import NotFound, ShuttingDown, StoreError
from modelmux.domain.events import FinishReason, RelayedBytes, ResponseFinished, StreamEvent
from modelmux.entrypoints.asgi import Event
from modelmux.entrypoints.state.following import Following
from modelmux.entrypoints.watcher import RunningCalls
from tests.support.http_server import services_with

END = ResponseFinished((FinishReason.OTHER,))
Batch = Sequence[StreamEvent] | Exception


class Told(Answer):
    """Gives the batches it is made of, then nothing for ever."""

    def __init__(self, *batches: Batch) -> None:
        self._batches = list(batches)
        self.closed = False

    async def read(self) -> Sequence[StreamEvent]:
        if not self._batches:
            await asyncio.Event().wait()
        batch = self._batches.pop(0)
        if isinstance(batch, Exception):
            raise batch
        return batch

    async def aclose(self) -> None:
        self.closed = True


class Client:
    """One that reads all, and leaves when it is told to."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.exchange = Exchange("req_1", "GET", "")
        self.left = asyncio.Event()
        self.calls = RunningCalls(15.0)

    async def follow(self, answer: Answer | Exception) -> None:
        async def opened() -> Answer:
            if isinstance(answer, Exception):
                raise answer
            return answer

        services = services_with(None)  # type: ignore[arg-type]  # nothing is generated
        scope: dict[str, Any] = {"state": {"exchange": self.exchange}}
        await Following(services, self.calls, opened)(scope, self._receive, self._send)

    @property
    def body(self) -> bytes:
        return b"".join(event.get("body", b"") for event in self.events)

    async def _receive(self) -> Event:
        await self.left.wait()
        return {"type": "http.disconnect"}

    async def _send(self, event: Event) -> None:
        self.events.append(event)


async def test_frames_are_sent_as_they_come() -> None:
    answer = Told([RelayedBytes(b"one\n\n"), RelayedBytes(b"two\n\n")], [RelayedBytes(b"3"), END])
    client = Client()
    await client.follow(answer)
    head, first, last = client.events
    assert head["status"] == 200
    assert (b"content-type", b"text/event-stream; charset=utf-8") in head["headers"]
    assert (first["body"], first["more_body"]) == (b"one\n\ntwo\n\n", True)
    assert (last["body"], last.get("more_body", False)) == (b"3", False)
    assert answer.closed
    assert len(client.calls) == 0


async def test_what_is_wrong_before_the_stream_is_raised() -> None:
    client = Client()
    with pytest.raises(NotFound):
        await client.follow(NotFound("no such response"))
    assert client.events == []
    assert len(client.calls) == 0


async def test_what_goes_wrong_midway_is_told_and_is_no_end_of_the_response() -> None:
    answer = Told([RelayedBytes(b"one\n\n")], StoreError("The store does not answer."))
    client = Client()
    await client.follow(answer)
    frames = client.body.split(b"\n\n")
    assert frames[0] == b"one"
    error = json.loads(frames[1].removeprefix(b"data: "))["error"]
    assert error["code"] == "store_unavailable"
    assert b"[DONE]" not in client.body
    assert b"response.failed" not in client.body
    assert client.exchange.error == "store_unavailable"
    assert answer.closed


async def test_a_follower_who_leaves_closes_what_it_read() -> None:
    answer, client = Told([RelayedBytes(b"one\n\n")]), Client()
    following = asyncio.create_task(client.follow(answer))
    await asyncio.sleep(0.15)
    client.left.set()
    async with asyncio.timeout(1):
        await following
    assert client.exchange.client_gone
    assert answer.closed
    assert client.body == b"one\n\n"


async def test_a_server_on_its_way_out_tells_its_followers() -> None:
    answer, client = Told([RelayedBytes(b"one\n\n")]), Client()
    following = asyncio.create_task(client.follow(answer))
    await asyncio.sleep(0.05)
    client.calls.end_all(ShuttingDown("The gateway is shutting down."))
    async with asyncio.timeout(1):
        await following
    assert b"shutting_down" in client.body


async def test_somebody_elses_cancellation_goes_on() -> None:
    answer, client = Told([RelayedBytes(b"one\n\n")]), Client()
    following = asyncio.create_task(client.follow(answer))
    await asyncio.sleep(0.05)
    following.cancel()
    with pytest.raises(asyncio.CancelledError):
        await following
    assert answer.closed
