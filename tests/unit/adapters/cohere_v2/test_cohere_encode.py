"""What the goldens do not show of requests to Cohere."""

import json
from typing import Any

import pytest

from modelmux.adapters.cohere_v2.capabilities import BASE, RULES
from modelmux.adapters.cohere_v2.encode import encode_request
from modelmux.adapters.cohere_v2.ranges import within_ranges
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
from modelmux.domain.errors import InvalidRequest, UnsupportedFeature
from modelmux.domain.request import Generation, Sampling
from modelmux.domain.thinking import (
    AdaptiveThinking,
    NoThinking,
    ThinkingBetweenTools,
    ThinkingBudget,
)
from modelmux.domain.tools import FunctionTool, HostedChoice, HostedTool, NamedTool
from tests.support import cohere_rules
from tests.support.asking import content_of, user

MODEL = "command-a-reasoning-08-2025"


def body_of(content: Generation, model: str = MODEL) -> dict[str, Any]:
    record = resolve(BASE, RULES, model)
    encoded = encode_request(content, model=model, stream=True, capabilities=record)
    body: dict[str, Any] = json.loads(encoded)
    cohere_rules.check(body)
    return body


def messages_of(*items: Item) -> list[dict[str, Any]]:
    messages: list[dict[str, Any]] = body_of(content_of(*items))["messages"]
    return messages


def test_whether_it_streams_is_always_said() -> None:
    assert body_of(content_of(user("Hi")))["stream"] is True


def test_thoughts_before_calls_go_back_as_the_plan() -> None:
    _, called, _ = messages_of(
        user("Hi"),
        Reasoning("Two steps."),
        ToolCall("c1", "f", ""),
        ToolResult("c1", (Text("done"),)),
    )
    assert called["tool_plan"] == "Two steps."
    assert called["tool_calls"][0]["function"]["arguments"] == "{}"


def test_thoughts_without_calls_and_those_of_others_stay_here() -> None:
    sealed = Proof(Vendor.ANTHROPIC, "claude", "signature", "sig")
    said = messages_of(
        user("Hi"),
        Reasoning("Mine."),
        Message(Role.ASSISTANT, (Text("Yes"),)),
        user("And?"),
        Reasoning("Sealed.", sealed),
        ToolCall("c1", "f", "{}"),
        ToolResult("c1", (Text("done"),)),
    )
    assert "tool_plan" not in said[1]
    assert "tool_plan" not in said[3]


@pytest.mark.parametrize(
    "result",
    [
        ToolResult("c1", (Text("here"), ImageData("image/png", "AAAA"))),
        ToolResult("c1", (Text("no such city"),), is_error=True),
    ],
)
def test_results_are_text_of_calls_that_did_not_fail(result: ToolResult) -> None:
    with pytest.raises(UnsupportedFeature, match=r"tool results|failed tool calls"):
        messages_of(user("Hi"), ToolCall("c1", "f", "{}"), result)


@pytest.mark.parametrize(
    "part",
    [
        Audio("AAAA", "wav"),
        FileData("application/pdf", "AAAA"),
        ImageUrl("gs://bucket/cat.png"),
        ImageReference("file-1"),
    ],
)
def test_what_cannot_be_said_is_refused_by_name(part: Part) -> None:
    with pytest.raises(UnsupportedFeature) as caught:
        messages_of(Message(Role.USER, (part,)))
    assert caught.value.param == "messages"


def test_an_image_in_a_system_message_is_refused() -> None:
    with pytest.raises(UnsupportedFeature, match="system messages"):
        messages_of(Message(Role.SYSTEM, (ImageData("image/png", "AAAA"),)), user("Hi"))


def test_a_conversation_without_content_is_refused() -> None:
    with pytest.raises(InvalidRequest):
        messages_of(Message(Role.SYSTEM, (Text(""),)))


def test_the_switch_for_strict_tools_is_one_for_all() -> None:
    schema: Any = {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"]}
    tools = (FunctionTool("f", None, schema, True), FunctionTool("g", None, schema))
    assert body_of(content_of(user("Hi"), tools=tools))["strict_tools"] is True
    loose = (FunctionTool("f", None, schema, False),)
    assert "strict_tools" not in body_of(content_of(user("Hi"), tools=loose))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({}, None),
        ({"effort": Effort.NONE}, {"type": "disabled"}),
        ({"effort": Effort.LOW}, {"type": "enabled", "token_budget": 1024}),
        ({"effort": Effort.MAX}, {"type": "enabled", "token_budget": 31_000}),
        ({"thinking": NoThinking(), "effort": Effort.HIGH}, {"type": "disabled"}),
        ({"thinking": ThinkingBudget(2000)}, {"type": "enabled", "token_budget": 2000}),
        ({"thinking": AdaptiveThinking()}, {"type": "enabled"}),
        ({"thinking": AdaptiveThinking(), "effort": Effort.LOW},
         {"type": "enabled", "token_budget": 1024}),
    ],
)  # fmt: skip
def test_thinking_is_a_budget(changes: dict[str, object], said: object) -> None:
    assert body_of(content_of(user("Hi"), **changes)).get("thinking") == said


def test_thinking_between_tools_alone_has_no_word() -> None:
    with pytest.raises(UnsupportedFeature) as caught:
        body_of(content_of(user("Hi"), thinking=ThinkingBetweenTools()))
    assert caught.value.param == "thinking"


def test_a_model_that_does_not_think_is_not_told_to() -> None:
    plain = "command-a-03-2025"
    assert "thinking" not in body_of(content_of(user("Hi"), effort=Effort.NONE), plain)
    with pytest.raises(UnsupportedFeature) as caught:
        body_of(content_of(user("Hi"), effort=Effort.LOW), plain)
    assert caught.value.param == "reasoning_effort"


def test_sampling_beyond_its_ranges_is_moved_into_them_and_told() -> None:
    drawn = Sampling(top_p=1.0, top_k=900, presence_penalty=-2, frequency_penalty=1.5)
    content, made = within_ranges(content_of(user("Hi"), sampling=drawn))
    body = body_of(content)
    assert (body["p"], body["k"]) == (0.99, 500)
    assert (body["presence_penalty"], body["frequency_penalty"]) == (0, 1)
    assert [str(one) for one in made] == [
        "top_p=clamped",
        "top_k=clamped",
        "presence_penalty=clamped",
        "frequency_penalty=clamped",
    ]


def test_sampling_within_its_ranges_stays() -> None:
    asked = content_of(user("Hi"), sampling=Sampling(top_p=0.5, top_k=0, presence_penalty=1))
    content, made = within_ranges(asked)
    assert content is asked
    assert made == ()


@pytest.mark.parametrize(
    ("changes", "param"),
    [
        ({"sampling": Sampling(candidates=2)}, "n"),
        ({"sampling": Sampling(logit_bias={"1": 1})}, "logit_bias"),
        ({"sampling": Sampling(logprobs=True)}, "logprobs"),
        ({"sampling": Sampling(top_p=1.0)}, "top_p"),
        ({"verbosity": "low"}, "verbosity"),
        ({"service_tier": "flex"}, "service_tier"),
        ({"tools": (FunctionTool("f"),), "parallel_tool_calls": False}, "parallel_tool_calls"),
        ({"tools": (HostedTool("web_search", {}),)}, "tools[0].type"),
        ({"tools": (FunctionTool("f"),), "tool_choice": HostedChoice("mcp", {})}, "tool_choice"),
    ],
)
def test_what_has_no_word_is_refused_by_name(changes: dict[str, object], param: str) -> None:
    with pytest.raises(UnsupportedFeature) as caught:
        body_of(content_of(user("Hi"), **changes))
    assert caught.value.param == param


def test_a_named_tool_that_is_not_there_is_no_choice() -> None:
    content = content_of(user("Hi"), tools=(FunctionTool("f"),), tool_choice=NamedTool("g"))
    body = body_of(content)
    assert "tools" not in body
    assert "tool_choice" not in body
