"""What is fitted of turns: later instructions, thoughts that must return, marks as OpenAI has."""

from dataclasses import replace

import pytest

from modelmux.application.adjusting import adjust
from modelmux.domain.caching import CacheMark
from modelmux.domain.capabilities import Capabilities
from modelmux.domain.conversation import (
    Item,
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
from modelmux.domain.request import Generation
from modelmux.domain.tools import FunctionTool

HEAD = Message(Role.SYSTEM, (Text("Be terse."),))
ASKED = Message(Role.USER, (Text("Hello."),))
SAID = Message(Role.ASSISTANT, (Text("Hi."),))
LATER = Message(Role.DEVELOPER, (Text("Be loud."),))
IN_WORDS = Message(Role.USER, (Text("<system>\nBe loud.\n</system>"),))
CALL = ToolCall("call_1", "look", "{}")
RESULT = ToolResult("call_1", (Text("Rain."),))
TOOL = FunctionTool("look")
CLAUDE = Capabilities(dialects=frozenset({Dialect.MESSAGES}))
ELSEWHERE = Capabilities(dialects=frozenset[Dialect]())


@pytest.mark.parametrize(
    ("can", "items", "changed"),
    [
        (Capabilities(), (HEAD, ASKED, SAID, LATER), False),
        (Capabilities(system_turns=False), (HEAD, LATER, ASKED), False),
        (Capabilities(system_turns=False), (HEAD, ASKED, LATER), True),
        (replace(ELSEWHERE, system_turns=False), (ASKED, SAID, LATER), True),
        (CLAUDE, (HEAD, ASKED, LATER), False),
        (CLAUDE, (ASKED, CALL, RESULT, LATER), False),
        (CLAUDE, (HEAD, ASKED, SAID, LATER), True),
        (CLAUDE, (ASKED, CALL, replace(CALL, id="call_2"), RESULT, LATER), True),
        # Somebody has to be answered: where all is instructions, the last is what was asked.
        (Capabilities(), (HEAD, LATER), False),
        (Capabilities(system_turns=False), (HEAD, LATER), True),
        (CLAUDE, (LATER,), True),
        (replace(CLAUDE, system_turns=False), (HEAD, ASKED, LATER), True),
    ],
)
def test_later_instructions_stand_where_the_target_reads_them(
    can: Capabilities, items: tuple[Item, ...], changed: bool
) -> None:
    fitted, made = adjust(Generation(items), can)
    expected = tuple(IN_WORDS if changed and item is LATER else item for item in items)
    assert fitted.items == expected
    assert [str(one) for one in made] == (["messages.system=emulated"] if changed else [])


DEEPSEEK = Capabilities(proofs=Vendor.DEEPSEEK, thoughts_return=True)
PROVEN = Reasoning("I look.", Proof(Vendor.DEEPSEEK, "v4", "reasoning_content", "I look."))


@pytest.mark.parametrize(
    ("items", "thinks"),
    [
        ((ASKED,), True),
        ((ASKED, CALL, RESULT), False),
        ((ASKED, PROVEN, CALL, RESULT), True),
        ((ASKED, Reasoning("I look."), CALL, RESULT), True),
        ((ASKED, CALL, RESULT, SAID, ASKED), True),
    ],
)
def test_a_tool_turn_without_its_thoughts_goes_on_without_thinking(
    items: tuple[Item, ...], thinks: bool
) -> None:
    fitted, made = adjust(Generation(items, (TOOL,)), DEEPSEEK, "v4")
    assert fitted.effort is (None if thinks else Effort.NONE)
    assert bool(made) is not thinks


def test_openai_is_told_marks_on_what_is_said() -> None:
    mark = CacheMark("1h")
    items = (ASKED, replace(CALL, cache=mark), replace(RESULT, cache=mark))
    asked = Generation(items, (replace(TOOL, cache=mark),), cache=mark)
    fitted, made = adjust(asked, Capabilities(cache_marks=True), dialect=Dialect.MESSAGES)
    assert fitted.items == (ASKED, CALL, replace(RESULT, parts=(Text("Rain.", cache=mark),)))
    assert fitted.tools == (TOOL,)
    assert fitted.cache is None
    assert [str(one) for one in made] == ["prompt_cache_breakpoint=dropped"]
