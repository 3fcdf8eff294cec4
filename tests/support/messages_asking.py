"""What tests say through the official Anthropic SDK, and how they read what comes back."""

from collections.abc import Callable, Generator, Iterable, Mapping
from contextlib import contextmanager
from typing import Any, Final, cast

import anthropic
import httpx
from anthropic.types import Message

from .messages_laws import Json, judged

TOOLS: Final[list[Json]] = [
    {
        "name": name,
        "description": name,
        "input_schema": {
            "type": "object",
            "properties": {"city": {"type": "string"}},
            "required": ["city"],
            "additionalProperties": False,
        },
    }
    for name in ("get_weather", "get_time")
]
ONE_CALL: Final = "call get_weather"
TWO_CALLS: Final = "in parallel: get_weather, get_time"


@contextmanager
def anthropic_client(url: str, api_key: str) -> Generator[anthropic.Anthropic]:
    """Give the official SDK, which must not repair anything: strict and without retries.

    `url` is without `/v1`.
    """
    with anthropic.Anthropic(
        base_url=url,
        api_key=api_key,
        max_retries=0,
        timeout=20,
        _strict_response_validation=True,
    ) as client:
        yield client


def _body(model: str, said: str | Iterable[Json], more: Mapping[str, Any]) -> Json:
    messages = [user(said)] if isinstance(said, str) else list(said)
    return {"model": model, "max_tokens": 3000, "messages": messages, **more}


def user(content: str | list[Json]) -> Json:
    return {"role": "user", "content": content}


def ask(
    client: anthropic.Anthropic,
    model: str,
    said: str | Iterable[Json],
    **more: Any,  # Any: whatever a caller may add; the SDK's overloads cannot see into it
) -> Message:
    """Return the whole answer to a text or a conversation."""
    return ask_raw(client, model, said, **more)[0]


def ask_raw(
    client: anthropic.Anthropic,
    model: str,
    said: str | Iterable[Json],
    **more: Any,  # Any: as for ask
) -> tuple[Message, Mapping[str, str]]:
    """Return the whole answer and the headers it came with, names in lower case."""
    create = cast("Callable[..., Any]", client.messages.with_raw_response.create)
    raw = create(**_body(model, said, more))
    headers = {name.lower(): value for name, value in raw.headers.items()}
    return cast("Message", raw.parse()), headers


def streamed(
    client: anthropic.Anthropic,
    model: str,
    said: str | Iterable[Json],
    **more: Any,  # Any: as for ask
) -> Message:
    """Return what the SDK's own helper makes of a streamed answer."""
    stream = cast("Callable[..., Any]", client.messages.stream)
    with stream(**_body(model, said, more)) as events:
        return cast("Message", events.get_final_message())


def streamed_by_the_laws(
    client: anthropic.Anthropic,
    model: str,
    said: str | Iterable[Json],
    **more: Any,  # Any: as for ask
) -> Json:
    """Return what a streamed answer amounts to; raise where it breaks a law of streams."""
    headers = {"authorization": f"Bearer {client.api_key}", "anthropic-version": "2026-10-21"}
    answer = httpx.post(
        f"{str(client.base_url).rstrip('/')}/v1/messages",
        json=_body(model, said, {**more, "stream": True}),
        headers=headers,
        trust_env=False,
        timeout=20,
    )
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "text/event-stream; charset=utf-8"
    return judged(answer.content)


def content_of(message: Message) -> list[Json]:
    """Return the blocks of an answer as a client sends them back."""
    return [block.to_dict(mode="json") for block in message.content]


def text_of(message: Message) -> str:
    return "".join(block.text for block in message.content if block.type == "text")


def with_results(message: Message, *, is_error: bool = False) -> list[Json]:
    """Return what a client adds to the conversation when the tools have answered."""
    results: list[Json] = []
    for block in message.content:
        if block.type == "tool_use":
            result = {
                "type": "tool_result",
                "tool_use_id": block.id,
                "content": f"result {len(results)}",
            }
            results.append({**result, "is_error": True} if is_error else result)
    return [{"role": "assistant", "content": content_of(message)}, user(results)]
