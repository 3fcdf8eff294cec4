"""uvicorn's request and response cycle, writing head and first body bytes in one piece.

uvicorn writes them apart: two system calls and two packets, so that the client is woken twice.
Here the head waits for the first body event. It also checks each header by two regular
expressions; here the whole head is checked once, by what would break it.
"""

from collections.abc import Iterable
from typing import Any

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, RequestResponseCycle

_BODILESS = frozenset({204, 304})


class OneWriteCycle(RequestResponseCycle):
    """One request and its answer on a connection."""

    _head = b""
    _until_close = False

    async def send(self, message: Any) -> None:  # Any: uvicorn's union of events
        if self.flow.write_paused and not self.disconnected:
            await self.flow.drain()
        if self.disconnected:
            return
        if self.response_complete:
            raise RuntimeError("an answer goes on after its end")
        if message["type"] == "http.response.body":
            if not self.response_started:
                raise RuntimeError("a body is sent before its head")
            self._send_body(message.get("body", b""), message.get("more_body", False))
        elif self.response_started:
            raise RuntimeError("a second head is sent")
        else:
            self.response_started = True
            self.waiting_for_100_continue = False
            self._head = self._encode_head(message["status"], message.get("headers", ()))

    def answer_at_once(self, whole: bytes, closes: bool) -> None:
        """Send an answer that no handler made, head and body; what comes of the body is dropped."""
        self.response_started = self.response_complete = True
        self.transport.write(whole)
        if closes or not self.keep_alive:
            self.transport.close()
        self.on_response()

    def _send_body(self, body: bytes, more: bool) -> None:
        head, self._head = self._head, b""
        if self.scope["method"] == "HEAD":
            data = head
            self.expected_content_length = 0
        elif self.chunked_encoding:
            end = b"" if more else b"0\r\n\r\n"
            data = b"%b%x\r\n%b\r\n%b" % (head, len(body), body, end) if body else head + end
        elif self._until_close:
            data = head + body
        else:
            self.expected_content_length -= len(body)
            if self.expected_content_length < 0:
                raise RuntimeError("an answer is longer than its content-length")
            data = head + body
        if data:
            self.transport.write(data)
        if more:
            return
        if self.expected_content_length:
            raise RuntimeError("an answer is shorter than its content-length")
        self.response_complete = True
        self.message_event.set()
        if not self.keep_alive:
            self.transport.close()
        self.on_response()

    def _encode_head(self, status: int, headers: Iterable[tuple[bytes, bytes]]) -> bytes:
        lines = [STATUS_LINE[status]]
        closes = False
        for name, value in (*self.default_headers, *headers):
            name = name.lower()
            if name == b"content-length":
                self.expected_content_length = int(value)
                self.chunked_encoding = False
            elif name == b"connection" and b"close" in value.lower():
                self.keep_alive = False
                closes = True
            lines.append(b"%b: %b\r\n" % (name, value))
        if not self.keep_alive and not closes:
            lines.append(b"connection: close\r\n")
        if self.chunked_encoding is None and status not in _BODILESS:
            # HTTP/1.0 knows no chunks: the body ends with the connection.
            self._until_close = self.scope["http_version"] == "1.0"
            self.chunked_encoding = self.scope["method"] != "HEAD" and not self._until_close
            if self.chunked_encoding:
                lines.append(b"transfer-encoding: chunked\r\n")
        head = b"".join(lines)
        if head.count(b"\n") != len(lines) or head.count(b"\r") != len(lines) or b"\0" in head:
            raise RuntimeError("a header of the answer holds a line break")
        return head + b"\r\n"
