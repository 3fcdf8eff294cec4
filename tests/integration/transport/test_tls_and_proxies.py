"""TLS, and the way through an HTTP proxy."""

from dataclasses import replace
from pathlib import Path

import pytest

from modelmux.adapters.transport.client import HttpClient
from modelmux.adapters.transport.proxies import ProxyRules
from modelmux.domain.errors import ConfigurationError, UpstreamTimeout, UpstreamUnreachable
from tests.support.certificates import make_authority
from tests.support.clients import QUICK, http_client, post
from tests.support.raw_server import RawPeer, closed_port, raw_server, response
from tests.support.tunnels import Tunnels

LIMIT = 1 << 20


async def echo(peer: RawPeer) -> None:
    while True:
        request = await peer.request()
        await peer.send(response(request.body))


async def test_an_upstream_vouched_for_by_the_configured_file_is_trusted(tmp_path: Path) -> None:
    authority = make_authority(tmp_path)
    async with (
        raw_server(echo, context=authority.server_context) as server,
        http_client(ca_file=authority.ca_file) as client,
    ):
        for number in range(3):
            reply = await client.send(post(server.base_url, body=b"%d" % number))
            assert await reply.read_all(LIMIT) == b"%d" % number
        assert server.connections == 1


async def test_an_unknown_certificate_is_refused_unless_told_otherwise(tmp_path: Path) -> None:
    authority = make_authority(tmp_path)
    async with raw_server(echo, context=authority.server_context) as server:
        async with http_client() as client:
            with pytest.raises(UpstreamUnreachable, match="certificate"):
                await client.send(post(server.base_url))
        async with http_client(verify_tls=False) as client:
            await (await client.send(post(server.base_url))).read_all(LIMIT)


async def test_a_certificate_for_another_host_is_refused(tmp_path: Path) -> None:
    authority = make_authority(tmp_path, "other.example")
    async with (
        raw_server(echo, context=authority.server_context) as server,
        http_client(ca_file=authority.ca_file) as client,
    ):
        with pytest.raises(UpstreamUnreachable, match="certificate"):
            await client.send(post(server.base_url))


async def test_a_server_without_tls_is_unreachable_by_https() -> None:
    async def talk_plainly(peer: RawPeer) -> None:
        await peer.reader.read(10)
        await peer.send(response(b"plain"))

    async with raw_server(talk_plainly) as server, http_client() as client:
        with pytest.raises(UpstreamUnreachable):
            await client.send(post(server.base_url.replace("http:", "https:")))


async def test_a_server_that_accepts_and_says_nothing_to_tls_ends_in_time() -> None:
    async def hang(peer: RawPeer) -> None:
        await peer.closed()

    async with raw_server(hang) as server, http_client(connect_timeout_s=0.1) as client:
        with pytest.raises(UpstreamTimeout) as caught:
            await client.send(post(server.base_url.replace("http:", "https:")))
        assert caught.value.phase == "connect"
        await server.until_ended(1)


def test_a_file_without_certificates_is_told_at_the_start(tmp_path: Path) -> None:
    (tmp_path / "empty.pem").write_text("no certificate")
    for path in (tmp_path / "empty.pem", tmp_path / "missing.pem"):
        with pytest.raises(ConfigurationError):
            HttpClient("upstream", replace(QUICK, ca_file=str(path)))


def behind(variable: str, port: int) -> HttpClient:
    """Return a client for which `variable` names the proxy at `port`."""
    rules = ProxyRules.from_environment({variable: f"http://127.0.0.1:{port}"})
    return HttpClient("upstream", replace(QUICK, proxies=rules))


async def test_https_goes_through_the_proxys_tunnel_and_is_pooled(tmp_path: Path) -> None:
    authority = make_authority(tmp_path, "upstream.example")
    async with (
        raw_server(echo, context=authority.server_context) as server,
        raw_server(Tunnels(server.port)) as proxy,
    ):
        client = HttpClient(
            "upstream",
            replace(
                QUICK,
                ca_file=authority.ca_file,
                proxies=ProxyRules.from_environment(
                    {"HTTPS_PROXY": f"http://me:test-key-not-secret@127.0.0.1:{proxy.port}"}
                ),
            ),
        )
        for _ in range(2):
            reply = await client.send(post("https://upstream.example", body=b"hello"))
            assert await reply.read_all(LIMIT) == b"hello"
        await client.aclose()
        assert (server.connections, proxy.connections) == (1, 1)
    asked = proxy.requests[0]
    assert asked.target == "upstream.example:443"
    assert asked.headers["proxy-authorization"].startswith("Basic ")
    assert "proxy-authorization" not in server.requests[0].headers


async def test_plain_http_names_the_whole_address_to_the_proxy() -> None:
    async with raw_server(echo) as proxy:
        client = behind("http_proxy", proxy.port)
        await (await client.send(post("http://upstream.example:8000"))).read_all(LIMIT)
        await client.aclose()
    assert proxy.requests[0].target == "http://upstream.example:8000/v1/chat"
    assert proxy.requests[0].headers["host"] == "upstream.example:8000"


@pytest.mark.parametrize(
    "said",
    [
        pytest.param(b"HTTP/1.1 407 Sign in\r\n\r\n", id="refuses"),
        pytest.param(b"HTTP/1.1 200 OK\r\n\r\nleft over", id="says too much"),
        pytest.param(b"nonsense\r\n\r\n", id="is no proxy"),
        pytest.param(b"", id="hangs up"),
        pytest.param(b"x" * 20_000, id="talks without end"),
    ],
)
async def test_a_proxy_that_gives_no_tunnel_makes_the_upstream_unreachable(said: bytes) -> None:
    async def script(peer: RawPeer) -> None:
        await peer.request()
        await peer.send(said)

    async with raw_server(script) as proxy:
        client = behind("all_proxy", proxy.port)
        with pytest.raises(UpstreamUnreachable):
            await client.send(post("https://upstream.example"))
        await client.aclose()
        await proxy.until_ended(1)


async def test_a_proxy_that_is_not_there_is_unreachable() -> None:
    client = behind("https_proxy", closed_port())
    with pytest.raises(UpstreamUnreachable):
        await client.send(post("https://upstream.example"))
    await client.aclose()


async def test_loopback_is_reached_without_the_proxy() -> None:
    async with raw_server(echo) as server:
        client = behind("http_proxy", closed_port())
        assert await (await client.send(post(server.base_url))).read_all(LIMIT) == b"{}"
        await client.aclose()
