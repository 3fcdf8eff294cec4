"""Requests and targets as tests of the middle of the house need them."""

from collections.abc import Sequence
from dataclasses import replace

from modelmux.application.plan import ProviderEntry
from modelmux.application.ports import Answer, LlmProvider
from modelmux.domain.capabilities import Capabilities
from modelmux.domain.conversation import Item, Message, Role, Text
from modelmux.domain.deferred import Deferred
from modelmux.domain.dialect import Dialect
from modelmux.domain.events import (
    FinishReason,
    ResponseFinished,
    ResponseStarted,
    StreamEvent,
    TextDelta,
    Usage,
)
from modelmux.domain.request import Caller, Generation, GenerationRequest

HELLO_EVENTS: tuple[StreamEvent, ...] = (
    ResponseStarted("up-1", "upstream-model"),
    TextDelta("Hello"),
    ResponseFinished((FinishReason.STOP,), Usage(3, 1)),
)


def user(text: str) -> Message:
    return Message(Role.USER, (Text(text),))


def asking(content: Generation | None = None, *, model: str = "m") -> GenerationRequest:
    """Return a request that streams, of the tenant `acme`."""
    return GenerationRequest(
        model=model,
        dialect=Dialect.CHAT_COMPLETIONS,
        stream=True,
        content=Deferred.of(content or Generation((user("Hi"),))),
        caller=Caller("acme"),
    )


def content_of(*items: Item, **changes: object) -> Generation:
    return replace(Generation(items), **changes)  # type: ignore[arg-type]  # names are the test's


def entry(
    name: str,
    llm: LlmProvider,
    *,
    models: tuple[str, ...] = (),
    capabilities: Capabilities | None = None,
) -> ProviderEntry:
    record = capabilities or Capabilities()
    return ProviderEntry(name, "scripted", llm, lambda _model: record, models)


async def drain(answer: Answer) -> list[StreamEvent]:
    """Read an answer to its end and close it."""
    events: list[StreamEvent] = []
    try:
        while batch := await answer.read():
            events.extend(batch)
    finally:
        await answer.aclose()
    return events


def text_of(events: Sequence[StreamEvent]) -> str:
    return "".join(event.text for event in events if isinstance(event, TextDelta))
