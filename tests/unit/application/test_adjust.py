"""Adjusting: each thing a target cannot do, and what becomes of it."""

from dataclasses import replace
from typing import Any

import pytest

from modelmux.adapters.memory.scripted import Script, ScriptedProvider
from modelmux.application.adjusting import adjust
from modelmux.application.filters.adjusting import Adjusting
from modelmux.application.schemas import without_keywords
from modelmux.domain.adjustments import Policy
from modelmux.domain.capabilities import Capabilities, ImageInput, Structured, Thinking
from modelmux.domain.conversation import (
    Audio,
    FileReference,
    FileUrl,
    ImageReference,
    ImageUrl,
    Message,
    Proof,
    Reasoning,
    Role,
    Text,
    ToolCall,
    ToolResult,
    Vendor,
)
from modelmux.domain.dialect import Dialect
from modelmux.domain.effort import Effort
from modelmux.domain.errors import UnsupportedFeature
from modelmux.domain.json_values import JsonObject
from modelmux.domain.request import (
    Generation,
    JsonText,
    PlainText,
    Sampling,
    SchemaText,
    Verbatim,
)
from modelmux.domain.tools import AUTO, AllowedTools, AnyTool, CustomTool, FunctionTool, NamedTool
from tests.support.asking import HELLO_EVENTS, asking, content_of, user

NOTHING = frozenset[str]()
TOOL = FunctionTool("f", parameters={"type": "object"}, strict=True)
SCHEMA = SchemaText("s", {"type": "object", "properties": {"pattern": {"pattern": "x"}}})
TEXT_ARGUMENT: JsonObject = {
    "type": "object",
    "properties": {"input": {"type": "string"}},
    "required": ["input"],
    "additionalProperties": False,
}


def bounded_tool(*, strict: bool | None = None) -> FunctionTool:
    return FunctionTool("b", parameters={"minimum": 1}, strict=strict)


def fitted(can: dict[str, Any], **changes: Any) -> tuple[Generation, list[str]]:
    content, made = adjust(content_of(user("Hi"), **changes), Capabilities(**can), "m")
    return content, [str(adjustment) for adjustment in made]


def test_what_the_target_can_do_is_left_alone() -> None:
    content = content_of(
        user("Hi"),
        tools=(TOOL,),
        sampling=Sampling(temperature=1.5, stop=("a",)),
        effort=Effort.LOW,
    )
    adjusted, made = adjust(content, Capabilities())
    assert adjusted is content
    assert made == ()


@pytest.mark.parametrize(
    ("can", "changes", "told", "left"),
    [
        (
            {"sampling": frozenset({"stop"})},
            {"sampling": Sampling(temperature=0.3, seed=1, logprobs=True, top_logprobs=2)},
            ["temperature=dropped", "seed=dropped", "logprobs=dropped"],
            {"sampling": Sampling()},
        ),
        (
            {"max_temperature": 1.0},
            {"sampling": Sampling(temperature=1.7)},
            ["temperature=clamped"],
            {"sampling": Sampling(temperature=1.0)},
        ),
        (
            {"max_stop": 2},
            {"sampling": Sampling(stop=("a", "b", "c"))},
            ["stop=clamped"],
            {"sampling": Sampling(stop=("a", "b"))},
        ),
        (
            {"strict_tools": False},
            {"tools": (TOOL,)},
            ["tools.strict=dropped"],
            {"tools": (FunctionTool("f", parameters={"type": "object"}),)},
        ),
        (
            {"parallel_switch": False},
            {"tools": (TOOL,), "parallel_tool_calls": False},
            ["parallel_tool_calls=emulated"],
            {"parallel_tool_calls": None},
        ),
        (
            {"custom_tools": False},
            {"tools": (CustomTool("c"),)},
            ["tools=emulated"],
            {"tools": (FunctionTool("c", parameters=TEXT_ARGUMENT),)},
        ),
        (
            {"thinking": Thinking.NONE},
            {"effort": Effort.HIGH},
            ["reasoning_effort=dropped"],
            {"effort": None},
        ),
        ({"thinking": Thinking.NONE}, {"effort": Effort.NONE}, [], {"effort": None}),
        (
            {"thinking_off": False, "effort_levels": frozenset({Effort.LOW, Effort.HIGH})},
            {"effort": Effort.NONE},
            ["reasoning_effort=clamped"],
            {"effort": Effort.LOW},
        ),
        (
            {"effort_levels": frozenset({Effort.LOW, Effort.HIGH})},
            {"effort": Effort.MAX},
            ["reasoning_effort=clamped"],
            {"effort": Effort.HIGH},
        ),
        (
            {"thinking": Thinking.BUDGET},
            {"effort": Effort.HIGH, "sampling": Sampling(temperature=0.1)},
            ["temperature=dropped"],
            {"sampling": Sampling()},
        ),
        (
            {"thinking": Thinking.BUDGET},
            {"effort": Effort.HIGH, "tools": (TOOL,), "tool_choice": AnyTool()},
            ["reasoning_effort=dropped"],
            {"effort": Effort.NONE, "tool_choice": AnyTool()},
        ),
        (
            {"max_output_tokens": 100},
            {"max_output_tokens": 101},
            ["max_completion_tokens=clamped"],
            {"max_output_tokens": 100},
        ),
        ({"metadata": False}, {"metadata": {"a": "b"}}, ["metadata=dropped"], {"metadata": None}),
        (
            {"label_metadata": True},
            {"metadata": {"a": "b", "B": "c", "d": "E"}},
            ["metadata=dropped"],
            {"metadata": {"a": "b"}},
        ),
        ({"end_user": False}, {"user": "u"}, ["user=dropped"], {"user": None}),
        (
            {"service_tiers": frozenset({"flex"})},
            {"service_tier": "scale"},
            ["service_tier=dropped"],
            {"service_tier": None},
        ),
        ({"service_tiers": frozenset({"flex"})}, {"service_tier": "flex"}, [], {}),
        (
            {"message_names": False},
            {"items": (Message(Role.USER, (Text("x"),), "Ann"),)},
            ["messages.name=dropped"],
            {"items": (Message(Role.USER, (Text("x"),)),)},
        ),
        (
            {"blank_stop": False},
            {"sampling": Sampling(stop=("a", "  "))},
            ["stop=dropped"],
            {"sampling": Sampling(stop=("a",))},
        ),
        (
            {"refused_schema_keywords": frozenset({"minimum"})},
            {"tools": (bounded_tool(strict=True),)},
            ["tools.parameters=dropped"],
            {"tools": (FunctionTool("b", parameters={}, strict=True),)},
        ),
        ({"refused_schema_keywords": frozenset({"minimum"})}, {"tools": (bounded_tool(),)}, [], {}),
        (
            {"refused_schema_keywords": frozenset({"minimum"}), "all_tools_alike": True},
            {"tools": (bounded_tool(),)},
            ["tools.parameters=dropped"],
            {"tools": (FunctionTool("b", parameters={}),)},
        ),
        ({"verbosity": False}, {"verbosity": "low"}, ["verbosity=dropped"], {"verbosity": None}),
        (
            {"dialects": NOTHING},
            {"extras": {"top_k": 3}},
            ["top_k=dropped"],
            {"extras": {}},
        ),
        (
            {"refuses_unknown": True, "known_extras": frozenset({"top_k"})},
            {"extras": {"top_k": 3, "params": 4}},
            ["params=dropped"],
            {"extras": {"top_k": 3}},
        ),
        ({"refuses_unknown": True}, {}, [], {"extras": {}}),
        (
            {"refused_schema_keywords": frozenset({"pattern"})},
            {"output_format": SCHEMA},
            ["response_format.schema=dropped"],
            {"output_format": SchemaText("s", {"type": "object", "properties": {"pattern": {}}})},
        ),
    ],
)
def test_what_cannot_be_done_is_changed_and_told(
    can: dict[str, Any], changes: dict[str, Any], told: list[str], left: dict[str, Any]
) -> None:
    content, made = fitted(can, **changes)
    assert made == told
    assert {name: getattr(content, name) for name in left} == left


@pytest.mark.parametrize(
    ("can", "changes", "param"),
    [
        ({"tools": False}, {"tools": (TOOL,)}, "tools"),
        (
            {},
            {"items": (Message(Role.USER, (ImageReference("f"),)),)},
            "messages",
        ),
        ({}, {"items": (Message(Role.USER, (FileUrl("https://h/f.pdf"),)),)}, "messages"),
        (
            {"dialects": NOTHING},
            {"items": (Message(Role.USER, (FileReference("f"),)),)},
            "messages",
        ),
        ({"tools_only_on_responses": True}, {"tools": (TOOL,)}, "tools"),
        ({"sampling": NOTHING}, {"sampling": Sampling(candidates=2)}, "n"),
        (
            {"image_input": ImageInput.NONE},
            {"items": (Message(Role.USER, (ImageUrl("u"),)),)},
            "messages",
        ),
        ({"audio_input": False}, {"items": (Message(Role.USER, (Audio("", "wav"),)),)}, "messages"),
        ({"file_input": False}, {"items": (ToolResult("c", (FileReference("f"),)),)}, "messages"),
    ],
)
def test_messages_images_functions_and_answers_are_refused_never_dropped(
    can: dict[str, Any], changes: dict[str, Any], param: str
) -> None:
    with pytest.raises(UnsupportedFeature) as caught:
        fitted(can, **changes)
    assert caught.value.param == param


def test_tools_for_a_model_that_reasons_on_responses_pass_when_reasoning_is_off() -> None:
    _, made = fitted({"tools_only_on_responses": True}, tools=(TOOL,), effort=Effort.NONE)
    assert made == []


@pytest.mark.parametrize(
    ("choice", "left", "words"),
    [
        (AnyTool(), AUTO, "at least one"),
        (NamedTool("f"), AUTO, "the tool f"),
        (AllowedTools(("f",), required=True), AllowedTools(("f",)), "one of these tools: f"),
    ],
)
def test_a_choice_that_cannot_be_forced_becomes_an_instruction(
    choice: Any, left: Any, words: str
) -> None:
    system = Message(Role.SYSTEM, (Text("Be brief."),))
    content, made = fitted(
        {"forced_tool_choice": False}, items=(system, user("Hi")), tools=(TOOL,), tool_choice=choice
    )
    assert made == ["tool_choice=emulated"]
    assert content.tool_choice == left
    said = content.items[1]
    assert content.items[0] == system
    assert isinstance(said, Message)
    assert isinstance(part := said.parts[0], Text)
    assert words in part.text


@pytest.mark.parametrize(
    ("can", "wanted", "left"),
    [
        (
            {"structured": Structured.JSON_OBJECT, "forced_tool_choice": False},
            SCHEMA,
            JsonText(),
        ),
        ({"structured": Structured.NONE, "tools": False}, SCHEMA, PlainText()),
        ({"structured": Structured.NONE}, JsonText(), PlainText()),
        ({"json_object": False}, JsonText(), PlainText()),
        ({"json_object": False}, SCHEMA, SCHEMA),
    ],
)
def test_an_output_format_that_is_not_there_becomes_the_next_best_and_an_instruction(
    can: dict[str, Any], wanted: Any, left: Any
) -> None:
    content, made = fitted(can, output_format=wanted)
    assert content.output_format == left
    assert made == ([] if wanted == left else ["response_format=emulated"])
    assert len(content.items) == (1 if wanted == left else 2)


def test_prefill_becomes_a_request_to_continue() -> None:
    content, made = fitted({"prefill": False}, items=(user("Hi"), Message(Role.ASSISTANT, ())))
    assert made == ["messages=emulated"]
    assert content.items[-1] == user("Continue.")


@pytest.mark.parametrize(("signer", "proven"), [("m", True), ("other", False), (None, False)])
def test_thinking_is_off_for_a_tool_turn_whose_proofs_are_lost(
    signer: str | None, proven: bool
) -> None:
    proof = Proof(Vendor.ANTHROPIC, signer, "signature", "s") if signer else None
    thought = Reasoning("hm", proof)
    turn = (user("Hi"), thought, ToolCall("c", "f", "{}"), ToolResult("c", ()))
    content, made = fitted(
        {"thinking": Thinking.BUDGET, "proofs": Vendor.ANTHROPIC},
        items=turn,
        tools=(TOOL,),
        effort=Effort.HIGH,
    )
    assert made == ([] if proven else ["reasoning_effort=dropped"])
    assert content.effort is (Effort.HIGH if proven else Effort.NONE)


def test_keywords_are_dropped_at_any_depth_but_names_and_data_are_kept() -> None:
    dropped: set[str] = set()
    schema: dict[str, Any] = {
        "pattern": "x",
        "properties": {"pattern": {"type": "string", "pattern": "y"}},
        "anyOf": [{"pattern": "z"}],
        "default": {"pattern": "kept"},
    }
    assert without_keywords(schema, {"pattern", "unused"}, dropped) == {
        "properties": {"pattern": {"type": "string"}},
        "anyOf": [{}],
        "default": {"pattern": "kept"},
    }
    assert dropped == {"pattern"}


@pytest.mark.parametrize(("policy", "told", "noted"), [(Policy.WARN, 1, 1), (Policy.QUIET, 0, 1)])
async def test_the_policy_decides_whether_the_caller_is_told(
    policy: Policy, told: int, noted: int
) -> None:
    inner = ScriptedProvider(Script((HELLO_EVENTS,)))
    content = content_of(user("Hi"), verbosity="low")
    request = replace(asking(content), capabilities=Capabilities(verbosity=False), policy=policy)
    await Adjusting(inner).open(request)
    assert (len(request.journal.told), len(request.journal.adjustments)) == (told, noted)


async def test_the_reject_policy_refuses_by_name() -> None:
    content = content_of(user("Hi"), verbosity="low")
    can = Capabilities(verbosity=False)
    request = replace(asking(content), capabilities=can, policy=Policy.REJECT)
    with pytest.raises(UnsupportedFeature) as caught:
        await Adjusting(ScriptedProvider(Script((HELLO_EVENTS,)))).open(request)
    assert caught.value.param == "verbosity"


@pytest.mark.parametrize(
    ("can", "relayed"),
    [
        (Capabilities(), True),
        (Capabilities(restrictions=True), True),
        (Capabilities(restrictions=True, verbosity=False), False),
    ],
)
async def test_only_a_changed_request_leaves_the_relay_lane(
    can: Capabilities, relayed: bool
) -> None:
    inner = ScriptedProvider(Script((HELLO_EVENTS,)))
    content = content_of(user("Hi"), verbosity="low")
    verbatim = Verbatim(Dialect.CHAT_COMPLETIONS, {})
    request = replace(asking(content), capabilities=can, verbatim=verbatim)
    await Adjusting(inner).open(request)
    assert (inner.requests[0].verbatim is not None) is relayed
