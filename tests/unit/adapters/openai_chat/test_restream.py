"""A whole completion told as the stream that was asked for."""

import json
from typing import Any

from modelmux.adapters.openai_chat.restream import stream_of

HEAD = {"id": "c1", "object": "chat.completion", "created": 1, "model": "m", "vendor": {"x": 1}}
CALL = {"id": "a", "type": "function", "function": {"name": "f", "arguments": "{}"}}


def frames_of(body: dict[str, Any], *, usage: bool) -> list[dict[str, Any]]:
    frames = stream_of(json.dumps(body).encode(), usage=usage).decode().split("\n\n")
    assert frames[-2:] == ["data: [DONE]", ""]
    return [json.loads(frame.removeprefix("data: ")) for frame in frames[:-2]]


def test_one_chunk_holds_all_and_keeps_what_nobody_knows() -> None:
    message = {"role": "assistant", "content": None, "tool_calls": [CALL, CALL], "mood": "good"}
    choice = {"index": 0, "message": message, "finish_reason": "tool_calls", "odd": 1}
    (chunk,) = frames_of({**HEAD, "choices": [choice], "usage": {"total_tokens": 2}}, usage=False)
    delta = {**message, "tool_calls": [{"index": 0, **CALL}, {"index": 1, **CALL}]}
    assert chunk == {
        **HEAD,
        "object": "chat.completion.chunk",
        "choices": [{"index": 0, "finish_reason": "tool_calls", "odd": 1, "delta": delta}],
    }


def test_usage_comes_last_without_choices_if_it_was_asked_for() -> None:
    choice = {"index": 0, "message": {"content": "x", "tool_calls": None}, "finish_reason": "stop"}
    body = {**HEAD, "choices": [choice], "usage": {"total_tokens": 2}}
    first, last = frames_of(body, usage=True)
    assert "usage" not in first
    assert (last["choices"], last["usage"]) == ([], {"total_tokens": 2})


def test_completions_have_the_same_form_in_both() -> None:
    choice = {"index": 0, "text": "x", "finish_reason": "stop"}
    body = {"id": "c", "object": "text_completion", "choices": [choice]}
    assert frames_of(body, usage=True) == [body]
