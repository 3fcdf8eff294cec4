"""What the golden table cannot show of the Messages language: refusals, proofs, budgets."""

import json
from dataclasses import replace
from typing import Any

import pytest

from modelmux.adapters.anthropic_messages.blocks import encode_call_id
from modelmux.adapters.anthropic_messages.capabilities import (
    DIRECT_BASE,
    NO_SAMPLING,
    RULES,
    VERTEX_BASE,
    VERTEX_RULES,
)
from modelmux.adapters.anthropic_messages.encode import encode_request
from modelmux.domain.capabilities import ImageInput, Structured, Thinking, resolve
from modelmux.domain.conversation import (
    Audio,
    FileData,
    ImageData,
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
from modelmux.domain.json_values import JsonObject
from modelmux.domain.request import Generation, JsonText, Sampling, SchemaText
from modelmux.domain.tools import AnyTool, FunctionTool
from tests.support.turns import user

BUDGET_MODEL = "claude-sonnet-4-5@20250929"
HELLO = Generation((user("Hello"),))


def encode(content: Generation, model: str = BUDGET_MODEL, version: str | None = None) -> Any:
    record = resolve(DIRECT_BASE, RULES, model)
    return json.loads(
        encode_request(content, model=model, stream=False, capabilities=record, version=version)
    )


def said_by_user(*parts: Part) -> Generation:
    return Generation((Message(Role.USER, parts),))


@pytest.mark.parametrize(
    ("changes", "param"),
    [
        ({"sampling": Sampling(candidates=2)}, "n"),
        ({"sampling": Sampling(logprobs=True)}, "logprobs"),
        ({"sampling": Sampling(presence_penalty=1)}, "presence_penalty"),
        ({"sampling": Sampling(frequency_penalty=1)}, "frequency_penalty"),
        ({"sampling": Sampling(seed=0)}, "seed"),
        ({"sampling": Sampling(logit_bias={"1": 2})}, "logit_bias"),
        ({"sampling": Sampling(temperature=1.5)}, "temperature"),
        ({"sampling": Sampling(stop=("END", " \n"))}, "stop"),
        ({"output_format": JsonText()}, "response_format"),
        ({"metadata": {"a": "b"}}, "metadata"),
        ({"verbosity": "low"}, "verbosity"),
        ({"service_tier": "flex"}, "service_tier"),
        ({"sampling": Sampling(temperature=0.5), "effort": Effort.LOW}, "temperature"),
        ({"tools": (FunctionTool("f"),), "tool_choice": AnyTool(), "effort": Effort.LOW},
         "tool_choice"),
    ],
)  # fmt: skip
def test_what_claude_cannot_be_told_is_refused_by_name(changes: dict[str, Any], param: str) -> None:
    with pytest.raises(UnsupportedFeature) as raised:
        encode(replace(HELLO, **changes))
    assert raised.value.param == param


@pytest.mark.parametrize("sampling", [Sampling(temperature=0.5), Sampling(top_p=0.5)])
def test_the_newest_version_marker_knows_no_sampling(sampling: Sampling) -> None:
    content = replace(HELLO, sampling=sampling)
    assert encode(content, version="vertex-2023-10-16")["messages"]
    with pytest.raises(UnsupportedFeature):
        encode(content, version="2026-10-21")


@pytest.mark.parametrize(
    "part",
    [
        Audio("UklGRg==", "wav"),
        ImageData("image/bmp", "Qk0="),
        ImageUrl("gs://bucket/a.png"),
        FileData("application/zip", "UEs="),
    ],
)
def test_parts_without_a_block_are_refused(part: Part) -> None:
    with pytest.raises(UnsupportedFeature) as raised:
        encode(said_by_user(part))
    assert raised.value.param == "messages"


def test_an_image_may_stay_a_url_where_the_target_fetches_it() -> None:
    content = said_by_user(ImageUrl("https://example.org/a.png"))
    source = encode(content)["messages"][0]["content"][0]["source"]
    assert source == {"type": "url", "url": "https://example.org/a.png"}
    with pytest.raises(UnsupportedFeature):
        encode_request(content, model="claude-x", stream=False, capabilities=VERTEX_BASE)


def test_a_text_file_is_sent_as_text() -> None:
    content = said_by_user(FileData("text/markdown", "IyBIaQ==", "a.md"))
    assert encode(content)["messages"][0]["content"][0] == {
        "type": "document",
        "source": {"type": "text", "media_type": "text/plain", "data": "# Hi"},
        "title": "a.md",
    }
    with pytest.raises(InvalidRequest):
        encode(said_by_user(FileData("text/plain", "/w==")))


CALL = ToolCall("c1", "f", "{}")
RESULT = ToolResult("c1", (Text("done"),))


@pytest.mark.parametrize(
    "items",
    [
        (user("a"), CALL),
        (user("a"), CALL, user("b"), Message(Role.ASSISTANT, (Text("c"),)), RESULT),
        (user("a"), RESULT),
        (user("a"), CALL, RESULT, RESULT),
        (user("a"), CALL, CALL, RESULT),
        (user(""),),
        (),
    ],
    ids=["open call", "late", "no call", "answered twice", "two of one id", "blank", "nothing"],
)
def test_an_order_that_claude_does_not_take_is_the_callers_error(items: tuple[Item, ...]) -> None:
    with pytest.raises(InvalidRequest) as raised:
        encode(Generation(items, (FunctionTool("f"),)))
    assert raised.value.param == "messages"


def test_results_come_before_the_words_that_were_said_before_them() -> None:
    failed = ToolResult("c2", (), is_error=True)
    items = (user("a"), CALL, ToolCall("c2", "f", ""), user("wait"), RESULT, failed)
    assert encode(Generation(items, (FunctionTool("f"),)))["messages"][2]["content"] == [
        {"type": "tool_result", "tool_use_id": "c1", "content": "done"},
        {"type": "tool_result", "tool_use_id": "c2", "is_error": True},
        {"type": "text", "text": "wait"},
    ]


def thought(value: str, model: str = BUDGET_MODEL, kind: str = "signature") -> Reasoning:
    return Reasoning("hm", Proof(Vendor.ANTHROPIC, model, kind, value))


def test_only_this_models_own_thoughts_go_back() -> None:
    items = (
        user("a"),
        Reasoning("unproven"),
        thought("other", model="claude-opus-4-5"),
        Reasoning("google's", Proof(Vendor.GOOGLE, BUDGET_MODEL, "thought_signature", "x")),
        thought("own"),
        thought("hidden", kind="redacted_thinking"),
        CALL,
        RESULT,
    )
    assert encode(Generation(items, (FunctionTool("f"),)))["messages"][1]["content"] == [
        {"type": "thinking", "thinking": "hm", "signature": "own"},
        {"type": "redacted_thinking", "data": "hidden"},
        {"type": "tool_use", "id": "c1", "name": "f", "input": {}},
    ]


def test_thoughts_that_led_to_nothing_are_left_out() -> None:
    items = (user("a"), thought("x"), user("b"))
    assert encode(Generation(items))["messages"] == [
        {"role": "user", "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]}
    ]


@pytest.mark.parametrize(
    ("effort", "asked", "max_tokens", "budget"),
    [
        (Effort.LOW, None, 18048, 2048),
        (Effort.MAX, None, 64000, 48000),
        (Effort.HIGH, 10_000, 10_000, 7500),
        (Effort.LOW, 10_000, 10_000, 2048),
        (Effort.HIGH, 1025, 1025, 1024),
        (Effort.HIGH, 100, 1124, 1024),
    ],
)
def test_a_budget_stays_below_the_limit_it_counts_into(
    effort: Effort, asked: int | None, max_tokens: int, budget: int
) -> None:
    body = encode(replace(HELLO, effort=effort, max_output_tokens=asked))
    assert body["max_tokens"] == max_tokens
    assert body["thinking"] == {"type": "enabled", "budget_tokens": budget}


def test_thinking_is_shown_only_where_it_is_wanted() -> None:
    quiet = replace(HELLO, effort=Effort.LOW, reasoning_text=False)
    assert "thinking" not in encode(quiet, "claude-sonnet-5-5")
    omitted = {"type": "adaptive", "display": "omitted"}
    assert encode(quiet, "claude-opus-4-8")["thinking"] == omitted


def test_a_map_in_a_schema_is_refused_and_an_open_object_closed() -> None:
    open_object: JsonObject = {"type": "object", "properties": {"a": {"type": "object"}}}
    body = encode(replace(HELLO, output_format=SchemaText("x", open_object)))
    schema = body["output_config"]["format"]["schema"]
    assert schema["additionalProperties"] is False
    assert schema["properties"]["a"]["additionalProperties"] is False
    mapping: JsonObject = {"type": "object", "additionalProperties": {"type": "string"}}
    with pytest.raises(UnsupportedFeature):
        encode(replace(HELLO, output_format=SchemaText("x", mapping)))


def test_a_property_named_like_a_keyword_is_left_alone() -> None:
    schema: JsonObject = {"type": "object", "properties": {"items": {"type": "string"}}}
    body = encode(replace(HELLO, output_format=SchemaText("x", schema)))
    assert body["output_config"]["format"]["schema"]["properties"] == {"items": {"type": "string"}}


def test_ids_outside_the_alphabet_are_mapped_and_never_meet() -> None:
    assert encode_call_id("toolu_01-x") == "toolu_01-x"
    assert len({encode_call_id(one) for one in ("a.b", "a:b", "a_b", "", "a b")}) == 5
    assert encode_call_id("a.b") == encode_call_id("a.b")


@pytest.mark.parametrize(
    ("model", "thinking", "off", "forced", "sampling"),
    [
        ("claude-sonnet-4@20250514", Thinking.BUDGET, True, True, True),
        ("claude-sonnet-4-5@20250929", Thinking.BUDGET, True, True, True),
        ("claude-opus-4-6", Thinking.ADAPTIVE, True, True, True),
        ("claude-opus-4-8", Thinking.ADAPTIVE, True, True, False),
        ("claude-opus-5", Thinking.EFFORT, True, True, False),
        ("claude-haiku-5-5", Thinking.EFFORT, True, True, False),
        ("claude-sonnet-5-5", Thinking.EFFORT, False, False, False),
        ("claude-opus-5-5@20261001", Thinking.EFFORT, False, False, False),
        ("claude-3-5-haiku@20241022", Thinking.NONE, True, True, True),
    ],
)
def test_the_rules_tell_the_models_apart(
    model: str, thinking: Thinking, off: bool, forced: bool, sampling: bool
) -> None:
    record = resolve(VERTEX_BASE, VERTEX_RULES, model)
    assert (record.thinking, record.thinking_off) == (thinking, off)
    assert record.forced_tool_choice is forced
    assert ("temperature" in record.sampling) is sampling
    assert record.image_input is ImageInput.BYTES
    assert (record.structured is Structured.NONE) == model.startswith(
        ("claude-3", "claude-sonnet-4@")
    )
    assert resolve(VERTEX_BASE, (*VERTEX_RULES, NO_SAMPLING), model).sampling == {"stop"}
