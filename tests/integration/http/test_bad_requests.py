"""What a client can do wrong, in raw bytes on a real socket: a truthful 4xx, in time."""

import json
import socket
import time
from collections.abc import Iterator
from typing import Any

import pytest

from modelmux.adapters.memory.scripted import Script, ScriptedProvider
from modelmux.domain.events import FinishReason, ResponseFinished, ResponseStarted, TextDelta
from modelmux.entrypoints.services import HttpLimits
from tests.support.http_server import RunningServer, services_with, serving_http

LIMITS = HttpLimits(
    max_body_bytes=400_000,
    body_timeout_s=0.5,
    header_timeout_s=0.5,
    max_header_bytes=16 * 1024,
    keep_alive_s=2,
)
ANSWER = Script(
    batches=([ResponseStarted("x", "m"), TextDelta("hi"), ResponseFinished((FinishReason.STOP,))],)
)
GOOD = b'{"model":"m","messages":[{"role":"user","content":"hello"}]}'


@pytest.fixture(scope="module")
def server() -> Iterator[RunningServer]:
    with serving_http(services_with(ScriptedProvider(ANSWER), limits=LIMITS)) as running:
        yield running


def request(
    body: bytes = GOOD, *headers: bytes, head: bytes = b"POST /v1/chat/completions"
) -> bytes:
    lines = [head + b" HTTP/1.1", b"Host: localhost", *headers]
    if not any(line.lower().startswith((b"content-length", b"transfer-enc")) for line in headers):
        lines.append(b"Content-Length: %d" % len(body))
    return b"\r\n".join(lines) + b"\r\n\r\n" + body


def read_answer(connection: socket.socket) -> tuple[int, dict[str, str], bytes]:
    data = b""
    while b"\r\n\r\n" not in data:
        more = connection.recv(65536)
        assert more, f"closed without an answer: {data!r}"
        data += more
    head, _, body = data.partition(b"\r\n\r\n")
    status, *lines = head.decode().split("\r\n")
    headers = dict(line.split(": ", 1) for line in lines)
    while len(body) < int(headers["content-length"]):
        body += connection.recv(65536)
    return int(status.split()[1]), headers, body


def exchange(server: RunningServer, data: bytes) -> tuple[int, dict[str, str], Any]:
    with server.connect() as connection:
        connection.sendall(data)
        status, headers, body = read_answer(connection)
        return status, headers, json.loads(body)


def error_of(server: RunningServer, data: bytes) -> tuple[int, Any]:
    status, headers, body = exchange(server, data)
    assert headers["x-request-id"] in body["error"]["message"]
    return status, body["error"]


def closed(connection: socket.socket, within_s: float = 5.0) -> bool:
    connection.settimeout(within_s)
    try:
        while connection.recv(65536):
            pass
    except ConnectionError:
        pass
    except TimeoutError:
        return False
    return True


@pytest.fixture(autouse=True)
def serves_on(server: RunningServer) -> Iterator[None]:
    """After each piece of nonsense the server answers the next caller and holds no call."""
    yield
    assert exchange(server, request())[0] == 200
    deadline = time.monotonic() + 5
    while (len(server.app.calls) or server.observer.in_flight) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert len(server.app.calls) == 0
    assert server.observer.in_flight == 0


@pytest.mark.parametrize(
    ("body", "param", "code"),
    [
        (b"", None, "invalid_json"),
        (b"{'a':1}", None, "invalid_json"),
        (b"[]", None, "invalid_type"),
        (b'{"model":"m","model":"n","messages":[]}', "model", "duplicate_parameter"),
        (b'{"model":"m","messages":[{"role":"user","content":"\xff"}]}', None, "invalid_json"),
        (b'{"model":"m","messages":[{"role":"user","content":"\\ud800"}]}', None, "invalid_json"),
        (b'{"model":"m","temperature":NaN,"messages":[1]}', None, "invalid_json"),
        (b'{"model":"m","seed":' + b"9" * 4000 + b',"messages":[1]}', "seed", "invalid_value"),
        (b'{"model":"m","messages":' + b"[" * 100_000 + b"]" * 100_000 + b"}", None,
         "invalid_json"),
        (b'{"model":"m","n":1000000,"messages":[1]}', "n", "invalid_value"),
        (b'{"messages":[1]}', "model", "missing_required_parameter"),
        (b'{"model":"m","messages":[]}', "messages", "empty_array"),
        (b'{"model":"m","messages":{}}', "messages", "invalid_type"),
        (b'{"model":"m","messages":[1],"max_tokens":1,"max_completion_tokens":2}', "max_tokens",
         "invalid_value"),
    ],
)  # fmt: skip
def test_a_bad_body_is_a_400_that_names_the_place(
    server: RunningServer, body: bytes, param: str | None, code: str
) -> None:
    status, error = error_of(server, request(body))
    assert (status, error["param"], error["code"]) == (400, param, code)


def test_a_hundred_thousand_tiny_messages_hold_up_nobody() -> None:
    body = b'{"model":"m","messages":[' + b",".join([b'{"role":"user"}'] * 100_000) + b"]}"
    with serving_http(services_with(ScriptedProvider(ANSWER))) as roomy, roomy.connect() as big:
        big.sendall(request(body))
        slowest = 0.0
        for _ in range(20):
            began = time.monotonic()
            assert exchange(roomy, request())[0] == 200
            slowest = max(slowest, time.monotonic() - began)
        status, _, answer = read_answer(big)
    assert status == 400
    assert json.loads(answer)["error"]["param"] == "messages"
    assert slowest < 0.25


@pytest.mark.parametrize(
    ("header", "status"),
    [
        (b"Content-Type: text/plain", 415),
        (b"Content-Type: application/x-www-form-urlencoded", 415),
        (b"Content-Type: application/json; charset=latin-1", 415),
        (b"Content-Encoding: gzip", 415),
        (b"Content-Encoding: zstd", 415),
        (b"Content-Type: application/json; charset=UTF-8", 200),
        (b"Content-Encoding: identity", 200),
        (b"Upgrade: h2c\r\nConnection: Upgrade", 200),
        (b"Host: second", 400),
        (b"Upgrade: websocket\r\nConnection: Upgrade", 400),
        (b"X-Long: " + b"x" * 17_000, 431),
        (b"\r\n".join([b"X-Many: x"] * 300), 431),
        (b"Transfer-Encoding: gzip, chunked", 400),
        (b"Transfer-Encoding: identity", 400),
        (b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked", 400),
        (b"Transfer-Encoding: chunked\r\nContent-Length: 5", 400),
        (b"Content-Length: 5\r\nTransfer-Encoding: chunked", 400),
        (b"Content-Length: 60\r\nContent-Length: 60", 400),
        (b"Content-Length: 60, 60", 400),
        (b"Content-Length: +60", 400),
        (b"Content-Length: -1", 400),
        (b"Content-Length: 99999999999999999999", 400),
        (b"X-Folded: a\r\n b", 400),
        (b"X-Null: a\x00b", 400),
        (b"X Space: a", 400),
    ],
)
def test_headers_are_judged_before_the_body(
    server: RunningServer, header: bytes, status: int
) -> None:
    with server.connect() as connection:
        connection.sendall(request(GOOD, header))
        told, headers, body = read_answer(connection)
        assert told == status
        if status in (400, 431):
            assert set(json.loads(body)["error"]) == {"message", "type", "param", "code"}
            assert headers["connection"] == "close"
            assert closed(connection)


def test_no_request_can_hide_in_another(server: RunningServer) -> None:
    hidden = request(GOOD, head=b"POST /v1/completions")
    before = len(server.observer.exchanges)
    for framing in (
        b"Content-Length: 0\r\nTransfer-Encoding: chunked",
        b"Upgrade: foo\r\nConnection: upgrade\r\nContent-Length: %d" % len(hidden),
        b"Transfer-Encoding: xchunked",
    ):
        with server.connect() as connection:
            connection.sendall(request(b"", framing) + hidden)
            assert read_answer(connection)[0] == 400
            assert closed(connection)
    assert [it.path for it in server.observer.exchanges[before:] if it.status == 200] == []


def test_chunked_encoding_on_http_1_0_is_refused(server: RunningServer) -> None:
    data = b"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
    assert error_of(server, data)[0] == 400


def test_a_request_without_a_host_is_refused(server: RunningServer) -> None:
    assert error_of(server, b"GET / HTTP/1.1\r\n\r\n")[0] == 400


def test_what_is_not_http_is_told_so(server: RunningServer) -> None:
    assert error_of(server, b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 TLS hello\r\n")[0] == 400


def test_a_body_over_the_limit_is_refused_before_it_is_sent(server: RunningServer) -> None:
    with server.connect() as connection:
        connection.sendall(request(b"", b"Content-Length: 400001"))
        assert read_answer(connection)[0] == 413


def test_a_body_over_the_limit_that_comes_all_the_same_leaves_the_answer_readable(
    server: RunningServer,
) -> None:
    with server.connect() as connection:
        connection.sendall(request(b"x" * 3_000_000))
        status, _, body = read_answer(connection)
    assert status == 413
    assert json.loads(body)["error"]["code"] == "request_too_large"


def test_a_chunked_body_over_the_limit_is_refused_on_the_way(server: RunningServer) -> None:
    with server.connect() as connection:
        connection.sendall(request(b"", b"Transfer-Encoding: chunked"))
        for _ in range(8):
            connection.sendall(b"f000\r\n" + b"x" * 0xF000 + b"\r\n")
        assert read_answer(connection)[0] == 413


def test_who_waits_for_leave_to_send_is_refused_and_closed(server: RunningServer) -> None:
    with server.connect() as connection:
        connection.sendall(request(b"", b"Expect: 100-continue", b"Content-Length: 400001"))
        status, headers, _ = read_answer(connection)
        assert (status, headers["connection"]) == (413, "close")
        assert closed(connection)


def test_a_slow_body_is_a_408_and_the_connection_ends(server: RunningServer) -> None:
    with server.connect() as connection:
        connection.sendall(request(b"{", b"Content-Length: 100"))
        began = time.monotonic()
        status, headers, body = read_answer(connection)
        assert (status, headers["connection"]) == (408, "close")
        assert json.loads(body)["error"]["code"] == "request_timeout"
        assert 0.4 < time.monotonic() - began < 2
        assert closed(connection)


def test_a_body_that_trickles_gains_no_time(server: RunningServer) -> None:
    with server.connect() as connection:
        connection.sendall(request(b"{", b"Content-Length: 100"))
        connection.setblocking(False)
        deadline = time.monotonic() + 3
        answer = b""
        while not answer and time.monotonic() < deadline:
            connection.send(b" ")
            time.sleep(0.1)
            try:
                answer = connection.recv(65536)
            except BlockingIOError:
                continue
    assert answer.startswith(b"HTTP/1.1 408")


@pytest.mark.parametrize(
    "start", [b"", b"\r\n", b"POST /v1/chat", b"GET / HTTP/1.1\r\nHost: a\r\n"]
)
def test_a_slow_head_ends_the_connection(server: RunningServer, start: bytes) -> None:
    with server.connect() as connection:
        connection.sendall(start)
        assert closed(connection, 3)


def test_a_trickling_head_ends_the_connection(server: RunningServer) -> None:
    with server.connect() as connection:
        connection.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\nX-Slow: ")
        deadline = time.monotonic() + 3
        data = b""
        connection.settimeout(0.05)
        while not data and time.monotonic() < deadline:
            connection.sendall(b"x")
            try:
                data = connection.recv(65536)
            except TimeoutError:
                continue
        assert data.startswith(b"HTTP/1.1 408")


def test_an_endless_head_is_cut_off(server: RunningServer) -> None:
    with server.connect() as connection:
        connection.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n")
        received = b""
        try:
            for _ in range(100):
                connection.sendall(b"X-More: " + b"x" * 8000 + b"\r\n")
            received = connection.recv(65536)
        except ConnectionError:
            return
        assert received.startswith(b"HTTP/1.1 431")


def test_a_trailer_is_no_header(server: RunningServer) -> None:
    body = b"%x\r\n%b\r\n0\r\nContent-Type: text/plain\r\nHost: evil.example\r\n\r\n" % (
        len(GOOD),
        GOOD,
    )
    assert exchange(server, request(body, b"Transfer-Encoding: chunked"))[0] == 200


def test_requests_sent_ahead_are_answered_in_order_and_only_so_many(server: RunningServer) -> None:
    with server.connect() as connection:
        connection.sendall(request() * 3)
        data = b""
        while data.count(b'"finish_reason":"stop"') < 3:
            more = connection.recv(65536)
            assert more
            data += more
        assert data.count(b"HTTP/1.1 200 OK") == 3
    with server.connect() as connection:
        connection.sendall(request() * 100)
        assert closed(connection)


def test_a_header_cannot_be_smuggled_through_a_models_name(server: RunningServer) -> None:
    body = b'{"model":"m\\r\\nX-Evil: 1","messages":[{"role":"user","content":"x"}]}'
    status, headers, _ = exchange(server, request(body))
    assert status == 200
    assert "X-Evil" not in headers
    assert "x-evil" not in headers


def test_an_odd_request_id_is_replaced(server: RunningServer) -> None:
    assert (
        exchange(server, request(GOOD, b"X-Request-Id: mine-1.a"))[1]["x-request-id"] == "mine-1.a"
    )
    for odd in (b"a b", b"x" * 129, b"\xff"):
        told = exchange(server, request(GOOD, b"X-Request-Id: " + odd))[1]["x-request-id"]
        assert told.startswith("req_")
