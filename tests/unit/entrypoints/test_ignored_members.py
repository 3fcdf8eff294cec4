"""Members inside messages and tools that have no name here: noted, and told once they are lost."""

import json
from dataclasses import replace
from typing import Any

import pytest

from modelmux.adapters.memory.scripted import Script, ScriptedProvider
from modelmux.application.filters.adjusting import Adjusting
from modelmux.domain.adjustments import Policy
from modelmux.domain.capabilities import Capabilities
from modelmux.domain.dialect import Dialect
from modelmux.domain.errors import InvalidRequest, UnsupportedFeature
from modelmux.domain.request import Caller, Generation, Verbatim
from modelmux.entrypoints.chat_completions.decode import decode_content
from modelmux.entrypoints.members import decode_members
from tests.support.asking import HELLO_EVENTS, asking

CALL = {"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}
MARK = {"cache_control": {"type": "ephemeral"}}


def content_with(**members: Any) -> Generation:
    body = {"model": "m", "messages": [{"role": "user", "content": "Hi"}], **members}
    return decode_content(decode_members(json.dumps(body).encode()), Caller("acme"))


@pytest.mark.parametrize(
    ("members", "noted"),
    [
        ({"messages": [{"role": "user", "content": "Hi", **MARK}]}, "messages.cache_control"),
        (
            {"messages": [{"role": "user", "content": [{"type": "text", "text": "x", **MARK}]}]},
            "messages.cache_control",
        ),
        (
            {"tools": [{"type": "function", "function": {"name": "f"}, **MARK}]},
            "tools.cache_control",
        ),
        (
            {"tools": [{"type": "function", "function": {"name": "f", "deep": 1}}]},
            "tools.deep",
        ),
        (
            {
                "messages": [
                    {"role": "assistant", "name": "Ann", "tool_calls": [CALL]},
                    {"role": "tool", "tool_call_id": "c", "content": "4"},
                ]
            },
            "messages.name",
        ),
        (
            {"response_format": {"type": "json_object", "why": "because"}},
            "response_format.why",
        ),
    ],
)
def test_a_member_without_a_name_here_is_noted(members: dict[str, Any], noted: str) -> None:
    content = content_with(**members)
    assert content.ignored == (noted,)
    assert content.items


def test_what_says_nothing_or_comes_back_with_every_answer_is_not_noted() -> None:
    call = {
        "id": "c", "index": 0, "type": "function",
        "function": {"name": "f", "arguments": "{}", "parsed_arguments": {"a": 1}},
    }  # fmt: skip
    sent_back = {
        "role": "assistant", "content": None, "annotations": [{"type": "url_citation"}],
        "parsed": {"a": 1}, "new_and_empty": None, "tool_calls": [call],
    }  # fmt: skip
    result = {"role": "tool", "tool_call_id": "c", "content": "r"}
    content = content_with(messages=[{"role": "user", "content": "Hi"}, sent_back, result])
    assert content.ignored == ()
    assert len(content.items) == 3


def test_a_message_that_is_wrong_besides_is_still_refused_by_its_place() -> None:
    with pytest.raises(InvalidRequest) as caught:
        content_with(messages=[{"role": "user", "content": [{"type": "text", "text": 1, **MARK}]}])
    assert caught.value.param == "messages[0].content[0].text"


def test_notes_are_bounded() -> None:
    many = {f"member_{number}": 1 for number in range(200)}
    content = content_with(messages=[{"role": "user", "content": "Hi", **many}])
    assert len(content.ignored) == 16


@pytest.mark.parametrize(
    ("can", "relayed", "told"),
    [
        (Capabilities(restrictions=True), True, []),
        (Capabilities(restrictions=True, verbosity=False), False, ["verbosity", "tools.x"]),
        (Capabilities(dialects=frozenset()), False, ["tools.x"]),
    ],
)
async def test_what_is_lost_is_told_and_what_is_relayed_is_not(
    can: Capabilities, *, relayed: bool, told: list[str]
) -> None:
    inner = ScriptedProvider(Script((HELLO_EVENTS,)))
    tools = [{"type": "function", "function": {"name": "f"}, "x": 1}]
    request = replace(
        asking(content_with(tools=tools, verbosity="low")),
        capabilities=can,
        verbatim=Verbatim(Dialect.CHAT_COMPLETIONS, {}),
    )
    await Adjusting(inner).open(request)
    assert (inner.requests[0].verbatim is not None) is relayed
    assert [one.param for one in request.journal.told] == told


async def test_a_route_that_rejects_refuses_what_would_be_lost() -> None:
    tools = [{"type": "function", "function": {"name": "f"}, "x": 1}]
    request = replace(
        asking(content_with(tools=tools)),
        capabilities=Capabilities(dialects=frozenset()),
        policy=Policy.REJECT,
    )
    with pytest.raises(UnsupportedFeature) as caught:
        await Adjusting(ScriptedProvider(Script((HELLO_EVENTS,)))).open(request)
    assert caught.value.param == "tools.x"
