"""The bodies that go over the wire, of the sizes the budget names."""

import json
import struct
import zlib

MODEL = "bench-model"
CLAUDE = "claude-sonnet-5-5"
DIRECT = "claude-opus-5-5"
GEMINI = "gemini-3.6-flash"
CONVERSE = "amazon.nova-pro-v1:0"
EMBEDDING = "text-embedding-005"
DIMENSIONS = 768
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


def agent_request(model: str) -> bytes:
    """Return a coding agent's request of 40 KB in Messages: two dozen tools, marks, thoughts."""
    mark = {"type": "ephemeral"}
    tools: list[dict[str, object]] = [
        {
            "name": f"tool_{number}",
            "description": (_QUESTION * 12)[:900],
            "input_schema": {
                "type": "object",
                "properties": {"path": {"type": "string", "description": _QUESTION}},
                "required": ["path"],
            },
        }
        for number in range(24)
    ]
    tools[-1]["cache_control"] = mark
    messages: list[dict[str, object]] = [{"role": "user", "content": "Mend the test."}]
    for number in range(8):
        call = {"type": "tool_use", "id": f"toolu_{number}", "name": "tool_1"}
        result = {"type": "tool_result", "tool_use_id": f"toolu_{number}"}
        text = (_ANSWER * 20)[:800]
        messages.append({"role": "assistant", "content": [{**call, "input": {"path": "a.py"}}]})
        messages.append({"role": "user", "content": [{**result, "content": text}]})
    return _compact(
        {
            "model": model,
            "max_tokens": 32000,
            "system": [{"type": "text", "text": (_QUESTION * 40)[:3000], "cache_control": mark}],
            "tools": tools,
            "messages": messages,
        }
    )


def embedding_request(model: str) -> bytes:
    """Return a request for 100 vectors in base64, as OpenAI's SDKs ask."""
    inputs = [f"{number}: {_QUESTION}" for number in range(100)]
    return _compact({"model": model, "input": inputs, "encoding_format": "base64"})


def predictions(count: int) -> bytes:
    """Return `count` vectors as Vertex gives them."""
    values = [round((number * 7919 % 2000 - 1000) / 30_000, 9) for number in range(DIMENSIONS)]
    vector = {"values": values, "statistics": {"token_count": 20, "truncated": False}}
    return _compact({"predictions": [{"embeddings": vector}] * count})


def gemini_answer() -> bytes:
    """Return an answer of Gemini's of 620 bytes."""

    def body(text: str) -> bytes:
        return _compact(_gemini(text, "STOP"))

    return body((_ANSWER * 12)[: 620 - len(body(""))])


def gemini_frames(count: int) -> tuple[list[bytes], bytes]:
    """Return the content frames of a streamed answer of Gemini's, and what ends it."""
    frame = b"data: %b\r\n\r\n" % _compact(_gemini(" mountain", None))
    return [frame] * count, b"data: %b\r\n\r\n" % _compact(_gemini("", "STOP"))


def _gemini(text: str, reason: str | None) -> dict[str, object]:
    candidate: dict[str, object] = {
        "index": 0,
        "content": {"role": "model", "parts": [{"text": text}]},
    }
    if reason is not None:
        candidate["finishReason"] = reason
    counts = {"promptTokenCount": 24, "candidatesTokenCount": 60, "totalTokenCount": 84}
    return {
        "candidates": [candidate],
        "usageMetadata": counts,
        "modelVersion": GEMINI,
        "responseId": "bench0000000000000000",
    }


def converse_answer() -> bytes:
    """Return an answer of Converse's of 620 bytes."""

    def body(text: str) -> bytes:
        return _compact(
            {
                "output": {"message": {"role": "assistant", "content": [{"text": text}]}},
                "stopReason": "end_turn",
                "usage": {"inputTokens": 24, "outputTokens": 60, "totalTokens": 84},
                "metrics": {"latencyMs": 12},
            }
        )

    return body((_ANSWER * 12)[: 620 - len(body(""))])


def converse_frames(count: int) -> tuple[list[bytes], bytes]:
    """Return the content frames of a ConverseStream, and what ends it."""
    delta = _event(
        "contentBlockDelta", {"contentBlockIndex": 0, "delta": {"text": " mountain"}, "p": "abcde"}
    )
    start = _event("messageStart", {"role": "assistant"})
    end = (
        _event("contentBlockStop", {"contentBlockIndex": 0})
        + _event("messageStop", {"stopReason": "end_turn"})
        + _event(
            "metadata",
            {
                "usage": {"inputTokens": 24, "outputTokens": count, "totalTokens": 24 + count},
                "metrics": {"latencyMs": 12},
            },
        )
    )
    return [start + delta] + [delta] * (count - 1), end


def _event(kind: str, payload: dict[str, object]) -> bytes:
    """Return a frame of `application/vnd.amazon.eventstream`."""
    names = {
        ":event-type": kind,
        ":content-type": "application/json",
        ":message-type": "event",
    }
    headers = b"".join(
        bytes([len(name)])
        + name.encode()
        + b"\x07"
        + struct.pack(">H", len(value))
        + value.encode()
        for name, value in names.items()
    )
    body = _compact(payload)
    prelude = struct.pack(">II", 16 + len(headers) + len(body), len(headers))
    frame = prelude + struct.pack(">I", zlib.crc32(prelude)) + headers + body
    return frame + struct.pack(">I", zlib.crc32(frame))
