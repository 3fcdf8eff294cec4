"""How wishes to think, as Messages has them, reach targets of each kind."""

from typing import Any

import pytest

from modelmux.application.adjusting import adjust
from modelmux.domain.capabilities import Capabilities, Thinking
from modelmux.domain.conversation import Proof, Reasoning, ToolCall, ToolResult, Vendor
from modelmux.domain.dialect import Dialect
from modelmux.domain.effort import Effort
from modelmux.domain.errors import UnsupportedFeature
from modelmux.domain.request import Generation, Sampling
from modelmux.domain.thinking import (
    AdaptiveThinking,
    NoThinking,
    ThinkingBetweenTools,
    ThinkingBudget,
    ThinkingWish,
)
from modelmux.domain.tools import AnyTool, FunctionTool
from tests.support.asking import content_of, user

TOOL = FunctionTool("f", parameters={"type": "object"})
ADAPTIVE, BETWEEN, OFF = AdaptiveThinking(), ThinkingBetweenTools(), NoThinking()
LOW, MEDIUM, HIGH, NONE = Effort.LOW, Effort.MEDIUM, Effort.HIGH, Effort.NONE


def fitted(claude: bool, can: dict[str, Any], **changes: Any) -> tuple[Generation, list[str]]:
    spoken = Dialect.MESSAGES if claude else Dialect.CHAT_COMPLETIONS
    record = Capabilities(dialects=frozenset({spoken}), cache_marks=True, **can)
    content, made = adjust(content_of(user("Hi"), **changes), record, "m", Dialect.MESSAGES)
    return content, [str(adjustment) for adjustment in made]


@pytest.mark.parametrize(
    ("can", "wish", "effort", "left", "told"),
    [
        ({}, ThinkingBudget(1024), None, LOW, ["thinking=emulated"]),
        ({}, ThinkingBudget(4095), None, LOW, ["thinking=emulated"]),
        ({}, ThinkingBudget(4096), None, MEDIUM, ["thinking=emulated"]),
        ({}, ThinkingBudget(16_384), None, HIGH, ["thinking=emulated"]),
        ({}, ThinkingBudget(16_384), LOW, LOW, ["thinking=emulated"]),
        ({}, OFF, None, NONE, []),
        ({}, OFF, HIGH, NONE, ["reasoning_effort=dropped"]),
        ({}, OFF, NONE, NONE, []),
        ({}, ADAPTIVE, None, None, []),
        ({}, ADAPTIVE, LOW, LOW, []),
        ({}, BETWEEN, None, None, ["thinking=emulated"]),
        ({"thinking": Thinking.BUDGET}, ADAPTIVE, None, MEDIUM, ["thinking=emulated"]),
        ({"thinking": Thinking.BUDGET}, ADAPTIVE, HIGH, HIGH, []),
        ({"thinking": Thinking.BUDGET}, BETWEEN, None, MEDIUM, ["thinking=emulated"]),
        (
            {"thinking": Thinking.LEVEL, "thinking_off": False, "effort_levels": {LOW, HIGH}},
            OFF,
            None,
            LOW,
            ["thinking=clamped"],
        ),
        (
            {"effort_levels": {LOW, MEDIUM}},
            ThinkingBudget(50_000),
            None,
            MEDIUM,
            ["thinking=emulated"],
        ),
        ({"thinking": Thinking.NONE}, ThinkingBudget(2000), None, None, ["thinking=dropped"]),
        ({"thinking": Thinking.NONE}, OFF, None, None, []),
    ],
)
def test_elsewhere_a_wish_is_an_effort(
    can: dict[str, Any],
    wish: ThinkingWish,
    effort: Effort | None,
    left: Effort | None,
    told: list[str],
) -> None:
    content, made = fitted(False, can, thinking=wish, effort=effort)
    assert (content.thinking, content.effort, made) == (None, left, told)


BUDGETS = {"thinking": Thinking.BUDGET}
ADAPTING = {"thinking": Thinking.ADAPTIVE}
ALWAYS = {"thinking": Thinking.EFFORT, "thinking_off": False}


@pytest.mark.parametrize(
    ("can", "wish", "effort", "left", "told"),
    [
        (BUDGETS, ThinkingBudget(2000), None, (ThinkingBudget(2000), None), []),
        (
            BUDGETS,
            ThinkingBudget(2000),
            LOW,
            (ThinkingBudget(2000), None),
            ["reasoning_effort=dropped"],
        ),
        (BUDGETS, OFF, None, (OFF, None), []),
        (BUDGETS, OFF, LOW, (OFF, None), ["reasoning_effort=dropped"]),
        (BUDGETS, ADAPTIVE, None, (ThinkingBudget(8192), None), ["thinking=emulated"]),
        (BUDGETS, ADAPTIVE, HIGH, (None, HIGH), ["thinking=emulated"]),
        (BUDGETS, BETWEEN, None, (ThinkingBudget(8192), None), ["thinking=emulated"]),
        (ADAPTING, ThinkingBudget(2000), None, (ADAPTIVE, LOW), ["thinking=emulated"]),
        (ADAPTING, ThinkingBudget(2000), HIGH, (ADAPTIVE, HIGH), ["thinking=emulated"]),
        (
            {**ADAPTING, "takes_budgets": True},
            ThinkingBudget(2000),
            None,
            (ThinkingBudget(2000), None),
            [],
        ),
        (ADAPTING, ADAPTIVE, LOW, (ADAPTIVE, LOW), []),
        (ADAPTING, BETWEEN, None, (ADAPTIVE, None), ["thinking=emulated"]),
        ({**ALWAYS, "between_tools": True}, BETWEEN, None, (BETWEEN, None), []),
        (ALWAYS, OFF, None, (None, None), ["thinking=clamped"]),
        ({"thinking": Thinking.NONE}, ADAPTIVE, None, (None, None), ["thinking=dropped"]),
    ],
)
def test_claude_is_told_in_the_form_it_takes(
    can: dict[str, Any],
    wish: ThinkingWish,
    effort: Effort | None,
    left: tuple[ThinkingWish | None, Effort | None],
    told: list[str],
) -> None:
    content, made = fitted(True, can, thinking=wish, effort=effort)
    assert ((content.thinking, content.effort), made) == (left, told)


def test_a_budget_that_is_taken_elsewhere_stands_without_an_effort() -> None:
    can = {"takes_budgets": True}
    content, made = fitted(False, can, thinking=ThinkingBudget(2000), effort=LOW)
    assert (content.thinking, content.effort) == (ThinkingBudget(2000), None)
    assert made == ["reasoning_effort=dropped"]


@pytest.mark.parametrize(
    ("kind", "shown", "left"),
    [
        (Thinking.ADAPTIVE, None, True),
        (Thinking.ADAPTIVE, False, False),
        (Thinking.EFFORT, None, None),
    ],
)
def test_a_model_that_thinks_when_asked_is_asked(
    kind: Thinking, shown: bool | None, left: bool | None
) -> None:
    can = {"thinking": kind}
    content, _ = fitted(False, can, thinking=ThinkingBudget(2000), reasoning_text=shown)
    assert content.reasoning_text is left
    content, _ = fitted(False, can, thinking=OFF, reasoning_text=shown)
    assert content.reasoning_text is shown


def test_a_wish_stands_against_a_forced_call_and_against_sampling() -> None:
    content, made = fitted(
        True, BUDGETS, thinking=ThinkingBudget(2000), tools=(TOOL,), tool_choice=AnyTool()
    )
    assert (content.thinking, made) == (OFF, ["thinking=dropped"])
    content, made = fitted(
        True,
        {**BUDGETS, "sampling": frozenset({"temperature", "top_p", "top_k"})},
        thinking=ThinkingBudget(2000),
        sampling=Sampling(temperature=0.5, top_p=0.5, top_k=3),
    )
    assert (content.sampling, made) == (
        Sampling(),
        ["temperature=dropped", "top_p=dropped", "top_k=dropped"],
    )


def test_what_may_be_drawn_while_thinking_stays() -> None:
    drawn = Sampling(temperature=1.0, top_p=0.97)
    content, made = fitted(True, BUDGETS, thinking=ThinkingBudget(2000), sampling=drawn)
    assert (content.sampling, made) == (drawn, [])


@pytest.mark.parametrize(("model", "thinks"), [("", True), ("m", True), ("other", False)])
def test_a_signature_that_a_client_carried_proves_a_turn(model: str, thinks: bool) -> None:
    proof = Proof(Vendor.ANTHROPIC, model, "signature", "s")
    items = (
        user("Hi"),
        Reasoning("Hm.", proof),
        ToolCall("c", "f", "{}"),
        ToolResult("c", ()),
    )
    record = Capabilities(
        dialects=frozenset({Dialect.MESSAGES}),
        thinking=Thinking.BUDGET,
        proofs=Vendor.ANTHROPIC,
    )
    asked = content_of(*items, tools=(TOOL,), thinking=ThinkingBudget(2000))
    content, made = adjust(asked, record, "m", Dialect.MESSAGES)
    assert (content.thinking == ThinkingBudget(2000)) is thinks
    assert [str(one) for one in made] == ([] if thinks else ["thinking=dropped"])


def test_top_k_is_taken_or_told() -> None:
    drawn = Sampling(top_k=5)
    _, made = fitted(False, {}, sampling=drawn)
    assert made == ["top_k=dropped"]
    content, made = fitted(False, {"sampling": frozenset({"top_k"})}, sampling=drawn)
    assert (content.sampling, made) == (drawn, [])


def test_only_claude_is_asked_for_no_token() -> None:
    content, made = fitted(True, {}, max_output_tokens=0)
    assert (content.max_output_tokens, made) == (0, [])
    with pytest.raises(UnsupportedFeature):
        fitted(False, {}, max_output_tokens=0)
