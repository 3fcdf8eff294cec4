"""The Responses API on a WebSocket, through the official SDK and through plain frames."""

import asyncio
import json
from collections.abc import AsyncGenerator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import openai
import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from tests.support.serving import ServedGateway, serving

KEY = "test-caller-key-not-secret"
Event = dict[str, Any]  # Any: JSON


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServedGateway]:
    folder = tmp_path_factory.mktemp("websocket")
    with serving(
        folder, config='[provider]\ntype = "demo"\n', environment={"MODELMUX_API_KEY": KEY}
    ) as running:
        yield running


@asynccontextmanager
async def socket(gateway: ServedGateway) -> AsyncGenerator[ClientConnection]:
    address = gateway.url.replace("http", "ws") + "/v1/responses"
    async with connect(
        address, additional_headers={"authorization": f"Bearer {KEY}"}, proxy=None
    ) as connection:
        yield connection


async def send(connection: ClientConnection, **members: object) -> None:
    body = {"type": "response.create", "model": "demo", "input": "Hi", **members}
    await connection.send(json.dumps(body))


async def turn(connection: ClientConnection, **members: object) -> list[Event]:
    """Return the events of one request, up to its end."""
    await send(connection, **members)
    return await ending(connection)


async def ending(connection: ClientConnection) -> list[Event]:
    events: list[Event] = []
    async with asyncio.timeout(10):
        while True:
            events.append(json.loads(await connection.recv()))
            if events[-1]["type"] in _LAST:
                return events


_LAST = {"response.completed", "response.incomplete", "response.failed", "error"}


async def test_the_sdk_converses_on_one_connection(gateway: ServedGateway) -> None:
    async with openai.AsyncOpenAI(base_url=f"{gateway.url}/v1", api_key=KEY) as client:
        async with client.responses.connect(max_retries=0) as connection:
            previous: str | None = None
            for _ in range(3):
                await connection.response.create(
                    model="demo", input="Hi", previous_response_id=previous or openai.omit
                )
                async for event in connection:
                    if event.type == "response.completed":
                        previous = event.response.id
                        assert event.response.output_text
                        break
        assert previous is not None
        kept = await client.responses.retrieve(previous)
        assert kept.previous_response_id is not None


async def test_events_are_those_of_the_stream_without_its_mark(gateway: ServedGateway) -> None:
    async with socket(gateway) as connection:
        events = await turn(connection)
    assert [event["sequence_number"] for event in events] == list(range(len(events)))
    assert events[0]["type"] == "response.created"
    assert events[-1]["type"] == "response.completed"


async def test_what_is_not_stored_is_continued_on_its_connection_alone(
    gateway: ServedGateway,
) -> None:
    async with socket(gateway) as connection:
        first = (await turn(connection, store=False, input="One"))[-1]["response"]
        second = (
            await turn(connection, store=False, input="Two", previous_response_id=first["id"])
        )[-1]
        assert second["type"] == "response.completed"
        usage = second["response"]["usage"]
        assert usage["input_tokens"] > first["usage"]["input_tokens"]
    async with socket(gateway) as another:
        (refused,) = await turn(another, previous_response_id=first["id"])
    assert (refused["type"], refused["status"]) == ("error", 400)
    assert refused["error"]["code"] == "previous_response_not_found"
    assert refused["error"]["param"] == "previous_response_id"


async def test_a_continuation_that_fails_is_forgotten(gateway: ServedGateway) -> None:
    async with socket(gateway) as connection:
        first = (await turn(connection, store=False))[-1]["response"]["id"]
        lost = {"type": "function_call_output", "call_id": "call_nobody", "output": "x"}
        (refused,) = await turn(connection, store=False, input=[lost], previous_response_id=first)
        assert refused["error"]["message"].startswith("No tool call found")
        (gone,) = await turn(connection, store=False, previous_response_id=first)
        assert gone["error"]["code"] == "previous_response_not_found"


async def test_requests_that_come_at_once_are_answered_in_turn(gateway: ServedGateway) -> None:
    async with socket(gateway) as connection:
        for number in range(3):
            await send(connection, metadata={"number": str(number)})
        answers = [await ending(connection) for _ in range(3)]
    for number, events in enumerate(answers):
        ids = {event["response"]["id"] for event in events if "response" in event}
        assert len(ids) == 1
        assert events[-1]["response"]["metadata"] == {"number": str(number)}


async def test_too_many_at_once_are_refused_and_the_rest_answered(gateway: ServedGateway) -> None:
    asked = 60
    async with socket(gateway) as connection:
        for _ in range(asked):
            await send(connection)
        ends = [(await ending(connection))[-1] for _ in range(asked)]
    refused = [end for end in ends if end["type"] == "error"]
    assert {end["error"]["code"] for end in refused} <= {"too_many_waiting"}
    assert len(ends) - len(refused) >= 16


async def test_what_waits_is_no_larger_than_one_request_may_be(slow: ServedGateway) -> None:
    large = json.dumps({"type": "response.create", "input": "x" * (17 * 2**20)})
    async with socket(slow) as connection:
        await send(connection, input="word " * 30)
        for _ in range(2):
            await connection.send(large)
        refused = (await ending(connection))[-1]
        assert refused["error"]["code"] == "too_many_waiting"
        assert (await ending(connection))[-1]["type"] == "response.completed"
        (waited,) = await ending(connection)
        assert waited["error"]["param"] == "model"


@pytest.mark.parametrize(
    ("frame", "param"),
    [
        ('{"type":"response.steer"}', "type"),
        ('{"model":"demo","input":"Hi"}', "type"),
        ("[]", None),
        ("not JSON", None),
        ('{"type":"response.create","input":"Hi"}', "model"),
        ('{"type":"response.create","model":"demo"}', "input"),
        ('{"type":"response.create","model":"demo","input":"Hi","background":true}', "background"),
        ('{"type":"response.create","model":"demo","input":"Hi","generate":false}', "generate"),
        ('{"type":"response.create","model":"demo","input":"Hi","stream_id":"a"}', "stream_id"),
        ('{"type":"response.create","model":"none","input":"Hi"}', "model"),
    ],
)
async def test_a_bad_frame_is_told_and_the_connection_goes_on(
    gateway: ServedGateway, frame: str, param: str | None
) -> None:
    async with socket(gateway) as connection:
        await connection.send(frame)
        (refused,) = await ending(connection)
        assert refused["type"] == "error"
        assert refused["status"] in (400, 404)
        assert refused["error"]["param"] == param
        assert "request id: req_" in refused["error"]["message"]
        assert (await turn(connection))[-1]["type"] == "response.completed"


async def test_bytes_that_are_not_text_are_told(gateway: ServedGateway) -> None:
    async with socket(gateway) as connection:
        await connection.send(b'{"type":"response.create","model":"demo","input":"Hi"}')
        assert (await ending(connection))[-1]["type"] == "response.completed"
        await connection.send(b"\xff\xfe")
        (refused,) = await ending(connection)
        assert refused["type"] == "error"


@pytest.mark.parametrize("key", [None, "no-such-key-not-secret"])
async def test_a_stranger_gets_no_connection(gateway: ServedGateway, key: str | None) -> None:
    address = gateway.url.replace("http", "ws") + "/v1/responses"
    headers = {} if key is None else {"authorization": f"Bearer {key}"}
    with pytest.raises(InvalidStatus) as refused:
        await connect(address, additional_headers=headers, proxy=None)
    assert refused.value.response.status_code == 401
    assert b"api_key" in (refused.value.response.body or b"")


async def test_there_is_no_socket_elsewhere(gateway: ServedGateway) -> None:
    address = gateway.url.replace("http", "ws") + "/v1/chat/completions"
    with pytest.raises(InvalidStatus) as refused:
        await connect(address, additional_headers={"authorization": f"Bearer {KEY}"}, proxy=None)
    assert refused.value.response.status_code == 400


async def test_a_client_that_leaves_in_the_middle_harms_nobody(gateway: ServedGateway) -> None:
    for _ in range(20):
        async with socket(gateway) as connection:
            await send(connection)
            await connection.recv()
            connection.transport.abort()
            with pytest.raises(ConnectionClosed):
                await ending(connection)
    async with socket(gateway) as connection:
        assert (await turn(connection))[-1]["type"] == "response.completed"
    assert "Traceback" not in gateway.log.read_text()
