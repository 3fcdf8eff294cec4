"""What tests say through the official SDK, and how they read what comes back."""

import json
from collections.abc import Callable, Generator, Iterable, Mapping
from contextlib import contextmanager
from typing import Any, Final, cast

import openai
from openai.types.chat import ChatCompletion, ChatCompletionMessageParam, ChatCompletionToolParam

TOOLS: Final[list[ChatCompletionToolParam]] = [
    {
        "type": "function",
        "function": {
            "name": name,
            "description": name,
            "parameters": {
                "type": "object",
                "properties": {"city": {"type": "string"}},
                "required": ["city"],
                "additionalProperties": False,
            },
        },
    }
    for name in ("get_weather", "get_time")
]
# The words that make each fake call: its own, and the names the demo looks for.
ONE_CALL: Final = "call get_weather"
TWO_CALLS: Final = "in parallel: get_weather, get_time"


def unstrict(client: openai.OpenAI) -> openai.OpenAI:
    """Return a client for embeddings: a strict one looks for numbers before it decodes base64."""
    return client.copy()


@contextmanager
def client_at(base_url: str, api_key: str) -> Generator[openai.OpenAI]:
    """Give the official SDK, which must not repair anything: strict and without retries."""
    with openai.OpenAI(
        base_url=base_url,
        api_key=api_key,
        max_retries=0,
        timeout=20,
        _strict_response_validation=True,
    ) as client:
        yield client


def user(content: str | list[dict[str, Any]]) -> ChatCompletionMessageParam:
    """Return a message of the user: a text, or parts as plain dicts."""
    return cast("ChatCompletionMessageParam", {"role": "user", "content": content})


def ask(
    client: openai.OpenAI,
    model: str,
    said: str | Iterable[ChatCompletionMessageParam],
    **more: Any,  # Any: whatever a caller may add; the SDK's overloads cannot see into it
) -> ChatCompletion:
    """Return the whole answer to a text or a conversation."""
    return ask_raw(client, model, said, **more)[0]


def ask_raw(
    client: openai.OpenAI,
    model: str,
    said: str | Iterable[ChatCompletionMessageParam],
    **more: Any,  # Any: as for ask
) -> tuple[ChatCompletion, Mapping[str, str]]:
    """Return the whole answer and the headers it came with, names in lower case."""
    create = cast("Callable[..., Any]", client.chat.completions.with_raw_response.create)
    messages = [user(said)] if isinstance(said, str) else said
    raw = create(model=model, messages=messages, **more)
    headers = {name.lower(): value for name, value in raw.headers.items()}
    return cast("ChatCompletion", raw.parse()), headers


def frames(
    client: openai.OpenAI,
    model: str,
    said: str | Iterable[ChatCompletionMessageParam],
    **more: Any,  # Any: as for ask
) -> list[str]:
    """Return what stands behind `data: ` in each frame of a streamed answer."""
    stream = cast("Callable[..., Any]", client.chat.completions.with_streaming_response.create)
    messages = [user(said)] if isinstance(said, str) else said
    with stream(model=model, messages=messages, stream=True, **more) as answer:
        assert answer.headers["content-type"] == "text/event-stream; charset=utf-8"
        body: str = "".join(answer.iter_text())
    whole = [frame for frame in body.split("\n\n") if frame]
    assert body.endswith("\n\n")
    assert all(frame.startswith("data: ") and "\n" not in frame for frame in whole)
    return [frame.removeprefix("data: ") for frame in whole]


def chunks(
    client: openai.OpenAI,
    model: str,
    said: str | Iterable[ChatCompletionMessageParam],
    **more: Any,  # Any: as for ask
) -> list[dict[str, Any]]:
    """Return the chunks of a streamed answer that ends as it must."""
    told = frames(client, model, said, **more)
    assert told[-1] == "[DONE]"
    return [json.loads(frame) for frame in told[:-1]]


def deltas_of(told: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the deltas of all choices of `told` chunks."""
    return [choice["delta"] for chunk in told for choice in chunk["choices"]]


def streamed(
    client: openai.OpenAI,
    model: str,
    said: str | Iterable[ChatCompletionMessageParam],
    **more: Any,  # Any: as for ask
) -> ChatCompletion:
    """Return what the SDK's own helper makes of a streamed answer."""
    messages = [user(said)] if isinstance(said, str) else said
    with client.chat.completions.stream(model=model, messages=messages, **more) as events:
        return cast("ChatCompletion", events.get_final_completion())


def as_sent_back(answer: ChatCompletion) -> list[ChatCompletionMessageParam]:
    """Return what a plain client keeps of an answer with calls, and the tools' results."""
    calls = answer.choices[0].message.tool_calls or []
    kept: list[dict[str, Any]] = []
    for call in calls:
        assert call.type == "function"
        function = {"name": call.function.name, "arguments": call.function.arguments}
        kept.append({"id": call.id, "type": "function", "function": function})
    sent: list[dict[str, Any]] = [{"role": "assistant", "content": None, "tool_calls": kept}]
    sent += [
        {"role": "tool", "tool_call_id": call.id, "content": f"result {place}"}
        for place, call in enumerate(calls)
    ]
    return cast("list[ChatCompletionMessageParam]", sent)
