"""What tests say to /v1/responses, and how they read the stream that comes back."""

import json
from collections.abc import Callable
from typing import Any, Final, cast

import openai
from openai.types.responses import Response, ResponseFunctionToolCall

from tests.support.responses_laws import ResponsesStreamLaws

TOOLS: Final[list[dict[str, Any]]] = [
    {
        "type": "function",
        "name": name,
        "description": name,
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string"}},
            "required": ["city"],
            "additionalProperties": False,
        },
        "strict": True,
    }
    for name in ("get_weather", "get_time")
]


def lawful(
    client: openai.OpenAI,
    model: str,
    said: str | list[dict[str, Any]],
    **more: Any,  # Any: whatever a caller may add
) -> Response:
    """Return the last response of a stream that keeps every law."""
    laws = ResponsesStreamLaws()
    create = cast("Callable[..., Any]", client.responses.with_streaming_response.create)
    with create(model=model, input=said, stream=True, **more) as answer:
        assert answer.headers["content-type"] == "text/event-stream; charset=utf-8"
        for chunk in answer.iter_bytes():
            laws.feed(chunk)
    laws.close()
    assert laws.final is not None
    return Response.model_validate(laws.final)


def calls_of(response: Response) -> list[ResponseFunctionToolCall]:
    """Return the calls of functions, whose arguments are JSON."""
    calls = [item for item in response.output if item.type == "function_call"]
    for call in calls:
        json.loads(call.arguments)
    return calls


def results_for(response: Response) -> list[dict[str, Any]]:
    """Return the tools' results for all calls of a response."""
    return [
        {"type": "function_call_output", "call_id": call.call_id, "output": f"result {place}"}
        for place, call in enumerate(calls_of(response))
    ]


def sent_back(response: Response) -> list[dict[str, Any]]:
    """Return the output as clients send it back that keep no state with us."""
    whole: dict[str, Any] = json.loads(response.to_json())
    return list(whole["output"])


def compacted(
    client: openai.OpenAI,
    **asked: Any,  # Any: whatever a caller may ask
) -> list[dict[str, Any]]:
    """Return the output of a compaction, unread by the SDK: its type forgot users' messages."""
    compact = cast("Callable[..., Any]", client.responses.with_raw_response.compact)
    told: dict[str, Any] = compact(**asked).http_response.json()
    assert told["object"] == "response.compaction"
    return list(told["output"])
