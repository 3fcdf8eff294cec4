"""From a call to a running answer: the way all provider adapters share.

A stream's events are passed on as they come; a whole answer is the same few events at once. The
law held here: what ends without `ResponseFinished` raises. Before the first event everything is
still retryable, so a cut there is `UpstreamUnreachable`, or `ProviderProtocolBroken` if the body
ended in good order but said nothing; after it, it is `StreamCut`.
"""

import asyncio
from collections.abc import Callable, Sequence

import msgspec

from ...application.ports import Answer
from ...domain.errors import (
    ProviderError,
    ProviderProtocolBroken,
    StreamCut,
    UpstreamTimeout,
    UpstreamUnreachable,
)
from ...domain.events import ResponseFinished, StreamEvent
from .client import HttpCall, HttpClient, HttpReply
from .languages import ErrorReply, FramedLanguage, FrameReader, Reader, Relay, WireLanguage
from .sse import ProgressMeter

_MAX_ERROR_BYTES = 64 * 1024


async def open_answer(
    client: HttpClient,
    call: HttpCall,
    language: WireLanguage | FramedLanguage,
    *,
    stream: bool,
) -> Answer:
    """Send `call` and return its answer, once the first events are there.

    Raises:
        ProviderError: any failure before the first event, with the provider's name on it.
        TooManyWaiting: no slot in time.
    """
    max_event_bytes = client.settings.max_event_bytes

    def reader() -> Reader:
        if isinstance(language, FramedLanguage):
            return language.reader(max_event_bytes)
        return FrameReader(language.stream_decoder(), max_event_bytes)

    return await _open(
        client,
        call,
        stream=stream,
        reader=reader,
        whole=language.decode_whole,
        decode_error=language.decode_error,
        has_comments=isinstance(language, WireLanguage),
    )


async def open_relay(client: HttpClient, call: HttpCall, relay: Relay, *, stream: bool) -> Answer:
    """`open_answer` for a body that is passed on; `relay` is for this call alone."""
    return await _open(
        client,
        call,
        stream=stream,
        reader=lambda: relay,
        whole=relay.whole,
        decode_error=relay.decode_error,
    )


async def _open(
    client: HttpClient,
    call: HttpCall,
    *,
    stream: bool,
    reader: Callable[[], Reader],
    whole: Callable[[bytes], list[StreamEvent]],
    decode_error: Callable[[ErrorReply], ProviderError],
    has_comments: bool = True,
) -> Answer:
    reply = await client.send(call)
    try:
        headers = reply.headers
        if not 200 <= reply.status < 300:
            raise decode_error(ErrorReply(reply.status, headers, await _read_error(reply)))
        media_type = headers.get("content-type", "").partition(";")[0].strip().lower()
        if "html" in media_type:
            raise ProviderProtocolBroken("The upstream answered with a web page.")
        if stream and not _is_json(media_type):
            answer = StreamAnswer(client, reply, reader(), has_comments=has_comments)
            await answer.begin()
            return answer
        if media_type == "text/event-stream":
            raise ProviderProtocolBroken("The upstream streams what was asked for whole.")
        body = await reply.read_all(client.settings.max_body_bytes)
        if not body.strip():
            raise ProviderProtocolBroken("The upstream's answer is empty.")
        if is_error_body(body):
            raise decode_error(ErrorReply(reply.status, headers, body[:_MAX_ERROR_BYTES]))
        return WholeAnswer(whole(body))
    except ProviderError as error:
        error.provider = client.provider
        await reply.aclose()
        if isinstance(error, StreamCut):
            raise UpstreamUnreachable(
                "The connection to the upstream was lost before its answer.",
                provider=client.provider,
                detail=error.detail,
            ) from error
        raise
    except RecursionError:
        await reply.aclose()
        raise _too_deep(client.provider) from None
    except BaseException:
        await reply.aclose()
        raise


def _is_json(media_type: str) -> bool:
    """Return whether a body of this type is one JSON value, not a stream of lines of them."""
    return media_type.endswith("json") and not media_type.endswith("ndjson")


def _too_deep(provider: str) -> ProviderProtocolBroken:
    return ProviderProtocolBroken("The upstream's answer nests too deeply.", provider=provider)


async def _read_error(reply: HttpReply) -> bytes:
    """Return what can be had of an error's body: a status without it is still worth telling."""
    if "content-encoding" in reply.headers:
        return b""
    try:
        return await reply.read_all(_MAX_ERROR_BYTES)
    except ProviderError:
        return b""


class _MaybeError(msgspec.Struct):
    error: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET


_maybe_errors: msgspec.json.Decoder[_MaybeError | list[_MaybeError]] = msgspec.json.Decoder(
    _MaybeError | list[_MaybeError]
)


def is_error_body(body: bytes) -> bool:
    """Return whether a JSON body is an error: `{"error": ...}`, or Google's list of one."""
    if b'"error"' not in body:
        return False
    try:
        found = _maybe_errors.decode(body)
    except msgspec.DecodeError:
        return False
    for one in found if isinstance(found, list) else (found,):
        if one.error is not msgspec.UNSET and bytes(one.error) != b"null":
            return True
    return False


class WholeAnswer(Answer):
    """An answer that is all there; its connection is free already."""

    __slots__ = ("_events",)

    def __init__(self, events: Sequence[StreamEvent]) -> None:
        self._events = events

    async def read(self) -> Sequence[StreamEvent]:
        events = self._events
        self._events = ()
        return events

    async def aclose(self) -> None:
        self._events = ()


class StreamAnswer(Answer):
    """An answer that is still coming."""

    __slots__ = (
        "_began",
        "_client",
        "_deadline",
        "_finished",
        "_first",
        "_progress",
        "_reader",
        "_reply",
    )

    def __init__(
        self, client: HttpClient, reply: HttpReply, reader: Reader, *, has_comments: bool = True
    ) -> None:
        self._client = client
        self._reply = reply
        self._reader = reader
        self._progress = ProgressMeter() if has_comments else None
        # When patience with comments ends; None while something else comes.
        self._deadline: float | None = None
        self._first: Sequence[StreamEvent] = ()
        self._finished = False
        self._began = False

    async def begin(self) -> None:
        """Wait for the first events."""
        self._first = await self.read()

    async def read(self) -> Sequence[StreamEvent]:
        first = self._first
        if first:
            self._first = ()
            return first
        if self._finished:
            return ()
        reply = self._reply
        try:
            events: Sequence[StreamEvent] = ()
            while not events:
                # One coroutine for all of it: a stream comes by here for every chunk.
                data = await reply.read_before(self._deadline)
                events = self._decode(data) if data else self._end()
        except ProviderError as error:
            error.provider = self._client.provider
            await reply.aclose()
            raise
        except RecursionError:
            await reply.aclose()
            raise _too_deep(self._client.provider) from None
        self._began = True
        if type(events[-1]) is ResponseFinished:
            self._finished = True
            reply.let_end()
        return events

    def _decode(self, data: bytes) -> Sequence[StreamEvent]:
        events = self._reader.feed(data)
        # A comment must not hold a dead answer open: only fields move the deadline.
        if self._progress is None or self._progress.feed(data):
            self._deadline = None
        else:
            now = asyncio.get_running_loop().time()
            if self._deadline is None:
                self._deadline = now + self._client.settings.idle_timeout_s
            elif now >= self._deadline:
                raise UpstreamTimeout("The upstream sent nothing but comments.", phase="idle")
        return events

    def _end(self) -> Sequence[StreamEvent]:
        events = self._reader.close()
        if events and type(events[-1]) is ResponseFinished:
            return events
        if self._began:
            raise StreamCut("The upstream's answer ended before it was finished.")
        raise ProviderProtocolBroken("The upstream's answer is empty.")

    async def aclose(self) -> None:
        self._first = ()
        self._finished = True
        await self._reply.aclose()
