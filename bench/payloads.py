"""The bodies that go over the wire, of the sizes the budget names."""

import json

MODEL = "bench-model"
CLAUDE = "claude-sonnet-5-5"
GATEWAY_KEY = "bench-key-not-secret"

_QUESTION = (
    "What is the tallest mountain of the continent that was explored last, and how high is it? "
)
_ANSWER = "The Vinson Massif in Antarctica is 4,892 metres high. "


def _compact(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


def short_request(model: str, *, stream: bool = False) -> bytes:
    """Return a chat request of 238 bytes (a little more when streamed)."""
    members: dict[str, object] = {"model": model, "max_tokens": 256}
    if stream:
        members["stream"] = True
    empty = _compact({**members, "messages": [{"role": "user", "content": ""}]})
    room = max(238 - len(empty), 16)
    text = (_QUESTION * 4)[:room]
    return _compact({**members, "messages": [{"role": "user", "content": text}]})


def response_request(model: str, **members: object) -> bytes:
    """Return a Responses request that asks what `short_request` asks, and is kept."""
    text = json.loads(short_request(model))["messages"][0]["content"]
    return _compact({"model": model, "max_output_tokens": 256, **members, "input": text})


def long_request(model: str) -> bytes:
    """Return a conversation of 110 KB: forty turns and a system message."""
    turn = (_QUESTION * 40)[:1340]
    messages: list[dict[str, str]] = [{"role": "system", "content": turn}]
    for _ in range(40):
        messages.append({"role": "user", "content": turn})
        messages.append({"role": "assistant", "content": turn})
    messages.append({"role": "user", "content": "And?"})
    return _compact({"model": model, "max_tokens": 256, "messages": messages})


def chat_answer() -> bytes:
    """Return a chat completion of 620 bytes."""

    def body(text: str) -> bytes:
        return _compact(
            {
                "id": "chatcmpl-bench0000000000000000",
                "object": "chat.completion",
                "created": 1795000000,
                "model": MODEL,
                "choices": [
                    {
                        "index": 0,
                        "message": {"role": "assistant", "content": text, "refusal": None},
                        "logprobs": None,
                        "finish_reason": "stop",
                    }
                ],
                "usage": {"prompt_tokens": 24, "completion_tokens": 60, "total_tokens": 84},
            }
        )

    return body((_ANSWER * 12)[: 620 - len(body(""))])


def claude_answer() -> bytes:
    """Return a Claude message of 620 bytes."""

    def body(text: str) -> bytes:
        return _compact(
            {
                "id": "msg_vrtx_bench0000000000000000",
                "type": "message",
                "role": "assistant",
                "model": CLAUDE,
                "content": [{"type": "text", "text": text}],
                "stop_reason": "end_turn",
                "stop_sequence": None,
                "usage": {"input_tokens": 24, "output_tokens": 60},
            }
        )

    return body((_ANSWER * 12)[: 620 - len(body(""))])


def chat_frames(count: int) -> tuple[list[bytes], bytes]:
    """Return the content frames of a streamed chat completion, and what ends it."""

    def frame(delta: dict[str, object], reason: str | None = None) -> bytes:
        return b"data: %b\n\n" % _compact(
            {
                "id": "chatcmpl-bench0000000000000000",
                "object": "chat.completion.chunk",
                "created": 1795000000,
                "model": MODEL,
                "choices": [{"index": 0, "delta": delta, "finish_reason": reason}],
            }
        )

    usage = b"data: %b\n\n" % _compact(
        {
            "id": "chatcmpl-bench0000000000000000",
            "object": "chat.completion.chunk",
            "created": 1795000000,
            "model": MODEL,
            "choices": [],
            "usage": {
                "prompt_tokens": 24,
                "completion_tokens": count,
                "total_tokens": 24 + count,
            },
        }
    )
    frames = [frame({"role": "assistant", "content": "The"})]
    frames += [frame({"content": " mountain"})] * (count - 1)
    return frames, frame({}, "stop") + usage + b"data: [DONE]\n\n"


def claude_frames(count: int) -> tuple[list[bytes], bytes]:
    """Return the content frames of a streamed Claude message, and what ends it."""

    def frame(kind: str, members: dict[str, object]) -> bytes:
        return b"event: %b\ndata: %b\n\n" % (kind.encode(), _compact({"type": kind, **members}))

    start = frame(
        "message_start",
        {
            "message": {
                "id": "msg_vrtx_bench0000000000000000",
                "type": "message",
                "role": "assistant",
                "model": CLAUDE,
                "content": [],
                "stop_reason": None,
                "stop_sequence": None,
                "usage": {"input_tokens": 24, "output_tokens": 1},
            }
        },
    ) + frame("content_block_start", {"index": 0, "content_block": {"type": "text", "text": ""}})
    delta = frame(
        "content_block_delta", {"index": 0, "delta": {"type": "text_delta", "text": " mountain"}}
    )
    end = (
        frame("content_block_stop", {"index": 0})
        + frame(
            "message_delta",
            {
                "delta": {"stop_reason": "end_turn", "stop_sequence": None},
                "usage": {"output_tokens": count},
            },
        )
        + frame("message_stop", {})
    )
    return [start + delta] + [delta] * (count - 1), end
