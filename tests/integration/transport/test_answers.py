"""Answers over real sockets: what finished, what was cut, and that nothing is passed off."""

import asyncio
import time
from collections.abc import Sequence

import pytest

from modelmux.adapters.transport.answers import open_answer, open_relay
from modelmux.adapters.transport.languages import (
    ErrorReply,
    FramedLanguage,
    Reader,
    Relay,
    StreamDecoder,
    WireLanguage,
)
from modelmux.adapters.transport.sse import FrameSplitter, SseFrame
from modelmux.application.ports import Answer
from modelmux.domain.errors import (
    ProviderError,
    ProviderProtocolBroken,
    StreamCut,
    UpstreamAuthFailed,
    UpstreamFailed,
    UpstreamRateLimited,
    UpstreamRejected,
    UpstreamTimeout,
    UpstreamUnreachable,
)
from modelmux.domain.events import (
    FinishReason,
    RelayedBytes,
    ResponseFinished,
    ResponseStarted,
    StreamEvent,
    TextDelta,
)
from tests.support.clients import http_client, post
from tests.support.raw_server import (
    LAST_CHUNK,
    STREAM_HEAD,
    RawPeer,
    Script,
    chunk,
    raw_server,
    response,
    stream,
)

STARTED = ResponseStarted("1", "toy")
FINISHED = ResponseFinished((FinishReason.STOP,))


class ToyDecoder(StreamDecoder):
    """A language in which every frame is text, `[DONE]` is the end and `!` an error."""

    def __init__(self) -> None:
        self._started = False

    def feed(self, frames: Sequence[SseFrame]) -> list[StreamEvent]:
        events: list[StreamEvent] = []
        for frame in frames:
            if frame.data.startswith(b"!"):
                raise UpstreamFailed(frame.data[1:].decode())
            if frame.data == b"ping":
                continue
            if not frame.data.isascii():
                raise ProviderProtocolBroken("not the toy language")
            if not self._started:
                self._started = True
                events.append(STARTED)
            events.append(FINISHED if frame.data == b"[DONE]" else TextDelta(frame.data.decode()))
        return events

    def close(self) -> list[StreamEvent]:
        if self._started:
            raise StreamCut("no [DONE]")
        raise ProviderProtocolBroken("nothing came")


def decode_whole(body: bytes) -> list[StreamEvent]:
    if not body.startswith(b"{"):
        raise ProviderProtocolBroken("not JSON")
    return [STARTED, TextDelta(body.decode()), FINISHED]


def decode_error(reply: ErrorReply) -> ProviderError:
    after = reply.headers.get("retry-after")
    kinds: dict[int, type[ProviderError]] = {
        401: UpstreamAuthFailed,
        403: UpstreamAuthFailed,
        429: UpstreamRateLimited,
        500: UpstreamFailed,
    }
    kind = kinds.get(reply.status, UpstreamRejected)
    return kind(
        reply.body.decode(), status=reply.status, retry_after_s=float(after) if after else None
    )


TOY = WireLanguage(decode_whole, ToyDecoder, decode_error)


class LineReader(Reader):
    """A framing of its own: a frame is a line, and one that begins with a colon is no comment."""

    def __init__(self, max_event_bytes: int) -> None:
        self.max_event_bytes = max_event_bytes
        self._decoder = ToyDecoder()
        self._pending = b""

    def feed(self, data: bytes) -> list[StreamEvent]:
        *lines, self._pending = (self._pending + data).split(b"\n")
        if len(self._pending) > self.max_event_bytes:
            raise ProviderProtocolBroken("too long a line")
        return self._decoder.feed([SseFrame(b"", line) for line in lines])

    def close(self) -> list[StreamEvent]:
        return self._decoder.close()


LINES = FramedLanguage(decode_whole, LineReader, decode_error)
LINES_HEAD = STREAM_HEAD.replace(b"text/event-stream", b"application/x-ndjson")


class ToyRelay(Relay):
    """Passes frames on; sees `[DONE]` in passing."""

    def __init__(self, max_event_bytes: int = 1 << 24) -> None:
        self._frames = FrameSplitter(max_event_bytes)
        self._started = False

    def feed(self, data: bytes) -> list[StreamEvent]:
        whole = self._frames.feed(data)
        if not whole:
            return []
        events: list[StreamEvent] = [RelayedBytes(whole)]
        if not self._started:
            self._started = True
            events.insert(0, STARTED)
        if b"[DONE]" in whole:
            events.append(FINISHED)
        return events

    def close(self) -> list[StreamEvent]:
        raise StreamCut("no [DONE]")

    def whole(self, body: bytes) -> list[StreamEvent]:
        return [STARTED, RelayedBytes(body), FINISHED]

    def decode_error(self, reply: ErrorReply) -> ProviderError:
        return decode_error(reply)


def saying(*packets: bytes, then_close: bool = True, pause_s: float = 0.02) -> Script:
    async def script(peer: RawPeer) -> None:
        await peer.request()
        for packet in packets:
            await peer.send(packet)
            await asyncio.sleep(pause_s)
        if not then_close:
            await peer.closed()

    return script


async def rest_of(answer: Answer) -> list[StreamEvent]:
    events: list[StreamEvent] = []
    while batch := await answer.read():
        events.extend(batch)
    return events


async def test_a_stream_is_its_events() -> None:
    async with raw_server(saying(stream(b"a", b"b", b"[DONE]"))) as server, http_client() as client:
        answer = await open_answer(client, post(server.base_url), TOY, stream=True)
        assert await rest_of(answer) == [STARTED, TextDelta("a"), TextDelta("b"), FINISHED]
        assert await answer.read() == ()
        await answer.aclose()
        await answer.aclose()


async def test_a_language_may_bring_its_own_framing() -> None:
    packets = [chunk(b"a\n:b\nc"), chunk(b"d\n[DONE]\n")]
    async with raw_server(saying(LINES_HEAD, *packets)) as server, http_client() as client:
        answer = await open_answer(client, post(server.base_url), LINES, stream=True)
        texts = [TextDelta("a"), TextDelta(":b"), TextDelta("cd")]
        assert await rest_of(answer) == [STARTED, *texts, FINISHED]


async def test_a_framing_of_its_own_is_bounded_as_others_are() -> None:
    script = saying(LINES_HEAD, chunk(b"x" * 101))
    async with raw_server(script) as server, http_client(max_event_bytes=100) as client:
        with pytest.raises(ProviderProtocolBroken):
            await open_answer(client, post(server.base_url), LINES, stream=True)


async def test_colons_at_the_start_of_a_line_are_progress_in_a_framing_of_its_own() -> None:
    packets = [chunk(b":\n")] * 8
    async with (
        raw_server(saying(LINES_HEAD, *packets, chunk(b"[DONE]\n"), pause_s=0.05)) as server,
        http_client(idle_timeout_s=0.2) as client,
    ):
        answer = await open_answer(client, post(server.base_url), LINES, stream=True)
        assert (await rest_of(answer))[-1] == FINISHED


async def test_events_come_as_soon_as_their_packet() -> None:
    script = saying(STREAM_HEAD + chunk(b"data: a\n\n"), then_close=False)
    async with raw_server(script) as server, http_client() as client:
        async with asyncio.timeout(1.0):
            answer = await open_answer(client, post(server.base_url), TOY, stream=True)
            assert await answer.read() == [STARTED, TextDelta("a")]
        await answer.aclose()
        await server.until_ended(1)


async def test_a_frame_cut_into_packets_is_one_frame() -> None:
    packets = [chunk(b"data: hel"), chunk(b"lo\n"), chunk(b"\ndata: [DO"), chunk(b"NE]\n\n")]
    async with raw_server(saying(STREAM_HEAD, *packets)) as server, http_client() as client:
        answer = await open_answer(client, post(server.base_url), TOY, stream=True)
        assert await rest_of(answer) == [STARTED, TextDelta("hello"), FINISHED]


async def test_a_finished_stream_leaves_its_connection_for_the_next_call() -> None:
    async def script(peer: RawPeer) -> None:
        while True:
            await peer.request()
            await peer.send(STREAM_HEAD + chunk(b"data: a\n\n") + chunk(b"data: [DONE]\n\n"))
            await asyncio.sleep(0.02)
            await peer.send(LAST_CHUNK)

    async with raw_server(script) as server, http_client() as client:
        for _ in range(3):
            answer = await open_answer(client, post(server.base_url), TOY, stream=True)
            await rest_of(answer)
            await answer.aclose()
            await asyncio.sleep(0.1)
        assert server.connections == 1


async def test_a_stream_closed_before_its_first_read_closes_its_connection() -> None:
    script = saying(STREAM_HEAD + chunk(b"data: a\n\n"), then_close=False)
    async with raw_server(script) as server, http_client(max_connections=1) as client:
        answer = await open_answer(client, post(server.base_url), TOY, stream=True)
        await answer.aclose()
        await server.until_ended(1, timeout_s=0.25)


async def test_cancelling_open_before_the_first_event_closes_the_connection() -> None:
    async with (
        raw_server(saying(STREAM_HEAD, then_close=False)) as server,
        http_client(max_connections=1) as client,
    ):
        for count in (1, 2):
            call = open_answer(client, post(server.base_url), TOY, stream=True)
            task = asyncio.ensure_future(call)
            await server.until_asked(count)
            await asyncio.sleep(0.03)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            await server.until_ended(count, timeout_s=0.25)


WHOLE_STREAM = [STREAM_HEAD, chunk(b"data: a\n\n"), chunk(b"data: b\n\n")]


@pytest.mark.parametrize(
    "tail",
    [
        pytest.param((), id="the connection just closes"),
        pytest.param((LAST_CHUNK,), id="the body ends in good order"),
        pytest.param((chunk(b"data: [DO"),), id="inside the last frame"),
        pytest.param((chunk(b"data: \xff"), LAST_CHUNK), id="half a character"),
    ],
)
async def test_a_stream_that_ends_before_its_finish_is_cut(tail: tuple[bytes, ...]) -> None:
    async with raw_server(saying(*WHOLE_STREAM, *tail)) as server, http_client() as client:
        answer = await open_answer(client, post(server.base_url), TOY, stream=True)
        with pytest.raises(StreamCut) as caught:
            await rest_of(answer)
        assert caught.value.provider == "upstream"
        with pytest.raises(StreamCut):
            await answer.read()
        await answer.aclose()


async def test_a_last_frame_without_its_blank_line_still_counts() -> None:
    packets = [STREAM_HEAD, chunk(b"data: a\n\n"), chunk(b"data: [DONE]"), LAST_CHUNK]
    async with raw_server(saying(*packets)) as server, http_client() as client:
        answer = await open_answer(client, post(server.base_url), TOY, stream=True)
        assert (await rest_of(answer))[-1] == FINISHED


@pytest.mark.parametrize(
    ("packets", "kind"),
    [
        pytest.param((STREAM_HEAD,), UpstreamUnreachable, id="head, then nothing"),
        pytest.param((STREAM_HEAD, LAST_CHUNK), ProviderProtocolBroken, id="an empty stream"),
        pytest.param(
            (STREAM_HEAD, chunk(b": hello\n\n"), LAST_CHUNK),
            ProviderProtocolBroken,
            id="only comments",
        ),
        pytest.param(
            (STREAM_HEAD, chunk(b"data: !no room\n\n")), UpstreamFailed, id="an error frame first"
        ),
        pytest.param(
            (response(b"<html>", content_type="text/html; charset=utf-8"),),
            ProviderProtocolBroken,
            id="a web page",
        ),
        pytest.param((response(b""),), ProviderProtocolBroken, id="an empty 200"),
        pytest.param((response(b"not JSON"),), ProviderProtocolBroken, id="broken JSON"),
        pytest.param(
            (response(b'{"error":{"message":"no"}}'),), UpstreamRejected, id="an error in a 200"
        ),
        pytest.param(
            (response(b'[{"error":{"message":"no"}}]'),),
            UpstreamRejected,
            id="a listed error in a 200",
        ),
        pytest.param((response(b"x" * 99)[:-9],), UpstreamUnreachable, id="half a whole body"),
        pytest.param((response(b"no", status=401),), UpstreamAuthFailed, id="401"),
        pytest.param((response(b"no", status=403),), UpstreamAuthFailed, id="403"),
        pytest.param((response(b"no", status=500),), UpstreamFailed, id="500"),
        pytest.param(
            (response(b"", status=302, headers=(("location", "/"),)),),
            UpstreamRejected,
            id="a redirect",
        ),
        pytest.param((response(b"no", status=429),), UpstreamRateLimited, id="429"),
    ],
)
async def test_what_is_no_answer_is_an_error_before_the_first_event(
    packets: tuple[bytes, ...], kind: type[ProviderError]
) -> None:
    async with raw_server(saying(*packets)) as server, http_client(max_connections=1) as client:
        with pytest.raises(ProviderError) as caught:
            await open_answer(client, post(server.base_url), TOY, stream=True)
        assert type(caught.value) is kind
        assert caught.value.provider == "upstream"
        assert len(server.requests) == 1
        await server.until_ended(1)


@pytest.mark.parametrize(
    ("packet", "kind"),
    [
        pytest.param(response(b""), ProviderProtocolBroken, id="empty"),
        pytest.param(response(b" \r\n"), ProviderProtocolBroken, id="blank"),
        pytest.param(
            response(b"<html>", content_type="text/html"), ProviderProtocolBroken, id="a web page"
        ),
        pytest.param(stream(b"a", b"[DONE]"), ProviderProtocolBroken, id="a stream, unasked"),
        pytest.param(response(b'{"error":"no"}'), UpstreamRejected, id="an error in a 200"),
        pytest.param(response(b"x" * 99)[:-9], UpstreamUnreachable, id="half a body"),
    ],
)
async def test_a_whole_answer_that_is_none_is_an_error(
    packet: bytes, kind: type[ProviderError]
) -> None:
    async with raw_server(saying(packet)) as server, http_client() as client:
        with pytest.raises(ProviderError) as caught:
            await open_answer(client, post(server.base_url), TOY, stream=False)
        assert type(caught.value) is kind


async def test_a_body_beyond_the_limit_is_refused() -> None:
    async with (
        raw_server(saying(response(b"{" + bytes(9999)))) as server,
        http_client(max_body_bytes=1000) as client,
    ):
        with pytest.raises(ProviderProtocolBroken):
            await open_answer(client, post(server.base_url), TOY, stream=False)


async def test_a_null_error_beside_an_answer_is_no_error() -> None:
    body = b'{"text":"an \\"error\\"","error":null}'
    async with raw_server(saying(response(body))) as server, http_client() as client:
        answer = await open_answer(client, post(server.base_url), TOY, stream=False)
        assert await rest_of(answer) == [STARTED, TextDelta(body.decode()), FINISHED]


async def test_a_whole_answer_where_a_stream_was_asked_is_still_an_answer() -> None:
    async with raw_server(saying(response(b"{}"))) as server, http_client() as client:
        answer = await open_answer(client, post(server.base_url), TOY, stream=True)
        assert await rest_of(answer) == [STARTED, TextDelta("{}"), FINISHED]


async def test_retry_after_reaches_the_language() -> None:
    packet = response(b"slow down", status=429, headers=(("retry-after", "7"),))
    async with raw_server(saying(packet)) as server, http_client() as client:
        with pytest.raises(UpstreamRateLimited) as caught:
            await open_answer(client, post(server.base_url), TOY, stream=False)
        assert caught.value.retry_after_s == 7.0


async def test_a_giant_error_body_costs_a_bounded_read() -> None:
    async def script(peer: RawPeer) -> None:
        await peer.request()
        await peer.send(b"HTTP/1.1 500 No\r\ntransfer-encoding: chunked\r\n\r\n")
        while True:
            await peer.send(chunk(b"x" * 65536))

    async with raw_server(script) as server, http_client() as client:
        with pytest.raises(UpstreamFailed):
            await open_answer(client, post(server.base_url), TOY, stream=False)
        await server.until_ended(1)


async def test_an_error_frame_after_the_first_events_is_that_error() -> None:
    packets = [*WHOLE_STREAM, chunk(b"data: !overloaded\n\n")]
    async with (
        raw_server(saying(*packets, then_close=False)) as server,
        http_client() as client,
    ):
        answer = await open_answer(client, post(server.base_url), TOY, stream=True)
        with pytest.raises(UpstreamFailed, match="overloaded"):
            await rest_of(answer)
        await server.until_ended(1)


@pytest.mark.parametrize("relayed", [False, True])
@pytest.mark.parametrize("pause_s", [0.0, 0.01])
async def test_endless_comments_are_no_progress(relayed: bool, pause_s: float) -> None:
    async def script(peer: RawPeer) -> None:
        await peer.request()
        await peer.send(STREAM_HEAD + chunk(b"data: a\n\n"))
        while True:
            await peer.send(chunk(b": keep-"))
            await peer.send(chunk(b"alive\n\n"))
            await asyncio.sleep(pause_s)

    async with raw_server(script) as server, http_client(idle_timeout_s=0.2) as client:
        call = post(server.base_url)
        if relayed:
            answer = await open_relay(client, call, ToyRelay(), stream=True)
        else:
            answer = await open_answer(client, call, TOY, stream=True)
        await answer.read()
        started = time.monotonic()
        with pytest.raises(UpstreamTimeout):
            await rest_of(answer)
        assert time.monotonic() - started < 1.0
        await server.until_ended(1)


async def test_pings_are_progress() -> None:
    packets = [chunk(b"data: ping\n\n")] * 10
    script = saying(*WHOLE_STREAM, *packets, chunk(b"data: [DONE]\n\n"), pause_s=0.05)
    async with raw_server(script) as server, http_client(idle_timeout_s=0.2) as client:
        answer = await open_answer(client, post(server.base_url), TOY, stream=True)
        assert (await rest_of(answer))[-1] == FINISHED


@pytest.mark.parametrize("relayed", [False, True])
async def test_an_event_of_a_hundred_megabytes_ends_at_the_limit(relayed: bool) -> None:
    sent_bytes = 0

    async def script(peer: RawPeer) -> None:
        nonlocal sent_bytes
        await peer.request()
        await peer.send(STREAM_HEAD + chunk(b"data: "))
        for _ in range(1600):
            await peer.send(chunk(b"x" * 65536))
            sent_bytes += 65536

    async with raw_server(script) as server, http_client(max_event_bytes=1 << 20) as client:
        call = post(server.base_url)
        if relayed:
            opening = open_relay(client, call, ToyRelay(1 << 20), stream=True)
        else:
            opening = open_answer(client, call, TOY, stream=True)
        with pytest.raises(ProviderProtocolBroken):
            await opening
        await server.until_ended(1)
        assert sent_bytes < 32 << 20


async def test_a_relay_passes_whole_frames_and_their_marks() -> None:
    packets = [chunk(b"data: a\n\ndata: "), chunk(b"b\n\n"), chunk(b"data: [DONE]\n\n"), LAST_CHUNK]
    async with raw_server(saying(STREAM_HEAD, *packets)) as server, http_client() as client:
        answer = await open_relay(client, post(server.base_url), ToyRelay(), stream=True)
        assert await rest_of(answer) == [
            STARTED,
            RelayedBytes(b"data: a\n\n"),
            RelayedBytes(b"data: b\n\n"),
            RelayedBytes(b"data: [DONE]\n\n"),
            FINISHED,
        ]


async def test_a_relay_that_is_cut_raises_and_a_whole_one_is_passed_on() -> None:
    async def script(peer: RawPeer) -> None:
        await peer.request()
        await peer.send(response(b'{"any":1}') if peer.number else b"".join(WHOLE_STREAM))

    async with raw_server(script) as server, http_client() as client:
        answer = await open_relay(client, post(server.base_url), ToyRelay(), stream=True)
        with pytest.raises(StreamCut):
            await rest_of(answer)
        answer = await open_relay(client, post(server.base_url), ToyRelay(), stream=False)
        assert await rest_of(answer) == [STARTED, RelayedBytes(b'{"any":1}'), FINISHED]
