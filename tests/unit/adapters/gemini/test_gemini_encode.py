"""What the golden table cannot show of the Gemini language: refusals, proofs, levels."""

import json
from dataclasses import replace
from typing import Any

import pytest

from modelmux.adapters.gemini.capabilities import BASE, RULES
from modelmux.adapters.gemini.encode import encode_request
from modelmux.domain.capabilities import ImageInput, Thinking, resolve
from modelmux.domain.conversation import (
    FileReference,
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
from modelmux.domain.tools import FunctionTool
from tests.support.turns import user

HELLO = Generation((user("Hello"),))
TOOLS = (FunctionTool("f"),)


def encode(content: Generation, model: str = "gemini-3.8-flash") -> Any:
    record = resolve(BASE, RULES, model)
    return json.loads(encode_request(content, model=model, capabilities=record))


def contents(*items: Item) -> Any:
    return encode(Generation(items, TOOLS))["contents"]


@pytest.mark.parametrize(
    ("changes", "param"),
    [
        ({"sampling": Sampling(logit_bias={"1": 2})}, "logit_bias"),
        ({"verbosity": "low"}, "verbosity"),
        ({"tools": TOOLS, "parallel_tool_calls": False}, "parallel_tool_calls"),
        ({"metadata": {"Team": "x"}}, "metadata"),
        ({"metadata": {"team": "Big Words"}}, "metadata"),
        ({"metadata": {f"k{number}": "" for number in range(65)}}, "metadata"),
        ({"service_tier": "gold"}, "service_tier"),
        ({"effort": Effort.MAX}, "reasoning_effort"),
        ({"effort": Effort.NONE}, "reasoning_effort"),
        ({"max_output_tokens": 0}, "max_completion_tokens"),
    ],
)
def test_what_gemini_cannot_be_told_is_refused_by_name(changes: dict[str, Any], param: str) -> None:
    with pytest.raises(UnsupportedFeature) as raised:
        encode(replace(HELLO, **changes))
    assert raised.value.param == param


@pytest.mark.parametrize(("told", "config"), [(True, True), (None, True), (False, None)])
def test_thoughts_are_told_unless_they_are_unwanted(told: bool | None, config: bool | None) -> None:
    said = encode(replace(HELLO, reasoning_text=told, sampling=Sampling(top_k=5)))
    thinking = said["generationConfig"].get("thinkingConfig", {})
    assert thinking.get("includeThoughts") is config
    assert said["generationConfig"]["topK"] == 5


@pytest.mark.parametrize(
    "part", [FileReference("file-1"), ImageUrl("https://example.org/a.png"), ImageUrl("gs://b/a")]
)
def test_parts_that_cannot_be_said_are_refused(part: Part) -> None:
    with pytest.raises(UnsupportedFeature) as raised:
        encode(Generation((Message(Role.USER, (part,)),)))
    assert raised.value.param == "messages"


def test_an_address_stays_one_where_configuration_says_so() -> None:
    record = replace(BASE, image_input=ImageInput.URL)
    content = Generation((Message(Role.USER, (ImageUrl("https://example.org/a.png?x=1"),)),))
    body = json.loads(encode_request(content, model="gemini-x", capabilities=record))
    assert body["contents"][0]["parts"][0]["fileData"] == {
        "mimeType": "image/png",
        "fileUri": "https://example.org/a.png?x=1",
    }


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
def test_an_order_that_gemini_does_not_take_is_the_callers_error(items: tuple[Item, ...]) -> None:
    with pytest.raises(InvalidRequest) as raised:
        contents(*items)
    assert raised.value.param == "messages"


def test_answers_come_in_the_order_of_their_calls_and_before_other_words() -> None:
    second = ToolResult("c2", (Text('{"n": 2}'),))
    broken = ToolResult("c3", (Text('{"n": 3}'),), is_error=True)
    calls = (CALL, ToolCall("c2", "f", ""), ToolCall("c3", "f", ""))
    _, _, answers, words = contents(user("a"), *calls, user("wait"), broken, second, RESULT)
    assert [part["functionResponse"]["response"] for part in answers["parts"]] == [
        {"output": "done"},
        {"n": 2},
        {"error": '{"n": 3}'},
    ]
    assert words == {"role": "user", "parts": [{"text": "wait"}]}


def signed(value: str, vendor: Vendor = Vendor.GOOGLE, model: str = "gemini-3.8-flash") -> Proof:
    return Proof(vendor, model, "thought_signature", value)


def test_signed_parts_stay_apart_and_foreign_proofs_at_home() -> None:
    said = contents(
        user("a"),
        Reasoning("unproven"),
        Reasoning("theirs", signed("x", Vendor.ANTHROPIC)),
        Reasoning("an elder's", signed("x", model="gemini-3-pro")),
        Reasoning("own", signed("s1")),
        Message(Role.ASSISTANT, (Text("b"), Text("c"))),
        Reasoning("", signed("s2")),
        replace(CALL, proof=signed("s3")),
        RESULT,
    )
    assert said[1]["parts"] == [
        {"text": "own", "thought": True, "thoughtSignature": "s1"},
        {"text": "b"},
        {"text": "c"},
        {"text": "", "thoughtSignature": "s2"},
        {"functionCall": {"name": "f", "args": {}, "id": "c1"}, "thoughtSignature": "s3"},
    ]


def test_the_stand_in_is_for_the_open_turn_of_models_that_check() -> None:
    old = (user("a"), CALL, RESULT)
    steps = (user("b"), replace(CALL, id="c2"), replace(RESULT, call_id="c2"),
             replace(CALL, id="c3"), replace(RESULT, call_id="c3"))  # fmt: skip
    signatures = [
        part.get("thoughtSignature")
        for content in contents(*old, *steps)
        for part in content["parts"]
        if "functionCall" in part
    ]
    stand_in = "skip_thought_signature_validator"
    assert signatures == [None, stand_in, stand_in]
    assert "thoughtSignature" not in json.dumps(
        encode(Generation((*old, *steps), TOOLS), "gemini-2.5-flash")
    )


@pytest.mark.parametrize(
    ("effort", "thinking"),
    [
        (Effort.NONE, {"thinkingBudget": 0}),
        (Effort.LOW, {"includeThoughts": True, "thinkingBudget": 1024}),
        (None, {"includeThoughts": True}),
    ],
)
def test_older_models_are_told_a_budget(effort: Effort | None, thinking: dict[str, Any]) -> None:
    body = encode(replace(HELLO, effort=effort), "gemini-2.5-flash")
    assert body["generationConfig"]["thinkingConfig"] == thinking


def test_a_model_that_does_not_think_is_told_nothing_of_it() -> None:
    assert encode(HELLO, "gemini-2.0-flash") == {
        "contents": [{"role": "user", "parts": [{"text": "Hello"}]}]
    }


@pytest.mark.parametrize(
    ("model", "thinking", "minimal", "off"),
    [
        ("gemini-3.8-flash", Thinking.LEVEL, False, False),
        ("gemini-3.6-flash", Thinking.LEVEL, True, False),
        ("gemini-3.5-flash-lite", Thinking.LEVEL, True, False),
        ("gemini-3.1-pro-preview", Thinking.LEVEL, False, False),
        ("gemini-2.5-flash", Thinking.BUDGET, False, True),
        ("gemini-2.5-pro", Thinking.BUDGET, False, False),
        ("gemini-2.0-flash-001", Thinking.NONE, False, False),
    ],
)
def test_the_rules_tell_the_models_apart(
    model: str, thinking: Thinking, minimal: bool, off: bool
) -> None:
    record = resolve(BASE, RULES, model)
    assert record.thinking is thinking
    assert (Effort.MINIMAL in record.effort_levels) is minimal
    assert record.thinking_off is off


def test_a_later_instruction_is_refused() -> None:
    later = Message(Role.SYSTEM, (Text("New rule."),))
    with pytest.raises(UnsupportedFeature, match="no system messages there"):
        contents(user("Hi"), later)
