"""The HTTP under google-auth, over TLS."""

import asyncio
from pathlib import Path

import pytest

from modelmux.adapters.transport.settings import TransportSettings
from modelmux.adapters.vertex.token_http import NoAnswer, TokenHttp
from tests.support.certificates import make_authority
from tests.support.raw_server import RawPeer, raw_server, response


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
