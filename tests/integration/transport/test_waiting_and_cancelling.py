"""Slots in front of the pool, and calls whose caller has gone."""

import asyncio

import pytest

from modelmux.domain.errors import ShuttingDown, TooManyWaiting
from tests.support.clients import http_client, post
from tests.support.raw_server import STREAM_HEAD, RawPeer, chunk, raw_server, response

LIMIT = 1 << 20


async def hang(peer: RawPeer) -> None:
    await peer.request()
    await peer.closed()


async def stream_and_hang(peer: RawPeer) -> None:
    await peer.request()
    await peer.send(STREAM_HEAD + chunk(b"data: 1\n\n"))
    await peer.closed()


async def slowly(peer: RawPeer) -> None:
    while True:
        request = await peer.request()
        await asyncio.sleep(0.02)
        await peer.send(response(request.body))


async def test_a_cancelled_wait_for_the_head_closes_the_connection_and_frees_the_slot() -> None:
    async with raw_server(hang) as server, http_client(max_connections=1) as client:
        for count in range(1, 4):
            task = asyncio.ensure_future(client.send(post(server.base_url)))
            await server.until_asked(count)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            await server.until_ended(count, timeout_s=0.25)


async def test_readings_tell_of_connections_and_of_who_waits() -> None:
    async with raw_server(slowly) as server, http_client(max_connections=1) as client:

        def told() -> list[tuple[str, float]]:
            return [(reading.labels[-1], reading.value) for reading in client.readings()]

        name = client.provider
        assert told() == [("open", 0), ("idle", 0), (name, 0)]
        calls = [asyncio.ensure_future(client.send(post(server.base_url))) for _ in range(3)]
        await server.until_asked(1)
        assert told() == [("open", 1), ("idle", 0), (name, 2)]
        for call in asyncio.as_completed(calls):
            await (await call).read_all(LIMIT)
        assert told() == [("open", 1), ("idle", 1), (name, 0)]


async def test_a_cancelled_read_closes_the_connection_and_frees_the_slot() -> None:
    async with raw_server(stream_and_hang) as server, http_client(max_connections=1) as client:
        for count in range(1, 4):
            reply = await client.send(post(server.base_url))
            assert await reply.read()
            task = asyncio.ensure_future(reply.read())
            await asyncio.sleep(0.01)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            await server.until_ended(count, timeout_s=0.25)
            await reply.aclose()


async def test_a_call_cancelled_while_it_connects_frees_its_slot() -> None:
    async with raw_server(slowly) as server, http_client(max_connections=1) as client:
        for _ in range(5):
            task = asyncio.ensure_future(client.send(post(server.base_url)))
            await asyncio.sleep(0)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
        reply = await client.send(post(server.base_url, body=b"mine"))
        assert await reply.read_all(LIMIT) == b"mine"


async def test_no_more_connections_than_slots_and_everybody_is_served() -> None:
    async with raw_server(slowly) as server, http_client(max_connections=3) as client:

        async def call(number: int) -> bytes:
            return await (await client.send(post(server.base_url, body=b"%d" % number))).read_all(9)

        bodies = await asyncio.gather(*[call(number) for number in range(30)])
        assert bodies == [b"%d" % number for number in range(30)]
        assert server.connections == 3


async def test_callers_are_served_in_the_order_of_their_coming() -> None:
    async with raw_server(slowly) as server, http_client(max_connections=1) as client:

        async def call(number: int) -> None:
            await (await client.send(post(server.base_url, body=b"%d" % number))).read_all(9)

        await asyncio.gather(*[call(number) for number in range(8)])
        assert [request.body for request in server.requests] == [b"%d" % n for n in range(8)]


async def test_too_many_waiting_are_turned_away_at_once() -> None:
    async with (
        raw_server(stream_and_hang) as server,
        http_client(max_connections=1, max_waiting=1) as client,
    ):
        held = await client.send(post(server.base_url))
        waits = asyncio.ensure_future(client.send(post(server.base_url)))
        await asyncio.sleep(0)
        with pytest.raises(TooManyWaiting) as caught:
            await client.send(post(server.base_url))
        assert caught.value.retry_after_s is not None
        await held.aclose()
        await (await waits).aclose()


async def test_waiting_ends_in_time() -> None:
    async with (
        raw_server(stream_and_hang) as server,
        http_client(max_connections=1, wait_timeout_s=0.05) as client,
    ):
        held = await client.send(post(server.base_url))
        with pytest.raises(TooManyWaiting):
            await client.send(post(server.base_url))
        await held.aclose()
        await (await client.send(post(server.base_url))).aclose()


async def test_a_cancelled_wait_leaves_its_place_to_others() -> None:
    async with (
        raw_server(stream_and_hang) as server,
        http_client(max_connections=1, max_waiting=1) as client,
    ):
        held = await client.send(post(server.base_url))
        for _ in range(3):
            waits = asyncio.ensure_future(client.send(post(server.base_url)))
            await asyncio.sleep(0)
            waits.cancel()
            with pytest.raises(asyncio.CancelledError):
                await waits
        last = asyncio.ensure_future(client.send(post(server.base_url)))
        await asyncio.sleep(0)
        await held.aclose()
        await (await last).aclose()


async def test_a_slot_handed_to_a_caller_who_leaves_in_that_moment_is_not_lost() -> None:
    async with raw_server(stream_and_hang) as server, http_client(max_connections=1) as client:
        held = await client.send(post(server.base_url))
        leaves = asyncio.ensure_future(client.send(post(server.base_url)))
        await asyncio.sleep(0)
        await held.aclose()
        leaves.cancel()
        with pytest.raises(asyncio.CancelledError):
            await leaves
        await (await client.send(post(server.base_url))).aclose()


async def test_whoever_waits_when_the_client_closes_is_told_so() -> None:
    async with raw_server(stream_and_hang) as server, http_client(max_connections=1) as client:
        await client.send(post(server.base_url))
        waits = asyncio.ensure_future(client.send(post(server.base_url)))
        await asyncio.sleep(0)
        await client.aclose()
        with pytest.raises(ShuttingDown):
            await waits
        with pytest.raises(ShuttingDown):
            await client.send(post(server.base_url))
