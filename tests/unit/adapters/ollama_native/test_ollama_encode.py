"""What the goldens do not show of requests to Ollama."""

import json
from typing import Any

import pytest

from modelmux.adapters.ollama_native.capabilities import BASE, RULES
from modelmux.adapters.ollama_native.embed import decode_embed, encode_embed
from modelmux.adapters.ollama_native.encode import NO_DEFAULTS, Defaults, encode_request
from modelmux.adapters.ollama_native.room import check_room
from modelmux.domain.capabilities import resolve
from modelmux.domain.conversation import (
    Audio,
    FileData,
    ImageData,
    ImageReference,
    ImageUrl,
    Item,
    Message,
    Part,
    Proof,
    Reasoning,
    Role,
    Text,
    ToolCall,
    ToolResult,
    Vendor,
)
from modelmux.domain.effort import Effort
from modelmux.domain.embedding import EmbeddingAsk
from modelmux.domain.errors import (
    ContextTooLong,
    InvalidRequest,
    ProviderProtocolBroken,
    UnsupportedFeature,
)
from modelmux.domain.events import EmbeddingsAdded, ResponseFinished, ResponseStarted
from modelmux.domain.request import Generation, Sampling
from modelmux.domain.tools import AllowedTools, AnyTool, FunctionTool, HostedChoice, NamedTool
from tests.support import ollama_rules
from tests.support.asking import content_of, user

TOOL = FunctionTool("f")


def body_of(
    content: Generation, model: str = "qwen3:8b", defaults: Defaults = NO_DEFAULTS
) -> dict[str, Any]:
    record = resolve(BASE, RULES, model)
    encoded = encode_request(
        content, model=model, stream=False, capabilities=record, defaults=defaults
    )
    body: dict[str, Any] = json.loads(encoded)
    ollama_rules.check(body)
    return body


def messages_of(*items: Item) -> list[dict[str, Any]]:
    messages: list[dict[str, Any]] = body_of(content_of(*items))["messages"]
    return messages


def test_a_request_says_more_than_the_defaults() -> None:
    defaults = Defaults(8192, "10m", {"temperature": 0.1, "min_p": 0.05})
    body = body_of(content_of(user("Hi"), sampling=Sampling(temperature=0.9, top_k=20)),
                   defaults=defaults)  # fmt: skip
    assert body["options"] == {
        "temperature": 0.9,
        "min_p": 0.05,
        "num_ctx": 8192,
        "top_k": 20,
    }
    assert body["keep_alive"] == "10m"


def test_results_follow_in_the_order_of_their_calls() -> None:
    said = messages_of(
        user("Hi"),
        Reasoning("Both."),
        ToolCall("a", "f", '{"n":1}'),
        ToolCall("b", "f", '{"n":2}'),
        ToolResult("b", (Text("second"),)),
        ToolResult("a", (Text("first"),)),
    )
    assert said[1]["thinking"] == "Both."
    assert [one["function"]["arguments"] for one in said[1]["tool_calls"]] == [{"n": 1}, {"n": 2}]
    assert said[2:] == [
        {"role": "tool", "content": "first", "tool_name": "f"},
        {"role": "tool", "content": "second", "tool_name": "f"},
    ]


@pytest.mark.parametrize(
    "result",
    [
        ToolResult("a", (ImageData("image/png", "AAAA"),)),
        ToolResult("a", (Text("no such city"),), is_error=True),
    ],
)
def test_results_are_text_of_calls_that_did_not_fail(result: ToolResult) -> None:
    with pytest.raises(UnsupportedFeature, match=r"tool results|failed tool calls"):
        messages_of(user("Hi"), ToolCall("a", "f", "{}"), result)


def test_thoughts_of_others_stay_here() -> None:
    sealed = Proof(Vendor.GOOGLE, "gemini", "thought_signature", "sig")
    said = messages_of(
        user("Hi"), Reasoning("x", sealed), Message(Role.ASSISTANT, (Text("Yes"),)), user("So?")
    )
    assert "thinking" not in said[1]


def test_a_result_without_its_call_is_refused() -> None:
    with pytest.raises(InvalidRequest, match="answers no call"):
        messages_of(user("Hi"), ToolResult("a", (Text("x"),)))


def test_two_results_of_one_call_are_refused() -> None:
    result = ToolResult("a", (Text("x"),))
    with pytest.raises(InvalidRequest, match="Two tool results"):
        messages_of(user("Hi"), ToolCall("a", "f", ""), result, result)


@pytest.mark.parametrize(
    "part",
    [
        Audio("AAAA", "wav"),
        FileData("application/pdf", "AAAA"),
        ImageUrl("https://images.example/cat.png"),
        ImageReference("file-1"),
    ],
)
def test_what_cannot_be_said_is_refused_by_name(part: Part) -> None:
    with pytest.raises(UnsupportedFeature) as caught:
        messages_of(Message(Role.USER, (part,)))
    assert caught.value.param == "messages"


@pytest.mark.parametrize(
    ("changes", "param"),
    [
        ({"sampling": Sampling(candidates=2)}, "n"),
        ({"sampling": Sampling(logit_bias={"1": 1})}, "logit_bias"),
        ({"verbosity": "low"}, "verbosity"),
        ({"service_tier": "flex"}, "service_tier"),
        ({"tools": (TOOL,), "parallel_tool_calls": False}, "parallel_tool_calls"),
        ({"tools": (TOOL,), "tool_choice": AnyTool()}, "tool_choice"),
        ({"tools": (TOOL,), "tool_choice": NamedTool("f")}, "tool_choice"),
        ({"tools": (TOOL,), "tool_choice": AllowedTools(("f",), required=True)}, "tool_choice"),
        ({"tools": (TOOL,), "tool_choice": HostedChoice("mcp", {})}, "tool_choice"),
    ],
)
def test_what_has_no_word_is_refused_by_name(changes: dict[str, object], param: str) -> None:
    with pytest.raises(UnsupportedFeature) as caught:
        body_of(content_of(user("Hi"), **changes))
    assert caught.value.param == param


@pytest.mark.parametrize(
    ("model", "effort", "said"),
    [
        ("qwen3:8b", None, None),
        ("qwen3:8b", Effort.NONE, False),
        ("qwen3:8b", Effort.MEDIUM, True),
        ("gpt-oss:20b", None, None),
        ("gpt-oss:20b", Effort.HIGH, "high"),
        ("llama3.2", Effort.NONE, None),
        ("qwen3-coder:30b", Effort.NONE, None),
    ],
)
def test_thinking_is_a_switch_or_a_level(
    model: str, effort: Effort | None, said: bool | str | None
) -> None:
    assert body_of(content_of(user("Hi"), effort=effort), model).get("think") == said


@pytest.mark.parametrize(
    ("model", "effort"),
    [
        ("llama3.2", Effort.LOW),
        ("gpt-oss:20b", Effort.NONE),
        ("gpt-oss:20b", Effort.XHIGH),
    ],
)
def test_thinking_that_has_no_word_is_refused(model: str, effort: Effort) -> None:
    with pytest.raises(UnsupportedFeature) as caught:
        body_of(content_of(user("Hi"), effort=effort), model)
    assert caught.value.param == "reasoning_effort"


def test_what_cannot_fit_by_any_count_is_refused() -> None:
    long = content_of(user("word " * 4000))  # about 5,000 tokens
    with pytest.raises(ContextTooLong, match="num_ctx"):
        check_room(long, Defaults(num_ctx=2048))


@pytest.mark.parametrize("room", [None, 4096, 32_768])
def test_what_may_fit_is_asked(room: int | None) -> None:
    check_room(content_of(user("word " * 4000)), Defaults(num_ctx=room))


def test_embeddings_are_never_cut_in_silence() -> None:
    ask = EmbeddingAsk(("a", "b"), dimensions=64)
    said = json.loads(encode_embed(ask, model="e", defaults=Defaults(512, -1)))
    assert said == {
        "model": "e",
        "input": ["a", "b"],
        "dimensions": 64,
        "options": {"num_ctx": 512},
        "keep_alive": -1,
        "truncate": False,
    }


def test_tokens_of_another_vocabulary_are_refused() -> None:
    with pytest.raises(UnsupportedFeature) as caught:
        encode_embed(EmbeddingAsk(("a", (1, 2))), model="e")
    assert caught.value.param == "input"


def test_vectors_come_in_their_order() -> None:
    body = b'{"model":"e","embeddings":[[1.0,2],[3,4.5]],"prompt_eval_count":7}'
    started, added, finished = decode_embed(body, model="asked")
    assert started == ResponseStarted("", "e")
    assert isinstance(added, EmbeddingsAdded)
    assert [list(vector) for vector in added.vectors] == [[1.0, 2.0], [3.0, 4.5]]
    assert isinstance(finished, ResponseFinished)
    assert finished.usage is not None
    assert finished.usage.input_tokens == 7


def test_an_answer_without_vectors_is_none() -> None:
    with pytest.raises(ProviderProtocolBroken):
        decode_embed(b'{"model":"e","embeddings":[]}', model="e")
