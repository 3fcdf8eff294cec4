"""The HTTP under google-auth, over TLS."""

import asyncio
from functools import partial
from pathlib import Path

import pytest

from modelmux.adapters.transport.proxies import ProxyRules
from modelmux.adapters.transport.settings import TransportSettings
from modelmux.adapters.vertex.token_http import NoAnswer, TokenHttp
from tests.support.certificates import make_authority
from tests.support.raw_server import RawPeer, raw_server, response
from tests.support.tunnels import Tunnels


async def _answer(peer: RawPeer) -> None:
    request = await peer.request()
    await peer.send(response(b"asked: " + request.body))


async def test_a_token_server_vouched_for_by_the_configured_file_is_asked(tmp_path: Path) -> None:
    authority = make_authority(tmp_path)
    async with raw_server(_answer, context=authority.server_context) as server:
        http = TokenHttp(TransportSettings(ca_file=authority.ca_file))
        answer = await asyncio.to_thread(http, server.base_url, "POST", b"grant")
        assert (answer.status, answer.data) == (200, b"asked: grant")
        assert server.requests[0].headers["content-length"] == "5"


async def test_a_token_server_with_an_unknown_certificate_is_asked_nothing(tmp_path: Path) -> None:
    authority = make_authority(tmp_path)
    async with raw_server(_answer, context=authority.server_context) as server:
        with pytest.raises(NoAnswer, match="certificate"):
            await asyncio.to_thread(TokenHttp(TransportSettings()), server.base_url, "POST", b"x")
        assert server.requests == []


async def test_a_token_server_is_asked_through_the_proxys_tunnel(tmp_path: Path) -> None:
    authority = make_authority(tmp_path, "token.example")
    async with (
        raw_server(_answer, context=authority.server_context) as server,
        raw_server(Tunnels(server.port)) as proxy,
    ):
        http = _behind(f"http://me:test-key-not-secret@127.0.0.1:{proxy.port}", authority.ca_file)
        answer = await asyncio.to_thread(http, "https://token.example/token", "POST", b"grant")
        assert (answer.status, answer.data) == (200, b"asked: grant")
        assert proxy.requests[0].target == "token.example:443"
        assert proxy.requests[0].headers["proxy-authorization"].startswith("Basic ")
        assert "proxy-authorization" not in server.requests[0].headers


async def test_a_direct_call_goes_around_the_proxy() -> None:
    async with raw_server(_answer) as proxy:
        http = _behind(f"http://127.0.0.1:{proxy.port}")
        answer = await asyncio.to_thread(http, "http://metadata.invalid/a", "POST", b"a")
        assert answer.data == b"asked: a"
        with pytest.raises(NoAnswer):
            await asyncio.to_thread(partial(http, "http://metadata.invalid/b", direct=True))
        assert [request.target for request in proxy.requests] == ["http://metadata.invalid/a"]


def _behind(proxy: str, ca_file: str | None = None) -> TokenHttp:
    rules = ProxyRules.from_environment({"ALL_PROXY": proxy})
    return TokenHttp(TransportSettings(ca_file=ca_file, proxies=rules))
