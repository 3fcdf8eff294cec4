"""Which connections serve again, against sockets that break each rule."""

import asyncio
import gc

import pytest

from modelmux.adapters.transport.connection import Connection
from tests.support.clients import get, http_client, post
from tests.support.raw_server import (
    LAST_CHUNK,
    STREAM_HEAD,
    RawPeer,
    chunk,
    raw_server,
    response,
)

LIMIT = 1 << 20


async def answer_forever(peer: RawPeer) -> None:
    while True:
        request = await peer.request()
        await peer.send(response(request.body or b"{}"))


async def test_a_connection_serves_one_call_after_the_other() -> None:
    async with raw_server(answer_forever) as server, http_client() as client:
        for number in range(5):
            reply = await client.send(post(server.base_url, body=b"%d" % number))
            assert await reply.read_all(LIMIT) == b"%d" % number
    assert server.connections == 1


async def test_a_request_is_framed_by_the_client_alone() -> None:
    async with raw_server(answer_forever) as server, http_client() as client:
        await (await client.send(post(server.base_url, body=b"{}"))).read_all(LIMIT)
        await (await client.send(get(server.base_url))).read_all(LIMIT)
    posted, got = server.requests
    assert posted.headers == {
        "host": f"127.0.0.1:{server.port}",
        "accept-encoding": "identity",
        "user-agent": "modelmux",
        "content-type": "application/json",
        "content-length": "2",
    }
    assert (posted.method, posted.target) == ("POST", "/v1/chat")
    assert got.method == "GET"
    assert "content-length" not in got.headers


async def test_calls_at_the_same_time_have_connections_of_their_own() -> None:
    async with raw_server(answer_forever) as server, http_client() as client:

        async def call(number: int) -> bytes:
            reply = await client.send(post(server.base_url, body=b"%d" % number))
            return await reply.read_all(LIMIT)

        bodies = await asyncio.gather(*[call(number) for number in range(20)])
        assert bodies == [b"%d" % number for number in range(20)]
    assert 1 < server.connections <= 20


async def test_bytes_after_a_complete_response_never_meet_the_next_caller() -> None:
    async def script(peer: RawPeer) -> None:
        await peer.request()
        await peer.send(response(b"mine") + response(b"POISON"))
        await peer.request()
        await peer.send(response(b"POISON"))

    async with raw_server(script) as server, http_client() as client:
        for _ in range(20):
            reply = await client.send(post(server.base_url))
            assert await reply.read_all(LIMIT) == b"mine"
        assert server.connections == 20


async def test_garbage_after_a_complete_response_closes_the_connection() -> None:
    async def script(peer: RawPeer) -> None:
        await peer.request()
        await peer.send(response(b"mine") + b"\x00\x01 nonsense")
        await peer.closed()

    async with raw_server(script) as server, http_client() as client:
        reply = await client.send(post(server.base_url))
        assert await reply.read_all(LIMIT) == b"mine"
        await server.until_ended(1)


async def test_bytes_that_follow_before_the_response_is_read_close_the_connection() -> None:
    async def script(peer: RawPeer) -> None:
        await peer.request()
        await peer.send(response(b"mine"))
        await asyncio.sleep(0.02)
        await peer.send(response(b"POISON"))
        await peer.closed()

    async with raw_server(script) as server, http_client() as client:
        reply = await client.send(post(server.base_url))
        await asyncio.sleep(0.1)
        assert await reply.read_all(LIMIT) == b"mine"
        await server.until_ended(1)


async def test_bytes_on_an_idle_connection_close_it() -> None:
    async def script(peer: RawPeer) -> None:
        await peer.request()
        await peer.send(response(b"mine"))
        if peer.number == 0:
            await asyncio.sleep(0.03)
            await peer.send(response(b"POISON"))
            await peer.closed()

    async with raw_server(script) as server, http_client() as client:
        assert await (await client.send(post(server.base_url))).read_all(LIMIT) == b"mine"
        await server.until_ended(1)
        assert await (await client.send(post(server.base_url))).read_all(LIMIT) == b"mine"
        assert server.connections == 2


async def test_idle_bytes_that_the_loop_has_not_seen_yet_are_seen_all_the_same() -> None:
    said = asyncio.Event()
    server_writer: list[RawPeer] = []

    async def script(peer: RawPeer) -> None:
        server_writer.append(peer)
        await peer.request()
        await peer.send(response(b"mine"))
        await said.wait()
        await peer.closed()

    async with raw_server(script) as server, http_client() as client:
        assert await (await client.send(post(server.base_url))).read_all(LIMIT) == b"mine"
        # Written to the socket at once, and the next call is sent before the loop turns.
        server_writer[0].writer.write(response(b"POISON"))
        said.set()
        assert await (await client.send(post(server.base_url))).read_all(LIMIT) == b"mine"
        assert server.connections == 2


async def test_a_connection_that_was_closed_while_idle_is_replaced() -> None:
    async def script(peer: RawPeer) -> None:
        await peer.request()
        await peer.send(response(b"once"))

    async with raw_server(script) as server, http_client() as client:
        for _ in range(3):
            assert await (await client.send(post(server.base_url))).read_all(LIMIT) == b"once"
            await server.until_ended(server.connections)
        assert len(server.requests) == 3


async def test_a_stale_connection_is_retried_once_on_a_new_one() -> None:
    async def script(peer: RawPeer) -> None:
        await peer.request()
        if peer.number == 0:
            await peer.send(response(b"first"))
            await peer.request()
            peer.reset()
            return
        await peer.send(response(b"second"))

    async with raw_server(script) as server, http_client() as client:
        assert await (await client.send(post(server.base_url))).read_all(LIMIT) == b"first"
        assert await (await client.send(post(server.base_url))).read_all(LIMIT) == b"second"
        assert server.connections == 2


async def test_connection_close_is_obeyed() -> None:
    async def script(peer: RawPeer) -> None:
        await peer.request()
        await peer.send(response(b"{}", headers=(("connection", "close"),)))
        await peer.closed()

    async with raw_server(script) as server, http_client() as client:
        await (await client.send(post(server.base_url))).read_all(LIMIT)
        await server.until_ended(1)
        await (await client.send(post(server.base_url))).read_all(LIMIT)
        assert server.connections == 2


async def test_a_connection_idle_for_too_long_is_closed() -> None:
    async with raw_server(answer_forever) as server, http_client(keep_alive_s=0.05) as client:
        await (await client.send(post(server.base_url))).read_all(LIMIT)
        await server.until_ended(1)
        assert server.open_connections == 0


async def test_an_end_marker_in_a_later_packet_still_leaves_the_connection_pooled() -> None:
    async def script(peer: RawPeer) -> None:
        while True:
            await peer.request()
            await peer.send(STREAM_HEAD + chunk(b"data: all\n\n"))
            await asyncio.sleep(0.03)
            await peer.send(LAST_CHUNK)

    async with raw_server(script) as server, http_client() as client:
        for _ in range(3):
            reply = await client.send(post(server.base_url))
            assert await reply.read() == b"data: all\n\n"
            reply.let_end()
            await asyncio.sleep(0.1)
        assert server.connections == 1


async def test_a_body_whose_end_marker_never_comes_is_closed_in_a_moment() -> None:
    async def script(peer: RawPeer) -> None:
        await peer.request()
        await peer.send(STREAM_HEAD + chunk(b"data: all\n\n"))
        await peer.closed()

    async with raw_server(script) as server, http_client() as client:
        reply = await client.send(post(server.base_url))
        await reply.read()
        reply.let_end()
        await server.until_ended(1, timeout_s=1.0)


async def test_a_body_that_goes_on_for_long_after_it_was_let_go_is_closed() -> None:
    async def script(peer: RawPeer) -> None:
        await peer.request()
        await peer.send(STREAM_HEAD + chunk(b"data: all\n\n"))
        while True:
            await peer.send(chunk(bytes(65536)))

    async with raw_server(script) as server, http_client() as client:
        reply = await client.send(post(server.base_url))
        await reply.read()
        reply.let_end()
        await server.until_ended(1, timeout_s=1.0)


async def test_closing_before_the_end_closes_the_connection() -> None:
    async def script(peer: RawPeer) -> None:
        await peer.request()
        await peer.send(STREAM_HEAD + chunk(b"data: 1\n\n"))
        await peer.closed()

    async with raw_server(script) as server, http_client(max_connections=1) as client:
        for count in range(1, 4):
            reply = await client.send(post(server.base_url))
            await reply.aclose()
            await reply.aclose()
            await server.until_ended(count, timeout_s=0.25)


async def test_closing_the_client_ends_what_runs_and_what_waits_idle() -> None:
    async def script(peer: RawPeer) -> None:
        await peer.request()
        await peer.send(response(b"{}") if peer.number else STREAM_HEAD)
        await peer.closed()

    async with raw_server(script) as server, http_client() as client:
        await client.send(post(server.base_url))
        await (await client.send(post(server.base_url))).read_all(LIMIT)
        await client.aclose()
        await server.until_ended(2)


async def test_idle_connections_to_one_address_make_room_for_another() -> None:
    async with (
        raw_server(answer_forever) as first,
        raw_server(answer_forever) as second,
        http_client(max_connections=1) as client,
    ):
        await (await client.send(post(first.base_url))).read_all(LIMIT)
        await (await client.send(post(second.base_url))).read_all(LIMIT)
        await first.until_ended(1)


async def test_calls_leave_neither_cycles_nor_connections_behind() -> None:
    """A collection of the garbage of calls stops the world for everybody else."""

    async def script(peer: RawPeer) -> None:
        await peer.request()
        await peer.send(response(b"{}"))
        await peer.request()
        await peer.send(STREAM_HEAD + chunk(b"data: 1\n\n"))
        await peer.closed()

    gc.collect()
    gc.set_debug(gc.DEBUG_SAVEALL)
    try:
        async with raw_server(script) as server, http_client() as client:
            for _ in range(3):
                await (await client.send(post(server.base_url))).read_all(LIMIT)
                reply = await client.send(post(server.base_url))
                await reply.read()
                reading = asyncio.ensure_future(reply.read())
                await asyncio.sleep(0.01)
                reading.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await reading
        gc.collect()
        ours = [one for one in gc.garbage if type(one).__module__.startswith("modelmux")]
        assert ours == []
        assert not [one for one in gc.get_objects() if type(one) is Connection]
    finally:
        gc.set_debug(0)
        gc.garbage.clear()
