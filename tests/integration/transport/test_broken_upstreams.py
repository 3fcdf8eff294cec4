"""Upstreams that break off, lie or say too much: each is a truthful error, in time."""

import asyncio
import time

import pytest

from modelmux.adapters.transport.client import HttpCall
from modelmux.adapters.transport.url import Url
from modelmux.domain.errors import (
    ConfigurationError,
    ProviderError,
    ProviderProtocolBroken,
    StreamCut,
    UpstreamTimeout,
    UpstreamUnreachable,
)
from tests.support.clients import get, http_client, post
from tests.support.raw_server import (
    LAST_CHUNK,
    STREAM_HEAD,
    RawPeer,
    Script,
    chunk,
    closed_port,
    raw_server,
    response,
)

LIMIT = 1 << 20


def saying(*packets: bytes, then_close: bool = True) -> Script:
    """Return a script that answers one request with these bytes."""

    async def script(peer: RawPeer) -> None:
        await peer.request()
        for packet in packets:
            await peer.send(packet)
            await asyncio.sleep(0.01)
        if not then_close:
            await peer.closed()

    return script


async def test_a_refused_connection_is_unreachable() -> None:
    async with http_client() as client:
        with pytest.raises(UpstreamUnreachable) as caught:
            await client.send(post(f"http://127.0.0.1:{closed_port()}"))
    assert caught.value.provider == "upstream"
    assert "127.0.0.1" not in caught.value.message
    assert "127.0.0.1" in (caught.value.detail or "")


async def test_a_name_that_does_not_exist_is_unreachable() -> None:
    async with http_client() as client:
        with pytest.raises(UpstreamUnreachable):
            await client.send(post("http://nowhere.invalid"))


async def test_a_reset_before_the_head_is_unreachable_and_not_repeated() -> None:
    async def script(peer: RawPeer) -> None:
        await peer.request()
        peer.reset()

    async with raw_server(script) as server, http_client() as client:
        with pytest.raises(UpstreamUnreachable):
            await client.send(post(server.base_url))
        assert server.connections == 1


async def test_half_a_head_is_unreachable() -> None:
    async with raw_server(saying(b"HTTP/1.1 200 O")) as server, http_client() as client:
        with pytest.raises(UpstreamUnreachable):
            await client.send(post(server.base_url))


async def test_silence_before_the_head_ends_in_time() -> None:
    async with (
        raw_server(saying(then_close=False)) as server,
        http_client(first_byte_timeout_s=0.1) as client,
    ):
        started = time.monotonic()
        with pytest.raises(UpstreamTimeout) as caught:
            await client.send(post(server.base_url))
        assert caught.value.phase == "first_byte"
        assert time.monotonic() - started < 0.5
        await server.until_ended(1)


async def test_silence_in_the_body_ends_in_time() -> None:
    script = saying(STREAM_HEAD + chunk(b"data: 1\n\n"), then_close=False)
    async with raw_server(script) as server, http_client(idle_timeout_s=0.1) as client:
        reply = await client.send(post(server.base_url))
        assert await reply.read() == b"data: 1\n\n"
        with pytest.raises(UpstreamTimeout) as caught:
            await reply.read()
        assert caught.value.phase == "idle"
        assert caught.value.provider == "upstream"
        await server.until_ended(1)


async def test_a_body_that_trickles_for_ever_ends_at_the_total_time() -> None:
    async def script(peer: RawPeer) -> None:
        await peer.request()
        await peer.send(STREAM_HEAD)
        while True:
            await peer.send(chunk(b"."))
            await asyncio.sleep(0.02)

    async with raw_server(script) as server, http_client(total_timeout_s=0.3) as client:
        reply = await client.send(post(server.base_url))
        with pytest.raises(UpstreamTimeout) as caught:
            await reply.read_all(LIMIT)
        assert caught.value.phase == "total"


async def test_interim_bytes_without_a_head_do_not_stretch_the_time() -> None:
    async def script(peer: RawPeer) -> None:
        await peer.request()
        while True:
            await peer.send(b"HTTP/1.1 102 Processing\r\n\r\n")
            await asyncio.sleep(0.02)

    async with raw_server(script) as server, http_client(first_byte_timeout_s=0.2) as client:
        with pytest.raises(UpstreamTimeout):
            await client.send(post(server.base_url))


@pytest.mark.parametrize(
    "packets",
    [
        pytest.param((response(b"x" * 100)[:-10],), id="less than the announced length"),
        pytest.param((STREAM_HEAD, chunk(b"data: 1\n\n")), id="no last chunk"),
        pytest.param((STREAM_HEAD, b"40\r\nhalf a chunk"), id="half a chunk"),
        pytest.param((STREAM_HEAD, chunk(b"data: 1\n\n"), b"0\r\n"), id="half an end marker"),
    ],
)
async def test_half_a_body_is_a_cut(packets: tuple[bytes, ...]) -> None:
    async with raw_server(saying(*packets)) as server, http_client() as client:
        reply = await client.send(post(server.base_url))
        with pytest.raises(StreamCut):
            await reply.read_all(LIMIT)
        with pytest.raises(StreamCut):
            await reply.read()


async def test_a_reset_in_the_body_is_a_cut() -> None:
    async def script(peer: RawPeer) -> None:
        await peer.request()
        await peer.send(STREAM_HEAD + chunk(b"data: 1\n\n"))
        await asyncio.sleep(0.02)
        peer.reset()

    async with raw_server(script) as server, http_client() as client:
        reply = await client.send(post(server.base_url))
        with pytest.raises(StreamCut):
            await reply.read_all(LIMIT)


@pytest.mark.parametrize(
    "packet",
    [
        pytest.param(b"SSH-2.0-OpenSSH_9.9\r\n", id="another protocol"),
        pytest.param(b"\x15\x03\x01\x00\x02\x02\x46", id="a TLS alert"),
        pytest.param(
            b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\ntransfer-encoding: chunked\r\n\r\n{}",
            id="two framings",
        ),
        pytest.param(
            b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\ncontent-length: 2\r\n\r\n{}",
            id="two framings the other way round",
        ),
        pytest.param(
            b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 3\r\n\r\n{}",
            id="two lengths",
        ),
        pytest.param(b"HTTP/1.1 200 OK\r\ncontent-length: -2\r\n\r\n{}", id="a negative length"),
        pytest.param(
            b"HTTP/1.1 200 OK\r\ntransfer-encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
            id="a transfer coding",
        ),
        pytest.param(
            b"HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: x\r\n\r\n",
            id="an upgrade",
        ),
        pytest.param(b"HTTP/1.1 200 OK\r\nno colon here\r\n\r\n", id="a line that is no header"),
        pytest.param(b"HTTP/1.1 200 OK\r\nx: " + b"y" * 70000 + b"\r\n\r\n", id="one giant header"),
        pytest.param(b"HTTP/1.1 200 OK\r\n" + b"x: y\r\n" * 20000, id="headers without end"),
        pytest.param(b"HTTP/1.1 103 Early\r\nx: y\r\n\r\n" * 5000, id="interims without end"),
        pytest.param(
            response(b"\x1f\x8b", headers=(("content-encoding", "gzip"),)), id="unasked gzip"
        ),
    ],
)
async def test_what_is_not_the_protocol_is_refused(packet: bytes) -> None:
    async with raw_server(saying(packet, then_close=False)) as server, http_client() as client:
        with pytest.raises(ProviderProtocolBroken):
            await client.send(post(server.base_url))
        await server.until_ended(1)


@pytest.mark.parametrize(
    "packets",
    [
        pytest.param((STREAM_HEAD, b"zz\r\n"), id="no chunk size"),
        pytest.param((STREAM_HEAD, b"1;" + b"x" * 70000), id="an endless chunk extension"),
        pytest.param((STREAM_HEAD, b"0\r\nx: " + b"y" * 70000), id="an endless trailer"),
    ],
)
async def test_broken_chunk_framing_is_refused(packets: tuple[bytes, ...]) -> None:
    async with raw_server(saying(*packets, then_close=False)) as server, http_client() as client:
        reply = await client.send(post(server.base_url))
        with pytest.raises(ProviderProtocolBroken):
            await reply.read_all(LIMIT)
        await server.until_ended(1)


async def test_interim_responses_are_skipped() -> None:
    interims = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n"
    script = saying(interims, response(b"{}"), then_close=False)
    async with raw_server(script) as server, http_client() as client:
        reply = await client.send(post(server.base_url))
        assert reply.status == 200
        assert "link" not in reply.headers
        assert await reply.read_all(LIMIT) == b"{}"


async def test_a_body_may_end_with_the_connection() -> None:
    head = b"HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\n\r\n"
    async with raw_server(saying(head + b"to ", b"the end")) as server, http_client() as client:
        reply = await client.send(post(server.base_url))
        assert await reply.read_all(LIMIT) == b"to the end"


async def test_replies_without_a_body_are_whole() -> None:
    async def script(peer: RawPeer) -> None:
        await peer.request()
        await peer.send(b"HTTP/1.1 204 No Content\r\n\r\n")
        await peer.request()
        await peer.send(response(b"{}"))

    async with raw_server(script) as server, http_client() as client:
        assert await (await client.send(get(server.base_url))).read_all(LIMIT) == b""
        assert await (await client.send(get(server.base_url))).read_all(LIMIT) == b"{}"
        assert server.connections == 1


async def test_the_reply_to_head_has_no_body() -> None:
    head = b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n"
    async with raw_server(saying(head, then_close=False)) as server, http_client() as client:
        reply = await client.send(HttpCall(Url.parse(server.base_url), (), method="HEAD"))
        assert reply.headers["content-length"] == "100"
        assert await reply.read_all(LIMIT) == b""


async def test_a_redirect_is_a_reply_and_never_followed() -> None:
    async def script(peer: RawPeer) -> None:
        await peer.request()
        await peer.send(response(b"", status=307, headers=(("location", "/elsewhere"),)))
        await peer.closed()

    async with raw_server(script) as server, http_client() as client:
        reply = await client.send(post(server.base_url))
        assert reply.status == 307
        await reply.read_all(LIMIT)
        assert len(server.requests) == 1


async def test_headers_of_one_name_are_joined() -> None:
    script = saying(response(b"{}", headers=(("X-Note", "a"), ("x-note", "b"))))
    async with raw_server(script) as server, http_client() as client:
        reply = await client.send(post(server.base_url))
        assert reply.headers["x-note"] == "a, b"


async def test_a_body_over_the_limit_is_refused_and_the_connection_closed() -> None:
    script = saying(STREAM_HEAD, chunk(bytes(100_000)), then_close=False)
    async with raw_server(script) as server, http_client() as client:
        reply = await client.send(post(server.base_url))
        with pytest.raises(ProviderProtocolBroken):
            await reply.read_all(50_000)
        await server.until_ended(1)


async def test_a_large_body_goes_up_while_the_upstream_is_slow() -> None:
    async def script(peer: RawPeer) -> None:
        # The reader's own limit makes the client's socket full: sending has to wait.
        await asyncio.sleep(0.3)
        request = await peer.request()
        await peer.send(response(b"%d" % len(request.body)))

    async with raw_server(script) as server, http_client() as client:
        reply = await client.send(post(server.base_url, body=bytes(8 << 20)))
        assert await reply.read_all(LIMIT) == b"%d" % (8 << 20)


async def test_a_body_nobody_reads_ends_in_time() -> None:
    async def script(peer: RawPeer) -> None:
        await asyncio.sleep(5)

    async with raw_server(script) as server, http_client(first_byte_timeout_s=0.15) as client:
        with pytest.raises(UpstreamTimeout):
            await client.send(post(server.base_url, body=bytes(32 << 20)))


async def test_a_body_that_is_read_slowly_is_given_its_time() -> None:
    async def script(peer: RawPeer) -> None:
        head = await peer.reader.readuntil(b"\r\n\r\n")
        left = int(head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0])
        while left:
            left -= len(await peer.reader.read(2 << 20))
            await asyncio.sleep(0.02)
        await peer.send(response(b"all"))

    async with raw_server(script) as server, http_client(first_byte_timeout_s=0.2) as client:
        reply = await client.send(post(server.base_url, body=bytes(32 << 20)))
        assert await reply.read_all(LIMIT) == b"all"


async def test_a_connection_that_still_owes_half_a_request_is_closed() -> None:
    async def script(peer: RawPeer) -> None:
        await peer.reader.readuntil(b"\r\n\r\n")
        await peer.send(response(b"too large", status=413))
        await asyncio.sleep(0.1)
        await peer.closed()

    async with raw_server(script) as server, http_client() as client:
        reply = await client.send(post(server.base_url, body=bytes(32 << 20)))
        assert reply.status == 413
        assert await reply.read_all(LIMIT) == b"too large"
        await server.until_ended(1)


async def test_a_slow_reader_holds_the_upstream_back() -> None:
    sent = 0

    async def script(peer: RawPeer) -> None:
        nonlocal sent
        await peer.request()
        await peer.send(STREAM_HEAD)
        for _ in range(1000):
            await peer.send(chunk(bytes(65536)))
            sent += 65536
        await peer.send(LAST_CHUNK)
        await peer.closed()

    async with raw_server(script) as server, http_client() as client:
        reply = await client.send(post(server.base_url))
        await asyncio.sleep(0.3)
        held = sent
        assert held < 16 << 20
        assert len(await reply.read_all(1 << 30)) == 1000 * 65536


@pytest.mark.parametrize("value", ["a\r\nx-evil: 1", "a\nb", "key”"])
async def test_a_header_that_cannot_be_sent_is_refused_before_sending(value: str) -> None:
    async with raw_server(saying(response())) as server, http_client() as client:
        call = HttpCall(Url.parse(server.base_url), (("authorization", value),), b"{}")
        with pytest.raises(ConfigurationError):
            await client.send(call)
        assert server.requests == []


async def test_a_hundred_failures_leave_neither_connection_nor_slot_behind() -> None:
    async def script(peer: RawPeer) -> None:
        await peer.request()
        if peer.number % 2:
            peer.reset()
        else:
            await peer.send(b"nonsense\r\n\r\n")

    async with raw_server(script) as server, http_client(max_connections=3) as client:

        async def call() -> None:
            with pytest.raises(ProviderError):
                await client.send(post(server.base_url))

        await asyncio.gather(*[call() for _ in range(100)])
        await server.until_ended(100)
        assert server.open_connections == 0
