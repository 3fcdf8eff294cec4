"""httpx as the interface over our client."""

import httpx
import pytest

from modelmux.adapters.transport.httpx import PooledTransport
from tests.support.clients import http_client
from tests.support.raw_server import (
    STREAM_HEAD,
    RawPeer,
    chunk,
    closed_port,
    raw_server,
    response,
    stream,
)


async def echo(peer: RawPeer) -> None:
    while True:
        request = await peer.request()
        await peer.send(response(request.body, status=201, headers=(("x-echo", "yes"),)))


async def test_a_call_through_httpx_is_a_call_of_ours() -> None:
    async with raw_server(echo) as server, http_client() as client:
        async with httpx.AsyncClient(transport=PooledTransport(client)) as caller:
            for _ in range(2):
                reply = await caller.post(
                    f"{server.base_url}/token?a=b", data={"grant": "x"}, headers={"x-mine": "1"}
                )
                assert (reply.status_code, reply.text) == (201, "grant=x")
                assert reply.headers["x-echo"] == "yes"
        assert server.connections == 1
    request = server.requests[0]
    assert request.target == "/token?a=b"
    assert request.headers["x-mine"] == "1"
    assert request.headers["accept-encoding"] == "identity"
    assert request.head.lower().count(b"host:") == 1


async def test_a_stream_through_httpx_comes_piece_by_piece() -> None:
    async def script(peer: RawPeer) -> None:
        await peer.request()
        await peer.send(stream(b"1", b"2"))

    async with raw_server(script) as server, http_client() as client:
        caller = httpx.AsyncClient(transport=PooledTransport(client))
        async with caller, caller.stream("GET", server.base_url) as reply:
            assert [line async for line in reply.aiter_lines() if line] == ["data: 1", "data: 2"]


async def test_failures_are_httpx_failures() -> None:
    async def cut(peer: RawPeer) -> None:
        await peer.request()
        await peer.send(STREAM_HEAD + chunk(b"data: 1\n\n"))

    async with (
        http_client() as client,
        httpx.AsyncClient(transport=PooledTransport(client)) as caller,
    ):
        with pytest.raises(httpx.ConnectError):
            await caller.get(f"http://127.0.0.1:{closed_port()}")
        async with raw_server(cut) as server:
            with pytest.raises(httpx.RemoteProtocolError):
                await caller.get(server.base_url)


async def test_silence_is_a_read_timeout() -> None:
    async def silent(peer: RawPeer) -> None:
        await peer.request()
        await peer.closed()

    async with (
        raw_server(silent) as server,
        http_client(first_byte_timeout_s=0.05) as client,
        httpx.AsyncClient(transport=PooledTransport(client)) as caller,
    ):
        with pytest.raises(httpx.ReadTimeout):
            await caller.get(server.base_url)


async def test_a_compressed_reply_is_never_inflated() -> None:
    async def zipped(peer: RawPeer) -> None:
        await peer.request()
        await peer.send(response(b"x", status=500, headers=(("content-encoding", "gzip"),)))

    async with (
        raw_server(zipped) as server,
        http_client() as client,
        httpx.AsyncClient(transport=PooledTransport(client)) as caller,
    ):
        with pytest.raises(httpx.DecodingError):
            await caller.get(server.base_url)
