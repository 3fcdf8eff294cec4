"""A flood of comments: there is always something to read, and never an answer."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace

import pytest

from modelmux.adapters.transport.answers import StreamAnswer
from modelmux.adapters.transport.client import HttpClient
from modelmux.adapters.transport.languages import FrameReader, StreamDecoder
from modelmux.adapters.transport.reply import HttpReply
from modelmux.adapters.transport.sse import SseFrame
from modelmux.domain.errors import ProviderProtocolBroken, UpstreamTimeout
from modelmux.domain.events import StreamEvent
from tests.support.clients import QUICK


class FloodingReply(HttpReply):
    def __init__(self) -> None:
        super().__init__(200, {})
        self.closed = False

    async def read_before(self, deadline: float | None) -> bytes:
        await asyncio.sleep(0)
        return b": comment\n\n"

    async def aclose(self) -> None:
        self.closed = True

    def let_end(self) -> None:
        raise AssertionError("the answer never finished")


class SilentDecoder(StreamDecoder):
    def feed(self, frames: Sequence[SseFrame]) -> list[StreamEvent]:
        return []

    def close(self) -> list[StreamEvent]:
        raise ProviderProtocolBroken("nothing came")


async def test_comments_that_never_stop_coming_end_at_the_idle_time() -> None:
    client = HttpClient("upstream", replace(QUICK, idle_timeout_s=0.05))
    reply = FloodingReply()
    answer = StreamAnswer(client, reply, FrameReader(SilentDecoder(), 1000))
    async with asyncio.timeout(2.0):
        with pytest.raises(UpstreamTimeout) as caught:
            await answer.begin()
    assert caught.value.provider == "upstream"
    assert reply.closed
