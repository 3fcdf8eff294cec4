"""The proxy that the other tests rely on does what it says."""

import socket
import time
from collections.abc import Generator

import pytest

from tests.support.raw_server import PeerGone, RawPeer, raw_server_in_thread

from .tools.tcp_proxy import TcpProxy, tcp_proxy


async def _echo(peer: RawPeer) -> None:
    while data := await peer.reader.read(65536):
        await peer.send(data)
    raise PeerGone


@pytest.fixture
def proxy() -> Generator[TcpProxy]:
    with raw_server_in_thread(_echo) as server, tcp_proxy(server.port) as proxy:
        yield proxy


def _connect(proxy: TcpProxy) -> socket.socket:
    return socket.create_connection(("127.0.0.1", proxy.port), 2)


def _said(connection: socket.socket, data: bytes, timeout_s: float = 2.0) -> bytes:
    connection.settimeout(timeout_s)
    connection.sendall(data)
    return connection.recv(1024)


def test_it_passes_on_both_ways_and_counts(proxy: TcpProxy) -> None:
    with _connect(proxy) as connection:
        assert _said(connection, b"hello") == b"hello"
        assert (proxy.accepted, proxy.open) == (1, 1)


def test_it_delays(proxy: TcpProxy) -> None:
    proxy.delay_s = 0.1
    with _connect(proxy) as connection:
        began = time.monotonic()
        assert _said(connection, b"hello") == b"hello"
        assert time.monotonic() - began >= 0.2  # there and back


def test_it_throttles(proxy: TcpProxy) -> None:
    proxy.bytes_per_s = 1000
    with _connect(proxy) as connection:
        began = time.monotonic()
        assert _said(connection, b"x" * 100)
        assert time.monotonic() - began >= 0.2


def test_frozen_it_accepts_and_says_nothing_until_it_thaws(proxy: TcpProxy) -> None:
    with _connect(proxy) as old:
        assert _said(old, b"hello") == b"hello"
        proxy.freeze()
        with _connect(proxy) as new:
            for connection in (old, new):
                with pytest.raises(TimeoutError):
                    _said(connection, b"there?", 0.1)
            proxy.thaw()
            for connection in (old, new):
                connection.settimeout(2)
                assert connection.recv(1024) == b"there?"


@pytest.mark.parametrize("reset", [False, True])
def test_it_cuts(proxy: TcpProxy, reset: bool) -> None:
    with _connect(proxy) as connection:
        assert _said(connection, b"hello") == b"hello"
        proxy.cut(reset=reset)
        if reset:
            with pytest.raises(ConnectionResetError):
                connection.recv(1024)
        else:
            assert connection.recv(1024) == b""


def test_it_gives_half_and_hangs_up(proxy: TcpProxy) -> None:
    proxy.halve()
    with _connect(proxy) as connection:
        assert _said(connection, b"12345678") == b"1234"
        assert connection.recv(1024) == b""


def test_it_refuses_and_listens_on_the_same_port_again(proxy: TcpProxy) -> None:
    port = proxy.port
    proxy.refuse()
    with pytest.raises(ConnectionRefusedError):
        _connect(proxy)
    proxy.listen()
    assert proxy.port == port
    with _connect(proxy) as connection:
        assert _said(connection, b"hello") == b"hello"
