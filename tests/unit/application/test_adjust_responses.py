"""Adjusting of what only the Responses API has, for targets that speak it and for others."""

from dataclasses import replace
from typing import Any

import pytest

from modelmux.adapters.memory.scripted import Script, ScriptedProvider
from modelmux.application.adjusting import adjust
from modelmux.application.filters.adjusting import Adjusting
from modelmux.application.lanes import passes_unread, relays
from modelmux.application.spelling import spelled
from modelmux.domain.adjustments import Policy
from modelmux.domain.capabilities import Capabilities, Thinking
from modelmux.domain.conversation import (
    Compaction,
    FileReference,
    FileUrl,
    ImageReference,
    Message,
    OpaqueItem,
    Proof,
    Reasoning,
    Role,
    Text,
    Vendor,
)
from modelmux.domain.deferred import Deferred
from modelmux.domain.dialect import Dialect
from modelmux.domain.effort import Effort
from modelmux.domain.errors import InvalidRequest, UnsupportedFeature
from modelmux.domain.request import Generation, GenerationRequest, Sampling, Verbatim
from modelmux.domain.tools import (
    AUTO,
    AllowedTools,
    AnyTool,
    AutoChoice,
    FunctionTool,
    HostedChoice,
    HostedTool,
    NoTools,
    ToolChoice,
)
from tests.support.asking import HELLO_EVENTS, asking, content_of, user

CHAT, RESPONSES = Dialect.CHAT_COMPLETIONS, Dialect.RESPONSES
CLAUDE: frozenset[Dialect] = frozenset()
OPENAI = frozenset({CHAT, RESPONSES})
SEARCH = HostedTool("web_search", {"type": "web_search"})
SHELL = HostedTool("shell", {"type": "shell"})
FIND = FunctionTool("find")


def fitted(
    can: Capabilities, *, dialect: Dialect = RESPONSES, **changes: Any
) -> tuple[Generation, list[str]]:
    content, made = adjust(content_of(user("Hi"), **changes), can, "m", dialect)
    return content, [str(adjustment) for adjustment in made]


def target(*dialects: Dialect, **changes: Any) -> Capabilities:
    return Capabilities(dialects=frozenset(dialects), **changes)


def test_what_a_target_of_the_same_language_knows_is_left_alone() -> None:
    content = content_of(
        OpaqueItem("web_search_call", {"type": "web_search_call"}),
        Message(Role.ASSISTANT, (Text("So."),), phase="final_answer"),
        Message(Role.USER, (ImageReference("i"), FileReference("f"), FileUrl("https://h/f"))),
        tools=(SEARCH, FIND),
        tool_choice=HostedChoice("web_search", {"type": "web_search"}),
        instructions="Be brief.",
        reasoning_summary="detailed",
        extras={"context_management": []},
    )
    assert adjust(content, target(RESPONSES), "m", RESPONSES) == (content, ())


@pytest.mark.parametrize(
    ("choice", "left", "told"),
    [
        (AUTO, AUTO, []),
        (AnyTool(), AnyTool(), []),
        (HostedChoice("web_search", {}), AUTO, ["tool_choice=dropped"]),
        (AllowedTools(("find", "web_search"), required=True), AllowedTools(("find",), True), []),
        (AllowedTools(("web_search",)), NoTools(), ["tool_choice=dropped"]),
    ],
)
def test_hosted_tools_that_nobody_runs_are_left_out(
    choice: ToolChoice, left: ToolChoice, told: list[str]
) -> None:
    content, made = fitted(target(CHAT), tools=(FIND, SEARCH), tool_choice=choice)
    assert (content.tools, content.tool_choice) == ((FIND,), left)
    assert made == ["tools[1].type=dropped", *told]


@pytest.mark.parametrize(
    ("choice", "told"),
    [
        (AUTO, []),
        (NoTools(), []),
        (AnyTool(), ["tool_choice=dropped"]),
        (AllowedTools(("shell",), required=True), ["tool_choice=dropped"]),
        (HostedChoice("shell", {}), ["tool_choice=dropped"]),
    ],
)
def test_with_the_last_tool_goes_the_choice(choice: ToolChoice, told: list[str]) -> None:
    content, made = fitted(target(), tools=(SEARCH, SHELL), tool_choice=choice)
    assert (content.tools, content.tool_choice) == ((), AutoChoice())
    assert made == ["tools[0].type=dropped", "tools[1].type=dropped", *told]


def test_a_target_without_tools_is_asked_when_only_hosted_ones_were_wanted() -> None:
    assert fitted(target(tools=False), tools=(SEARCH,))[1] == ["tools[0].type=dropped"]


def test_a_server_of_the_language_may_still_run_no_tools() -> None:
    content, made = fitted(target(RESPONSES, hosted_tools=False), tools=(SEARCH, FIND))
    assert (content.tools, made) == ((FIND,), ["tools[0].type=dropped"])


@pytest.mark.parametrize("kind", ["web_search_call", "item_reference", "additional_tools", "novel"])
def test_items_that_only_its_own_servers_know_are_refused_by_name(kind: str) -> None:
    with pytest.raises(UnsupportedFeature, match=repr(kind)) as caught:
        fitted(target(CHAT), items=(OpaqueItem(kind, {"type": kind}),))
    assert caught.value.param == "input"


@pytest.mark.parametrize("can", [target(), target(CHAT), target(RESPONSES)])
def test_a_summary_is_said_in_words_to_everybody(can: Capabilities) -> None:
    content, made = fitted(can, items=(Compaction("They met."), user("And then?")))
    assert content.items == (
        user("Summary of the conversation so far:\nThey met."),
        user("And then?"),
    )
    assert made == []


def test_instructions_stand_first_where_they_have_no_place_of_their_own() -> None:
    content, _ = fitted(target(), instructions="Be brief.")
    assert content.items == (Message(Role.DEVELOPER, (Text("Be brief."),)), user("Hi"))
    assert content.instructions is None


def test_the_phase_of_a_message_is_told_when_it_is_lost() -> None:
    said = Message(Role.ASSISTANT, (Text("So."),), phase="commentary")
    content, made = fitted(target(), items=(user("Hi"), said, said, user("Go on")))
    assert content.items[1] == Message(Role.ASSISTANT, (Text("So."),))
    assert made == ["messages.phase=dropped"]


@pytest.mark.parametrize(
    ("wanted", "thinking", "told"),
    [
        ("auto", Thinking.LEVEL, []),
        ("detailed", Thinking.LEVEL, ["reasoning_summary=clamped"]),
        ("auto", Thinking.NONE, ["reasoning_summary=dropped"]),
        (None, Thinking.NONE, []),
    ],
)
def test_summaries_come_as_the_model_has_them(
    wanted: str | None, thinking: Thinking, told: list[str]
) -> None:
    assert fitted(target(thinking=thinking), reasoning_summary=wanted)[1] == told


EXTRAS = {"prompt_cache_key": 1, "context_management": 2, "top_k": 3}


@pytest.mark.parametrize(
    ("can", "kept"),
    [
        (target(RESPONSES), {"prompt_cache_key", "context_management", "top_k"}),
        (target(CHAT), {"prompt_cache_key"}),
        (target(), set[str]()),
        (target(CHAT, refuses_unknown=True), set[str]()),
        (target(RESPONSES, refuses_unknown=True, known_extras=frozenset({"top_k"})), {"top_k"}),
    ],
)
def test_extras_stay_in_the_language_they_were_said_in(can: Capabilities, kept: set[str]) -> None:
    content, made = fitted(can, extras=EXTRAS)
    assert set(content.extras) == kept
    assert made == [f"{name}=dropped" for name in EXTRAS if name not in kept]


def test_a_chat_request_that_goes_out_on_responses_takes_what_both_know() -> None:
    can = target(CHAT, RESPONSES, tools_only_on_responses=True)
    content, made = fitted(
        can,
        dialect=CHAT,
        items=(Message(Role.USER, (Text("Hi"),), "Ann"),),
        tools=(FIND,),
        sampling=Sampling(temperature=0.5, seed=1),
        extras={"safety_identifier": 1, "modalities": 2},
    )
    assert made == ["seed=dropped", "messages.name=dropped", "modalities=dropped"]
    assert content.sampling == Sampling(temperature=0.5)
    with pytest.raises(UnsupportedFeature, match="n must be 1"):
        fitted(can, dialect=CHAT, tools=(FIND,), sampling=Sampling(candidates=2))


def chat_with_tools(effort: Effort | None, *dialects: Dialect) -> GenerationRequest:
    return replace(
        asking(content_of(user("Hi"), tools=(FIND,), effort=effort)),
        capabilities=target(*dialects, tools_only_on_responses=True),
        verbatim=Verbatim(CHAT, {}),
    )


@pytest.mark.parametrize(("effort", "relayed"), [(None, False), (Effort.NONE, True)])
def test_a_chat_body_with_tools_is_relayed_to_such_a_model_only_without_reasoning(
    effort: Effort | None, relayed: bool
) -> None:
    request = chat_with_tools(effort, CHAT, RESPONSES)
    assert relays(request) is passes_unread(request) is relayed


async def test_what_goes_out_on_responses_loses_its_chat_body() -> None:
    inner = ScriptedProvider(Script((HELLO_EVENTS,)))
    await Adjusting(inner).open(chat_with_tools(None, CHAT, RESPONSES))
    assert inner.requests[0].verbatim is None


def test_without_responses_such_a_model_is_still_refused() -> None:
    with pytest.raises(UnsupportedFeature, match="not offered here"):
        fitted(target(CHAT, tools_only_on_responses=True), dialect=CHAT, tools=(FIND,))


@pytest.mark.parametrize(
    ("param", "in_responses"),
    [
        ("messages", "input"),
        ("messages.image_url", "input.image_url"),
        ("messages[2].content", "input[2].content"),
        ("response_format.schema", "text.format.schema"),
        ("reasoning_effort", "reasoning.effort"),
        ("max_completion_tokens", "max_output_tokens"),
        ("verbosity", "text.verbosity"),
        ("logprobs", "top_logprobs"),
        ("tools[3].function.parameters", "tools[3].parameters"),
        ("tools[3].type", "tools[3].type"),
        ("temperature", "temperature"),
    ],
)
def test_members_are_named_as_the_caller_spells_them(param: str, in_responses: str) -> None:
    assert spelled(param, CHAT) == param
    assert spelled(param, RESPONSES) == spelled(in_responses, RESPONSES) == in_responses


def responses_request(**changes: Any) -> GenerationRequest:
    content = content_of(user("Hi"), **changes)
    return replace(asking(), dialect=RESPONSES, content=Deferred.of(content))


async def test_adjustments_are_told_and_rejected_in_the_callers_spelling() -> None:
    can = target(verbosity=False)
    request = replace(responses_request(verbosity="low"), capabilities=can)
    await Adjusting(ScriptedProvider(Script((HELLO_EVENTS,)))).open(request)
    assert [str(one) for one in request.journal.told] == ["text.verbosity=dropped"]
    strict = replace(request, policy=Policy.REJECT)
    with pytest.raises(UnsupportedFeature, match=r"text\.verbosity") as caught:
        await Adjusting(ScriptedProvider(Script((HELLO_EVENTS,)))).open(strict)
    assert caught.value.param == "text.verbosity"


async def test_a_hosted_tool_is_named_by_its_place_under_the_reject_policy() -> None:
    request = replace(
        responses_request(tools=(FIND, SEARCH)), capabilities=target(), policy=Policy.REJECT
    )
    with pytest.raises(UnsupportedFeature, match="web_search") as caught:
        await Adjusting(ScriptedProvider(Script((HELLO_EVENTS,)))).open(request)
    assert caught.value.param == "tools[1].type"


@pytest.mark.parametrize(
    ("tools", "param", "told"),
    [
        ((FIND,), "tools[0].function.parameters", "tools[0].parameters"),
        ((SEARCH, FIND), "tools[0].function.parameters", "tools"),
        ((FIND,), "messages", "input"),
        ((FIND,), None, None),
    ],
)
@pytest.mark.parametrize("kind", [InvalidRequest, UnsupportedFeature])
async def test_what_an_adapter_refuses_is_named_in_the_callers_spelling(
    kind: type[InvalidRequest | UnsupportedFeature], tools: Any, param: str | None, told: str | None
) -> None:
    request = replace(responses_request(tools=tools), capabilities=target())
    with pytest.raises(kind) as caught:
        await Adjusting(ScriptedProvider(Script(open_error=kind("no", param=param)))).open(request)
    assert caught.value.param == told


async def test_thoughts_of_others_are_kept_from_who_cannot_open_them() -> None:
    sealed = Reasoning("Hm.", Proof(Vendor.OPENAI, "", "encrypted_content", "gAAA"))
    can = target(CHAT, RESPONSES, sealed_thoughts=False, hosted_tools=False)
    content, made = fitted(can, items=(sealed, Reasoning("So."), user("Hi")))
    assert content.items == (Reasoning("So."), user("Hi"))
    assert made == []
    inner = ScriptedProvider(Script((HELLO_EVENTS,)))
    request = replace(
        asking(content_of(sealed, user("Hi"))),
        dialect=RESPONSES,
        capabilities=can,
        verbatim=Verbatim(RESPONSES, {}),
    )
    await Adjusting(inner).open(request)
    assert inner.requests[0].verbatim is None
    can = replace(can, sealed_thoughts=True)
    assert fitted(can, items=(sealed, user("Hi")))[0].items == (sealed, user("Hi"))
