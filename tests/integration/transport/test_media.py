"""Fetching images from addresses that callers wrote."""

import base64
import ipaddress
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import pytest

from modelmux.adapters.transport.media import PublicMediaFetcher, image_type, is_public
from modelmux.adapters.transport.url import Url
from modelmux.domain.errors import InvalidRequest
from tests.contracts.media_fetcher import Fetching, MediaFetcherContract
from tests.support.images import image_server
from tests.support.raw_server import (
    STREAM_HEAD,
    RawPeer,
    RawServer,
    Script,
    chunk,
    closed_port,
    raw_server,
    response,
)

PNG = b"\x89PNG\r\n\x1a\n" + bytes(100)
LOOPBACK = (ipaddress.ip_network("127.0.0.0/8"),)


@asynccontextmanager
async def fetcher_for(
    port: int, *, timeout_s: float = 5.0, max_bytes: int = 1 << 20
) -> AsyncGenerator[PublicMediaFetcher, None]:
    fetcher = PublicMediaFetcher(
        allow_addresses=LOOPBACK, ports=(port,), timeout_s=timeout_s, max_bytes=max_bytes
    )
    try:
        yield fetcher
    finally:
        await fetcher.aclose()


def serving(pages: dict[str, bytes]) -> Script:
    async def script(peer: RawPeer) -> None:
        request = await peer.request()
        await peer.send(pages[request.target])

    return script


def moved(location: str) -> bytes:
    return response(b"", status=302, headers=(("location", location),))


async def refused(fetcher: PublicMediaFetcher, url: str) -> str:
    with pytest.raises(InvalidRequest) as caught:
        await fetcher.fetch_image(url)
    return caught.value.message


class TestContract(MediaFetcherContract):
    @pytest.fixture
    async def fetching(self) -> AsyncGenerator[Fetching, None]:
        with image_server() as picture:
            port = Url.parse(picture).port
            async with fetcher_for(port) as fetcher:
                yield Fetching(fetcher, picture, f"http://nobody.invalid:{port}/nothing.png")


async def test_an_image_is_fetched_and_its_type_is_read_from_its_bytes() -> None:
    page = response(PNG, content_type="text/plain")
    async with raw_server(serving({"/a.jpg?x=1": page})) as server, fetcher_for(server.port) as it:
        image = await it.fetch_image(f"{server.base_url}/a.jpg?x=1#part")
    assert image.media_type == "image/png"
    assert base64.b64decode(image.data) == PNG
    assert "authorization" not in server.requests[0].headers


async def test_a_large_image_is_whole() -> None:
    body = PNG + bytes(700_000)
    async with raw_server(serving({"/": response(body)})) as server, fetcher_for(server.port) as it:
        assert base64.b64decode((await it.fetch_image(server.base_url)).data) == body


async def test_redirects_are_followed_three_times() -> None:
    pages = {"/0": moved("/1"), "/1": moved("2"), "/2": moved("/3"), "/3": response(PNG)}
    async with raw_server(serving(pages)) as server, fetcher_for(server.port) as it:
        assert (await it.fetch_image(f"{server.base_url}/0")).media_type == "image/png"
        pages["/3"] = moved("/4")
        assert "redirects too often" in await refused(it, f"{server.base_url}/0")


@pytest.mark.parametrize(
    "location",
    ["http://10.0.0.1/", "http://169.254.169.254/latest/", "http://[::1]/", "http://0.0.0.0/"],
)
async def test_a_redirect_to_a_private_address_is_refused(location: str) -> None:
    async with raw_server(serving({"/": moved(location)})) as server:
        it = PublicMediaFetcher(allow_addresses=LOOPBACK, ports=(server.port, 80))
        assert "not a public one" in await refused(it, server.base_url)
        await it.aclose()


async def test_a_redirect_to_another_scheme_or_port_is_refused() -> None:
    pages = {"/file": moved("file:///etc/passwd"), "/port": moved("http://127.0.0.1:22/")}
    async with raw_server(serving(pages)) as server, fetcher_for(server.port) as it:
        assert "no http or https" in await refused(it, f"{server.base_url}/file")
        assert "port" in await refused(it, f"{server.base_url}/port")


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "localhost", "[::1]", "[::ffff:127.0.0.1]", "2130706433", "0x7f.1", "0"],
)
async def test_loopback_is_refused_however_it_is_written(host: str) -> None:
    async def never(peer: RawPeer) -> None:
        await peer.request()

    async with raw_server(never) as server:
        it = PublicMediaFetcher(ports=(server.port,))
        assert await refused(it, f"http://{host}:{server.port}/")
        await it.aclose()
        assert server.connections == 0


@pytest.mark.parametrize(
    "url",
    [
        "ftp://a.example/x",
        "gs://bucket/x",
        "http://user:pass@a.example/",
        "http://a.example:22/",
        "no address",
        "http://a.example/\r\nhost: b",
    ],
)
async def test_addresses_of_other_kinds_are_refused(url: str) -> None:
    it = PublicMediaFetcher()
    await refused(it, url)
    await it.aclose()


@pytest.mark.parametrize(
    "page",
    [
        pytest.param(response(b"<svg/>", content_type="image/svg+xml"), id="an SVG"),
        pytest.param(response(b"", content_type="image/png"), id="nothing"),
        pytest.param(response(b"hello", content_type="image/png"), id="a text"),
        pytest.param(response(PNG, status=404), id="a 404"),
        pytest.param(response(PNG)[:-5], id="half an image"),
        pytest.param(b"nonsense\r\n\r\n", id="no HTTP"),
    ],
)
async def test_what_is_no_image_is_refused(page: bytes) -> None:
    async with raw_server(serving({"/": page})) as server, fetcher_for(server.port) as it:
        message = await refused(it, server.base_url)
        assert "127.0.0.1" not in message


async def test_nobody_there_is_refused_without_saying_why() -> None:
    port = closed_port()
    async with fetcher_for(port) as it:
        message = await refused(it, f"http://127.0.0.1:{port}/")
        assert message == await refused(it, f"http://nowhere.invalid:{port}/")


async def endless(peer: RawPeer) -> None:
    await peer.request()
    await peer.send(STREAM_HEAD + chunk(PNG))
    while True:
        await peer.send(chunk(bytes(65536)))


async def silent(peer: RawPeer) -> None:
    await peer.request()
    await peer.closed()


async def test_more_than_the_limit_is_refused() -> None:
    async with raw_server(endless) as server, fetcher_for(server.port) as it:
        await refused(it, server.base_url)
        await all_closed(server)


async def test_a_slow_server_is_given_up_in_time() -> None:
    async with raw_server(silent) as server, fetcher_for(server.port, timeout_s=0.1) as it:
        started = time.monotonic()
        assert "in time" in await refused(it, server.base_url)
        assert time.monotonic() - started < 1.0
        await all_closed(server)


async def all_closed(server: RawServer) -> None:
    await server.until_ended(1)


@pytest.mark.parametrize(
    "text",
    [
        "127.0.0.1",
        "10.1.2.3",
        "172.16.0.1",
        "192.168.1.1",
        "169.254.169.254",
        "100.64.0.1",
        "0.0.0.0",
        "255.255.255.255",
        "224.0.0.1",
        "::",
        "::1",
        "fe80::1",
        "fc00::1",
        "fec0::1",
        "ff0e::1",
        "::ffff:10.0.0.1",
        "::10.0.0.1",
        "2002:a00:1::",
        "64:ff9b::10.0.0.1",
        "64:ff9b:1::808:808",
        "2001:db8::1",
    ],
)
def test_addresses_that_are_not_public(text: str) -> None:
    assert not is_public(ipaddress.ip_address(text))


@pytest.mark.parametrize(
    "text",
    ["8.8.8.8", "2606:4700::1111", "::ffff:8.8.8.8", "2002:808:808::", "64:ff9b::8.8.8.8"],
)
def test_addresses_that_are_public(text: str) -> None:
    assert is_public(ipaddress.ip_address(text))


@pytest.mark.parametrize(
    ("data", "media_type"),
    [
        (b"\xff\xd8\xff\xe0", "image/jpeg"),
        (PNG, "image/png"),
        (b"GIF89a..", "image/gif"),
        (b"RIFF\x00\x00\x00\x00WEBPVP8 ", "image/webp"),
        (b"RIFF\x00\x00\x00\x00WAVE", None),
        (b"BM", None),
        (b"", None),
    ],
)
def test_images_are_known_by_their_first_bytes(data: bytes, media_type: str | None) -> None:
    assert image_type(data) == media_type
