"""A tool conversation driven through a language and its fake, without a socket between."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from urllib.parse import urlsplit

from modelmux.adapters.transport.languages import ErrorReply, WireLanguage
from modelmux.adapters.transport.sse import SseDecoder
from modelmux.domain.conversation import Item, Message, Role, Text, ToolCall, ToolResult
from modelmux.domain.events import ResponseFinished, StreamEvent
from modelmux.domain.request import Generation
from modelmux.domain.response import Response

from .fake_upstream import FakeUpstream, Json, Received
from .streams import fold


@dataclass(frozen=True, slots=True)
class Talk:
    """`say` gives the body for a conversation, `read` how its answer is read."""

    fake: FakeUpstream
    url: str
    stream: bool
    say: Callable[[Generation], bytes]
    read: Callable[[Generation], WireLanguage]

    def ask(self, content: Generation) -> Response:
        """Return the answer to `content`; raises what the language makes of an error."""
        return fold(self.events(content))

    def events(self, content: Generation) -> list[StreamEvent]:
        raw = self.say(content)
        body: Json = json.loads(raw)
        target = urlsplit(self.url)._replace(scheme="", netloc="").geturl()
        headers = {"anthropic-version": "2023-06-01"}
        reply = self.fake.reply(Received("POST", target, headers, body, raw))
        language = self.read(content)
        if reply.status != 200:
            raise language.decode_error(ErrorReply(reply.status, dict(reply.headers), reply.body))
        if not self.stream:
            return language.decode_whole(reply.body)
        decoder, frames = language.stream_decoder(), SseDecoder(1 << 20)
        events: list[StreamEvent] = []
        for frame in reply.frames:
            events += decoder.feed(frames.feed(frame))
        if not events or not isinstance(events[-1], ResponseFinished):
            events += decoder.close()
        return events

    def run(self, content: Generation) -> tuple[list[Item], int]:
        """Answer calls until there are none; return all items and how many requests it took."""
        items = list(content.items)
        for count in range(1, 9):
            answered = self.ask(replace(content, items=tuple(items))).candidates[0].items
            items += answered
            calls = [item for item in answered if isinstance(item, ToolCall)]
            if not calls:
                return items, count
            items += results_of(calls)
        raise AssertionError("the conversation does not end")


def results_of(calls: Sequence[ToolCall]) -> list[ToolResult]:
    return [ToolResult(call.id, (Text(f"result {number}"),)) for number, call in enumerate(calls)]


def user(text: str) -> Message:
    return Message(Role.USER, (Text(text),))


def final_text(items: Sequence[Item]) -> str:
    """Return what the last message says."""
    texts = [
        part.text
        for item in items[-2:]
        if isinstance(item, Message)
        for part in item.parts
        if isinstance(part, Text)
    ]
    return "".join(texts)
