"""Messages in: what is refused, and where it is said to be."""

import base64
import json
from typing import Any

import pytest

from modelmux.adapters.memory.sealer import MemorySealer
from modelmux.domain.conversation import Message, Role, Text, ToolCall, ToolResult
from modelmux.domain.errors import InvalidRequest
from modelmux.domain.request import Caller, Generation
from modelmux.entrypoints.members import decode_members
from modelmux.entrypoints.messages.decode import content_decoder

USER = {"role": "user", "content": "hello"}
MARK = {"type": "ephemeral"}
EMPTY: dict[str, object] = {}
NOTHING: list[object] = []
PNG = {"type": "base64", "media_type": "image/png", "data": "AAAA"}


def content(*messages: object, **changes: Any) -> Generation:
    body = {"model": "m", "max_tokens": 4096, "messages": list(messages) or [USER], **changes}
    decode = content_decoder(MemorySealer())
    return decode(decode_members(json.dumps(body).encode()), Caller("acme"))


def refused(*messages: object, **changes: Any) -> str | None:
    with pytest.raises(InvalidRequest) as refusal:
        content(*messages, **changes)
    return refusal.value.param


def user(*blocks: object) -> dict[str, Any]:
    return {"role": "user", "content": list(blocks)}


def assistant(*blocks: object) -> dict[str, Any]:
    return {"role": "assistant", "content": list(blocks)}


def text(words: str, **more: Any) -> dict[str, Any]:
    return {"type": "text", "text": words, **more}


def call(id_: str, **more: Any) -> dict[str, Any]:
    return {"type": "tool_use", "id": id_, "name": "f", "input": EMPTY, **more}


def result(id_: str, **more: Any) -> dict[str, Any]:
    return {"type": "tool_result", "tool_use_id": id_, "content": "ok", **more}


@pytest.mark.parametrize(
    ("block", "place"),
    [
        ("hello", ""),
        ({"text": "no type"}, ".type"),
        ({"type": 3}, ".type"),
        (text(""), ".text"),
        ({"type": "text"}, ".text"),
        ({"type": "text", "text": None}, ".text"),
        (text("a", cache_control={"type": "eternal"}), ".cache_control.type"),
        (text("a", cache_control={**MARK, "ttl": "2h"}), ".cache_control.ttl"),
        ({"type": "image"}, ".source"),
        ({"type": "image", "source": "https://example.com/a.png"}, ".source"),
        ({"type": "image", "source": {"url": "https://example.com/a.png"}}, ".source.type"),
        ({"type": "image", "source": {**PNG, "media_type": "image/tiff"}}, ".source.media_type"),
        ({"type": "image", "source": {**PNG, "data": "%%%%"}}, ".source.data"),
        ({"type": "image", "source": {**PNG, "data": "AAA"}}, ".source.data"),
        ({"type": "image", "source": {**PNG, "data": "AAAA===="}}, ".source.data"),
        ({"type": "image", "source": {**PNG, "data": "AAéA"}}, ".source.data"),
        ({"type": "image", "source": {**PNG, "data": ""}}, ".source.data"),
        ({"type": "image", "source": {"type": "url", "url": "file:///etc/passwd"}}, ".source.url"),
        ({"type": "image", "source": {"type": "file"}}, ".source.file_id"),
        ({"type": "document", "source": PNG}, ".source.media_type"),
        (
            {
                "type": "document",
                "source": {"type": "text", "media_type": "text/plain", "data": ""},
            },
            ".source.data",
        ),
        (
            {
                "type": "document",
                "source": {"type": "text", "media_type": "text/html", "data": "x"},
            },
            ".source.media_type",
        ),
        ({"type": "document", "source": {"type": "url", "url": "a.pdf"}}, ".source.url"),
        (call("a"), ""),
        ({"type": "thinking", "thinking": "t", "signature": "s"}, ""),
        ({"type": "redacted_thinking", "data": "d"}, ""),
    ],
)
def test_a_block_that_is_not_well_said_is_found(block: object, place: str) -> None:
    assert refused(user(text("first"), block)) == f"messages[0].content[1]{place}"


@pytest.mark.parametrize(
    ("block", "place"),
    [
        (text(""), ".text"),
        (result("a"), ""),
        (call("a", input="{}"), ".input"),
        (call("a", input=[1]), ".input"),
        (call("a", input=None), ".input"),
        (call(""), ".id"),
        (call("a", name=""), ".name"),
        ({"type": "tool_use", "id": "a", "name": "f"}, ".input"),
        ({"type": "thinking", "signature": "s"}, ".thinking"),
        ({"type": "redacted_thinking", "data": ""}, ".data"),
    ],
)
def test_so_is_one_of_an_answer(block: object, place: str) -> None:
    assert refused(USER, assistant(text("a"), block)) == f"messages[1].content[1]{place}"


@pytest.mark.parametrize(
    ("message", "place"),
    [
        ("hello", "messages[1]"),
        ({"role": "tool", "content": "x"}, "messages[1].role"),
        ({"content": "x"}, "messages[1].role"),
        ({"role": "user"}, "messages[1].content"),
        ({"role": "user", "content": None}, "messages[1].content"),
        ({"role": "user", "content": ""}, "messages[1].content"),
        ({"role": "user", "content": NOTHING}, "messages[1].content"),
        ({"role": "system", "content": ""}, "messages[1].content"),
        ({"role": "system", "content": [text("")]}, "messages[1].content[0].text"),
    ],
)
def test_a_message_that_is_not_well_said_is_found(message: object, place: str) -> None:
    assert refused(USER, message) == place


def test_an_answer_before_the_last_message_says_something() -> None:
    assert refused(USER, {"role": "assistant", "content": ""}, USER) == "messages[1].content"


@pytest.mark.parametrize("system", [[text("")], ["be brief"], 3, {"type": "text"}])
def test_a_system_prompt_that_is_not_well_said_is_found(system: object) -> None:
    assert str(refused(system=system)).startswith("system")


def test_results_answer_calls_of_the_turn_before() -> None:
    asked = assistant(call("a"), call("b"))
    assert refused(user(result("a"))) == "messages[0].content[0].tool_use_id"
    assert refused(USER, asked, user(result("c"))) == "messages[2].content[0].tool_use_id"
    assert refused(USER, asked, USER) == "messages[1].content[0]"
    assert refused(USER, asked, user(result("a"))) == "messages[1].content[0]"
    assert refused(USER, asked) == "messages[1].content[0]"
    late = (USER, asked, user(result("a"), result("b")), assistant(text("so")), user(result("a")))
    assert refused(*late) == "messages[4].content[0].tool_use_id"
    between = (USER, asked, {"role": "system", "content": "hm"}, user(result("a"), result("b")))
    assert refused(*between) == "messages[1].content[0]"


def test_the_refusal_names_the_calls_that_wait() -> None:
    with pytest.raises(InvalidRequest) as refusal:
        content(USER, assistant(call("a"), call("b"), call("c")), user(result("b")), USER)
    assert "immediately after: a, c." in refusal.value.message


def test_results_come_before_everything_else() -> None:
    asked = assistant(call("a"), call("b"))
    mixed = user(result("a"), text("and"), result("b"))
    assert refused(USER, asked, mixed) == "messages[2].content[2]"
    apart = (user(result("a"), text("and")), user(result("b")))
    assert refused(USER, asked, *apart) == "messages[3].content[0]"


def test_neighbours_of_one_role_are_one_turn() -> None:
    items = content(
        USER, assistant(call("a")), assistant(call("b")), user(result("b")), user(result("a")), USER
    ).items
    assert [type(item) for item in items] == [
        Message, ToolCall, ToolCall, ToolResult, ToolResult, Message,
    ]  # fmt: skip


def test_a_call_is_answered_once() -> None:
    twice = user(result("a"), result("a"))
    assert refused(USER, assistant(call("a")), twice) == "messages[2].content[1].tool_use_id"


def test_ids_of_a_turns_calls_are_unique() -> None:
    assert refused(USER, assistant(call("a"), call("a"))) == "messages[1].content[1].id"


def test_calls_of_several_turns_with_one_id_are_told_apart() -> None:
    turn = (assistant(call("a")), user(result("a")))
    both = (assistant(call("a"), call("a_2")), user(result("a_2"), result("a")))
    items = content(USER, *turn, *turn, *both, *turn).items
    ids = ["a", "a_2", "a_3", "a_2_2", "a_4"]
    assert [item.id for item in items if isinstance(item, ToolCall)] == ids
    answered = ["a", "a_2", "a_2_2", "a_3", "a_4"]
    assert [item.call_id for item in items if isinstance(item, ToolResult)] == answered
    missing = (USER, *turn, assistant(call("a")))
    assert refused(*missing) == "messages[3].content[0]"


def test_results_hold_no_empty_texts() -> None:
    told = user(result("a", content=[text("")]))
    assert refused(USER, assistant(call("a")), told) == "messages[2].content[0].content[0].text"


def test_four_marks_are_taken_and_five_are_not() -> None:
    tool = {"name": "f", "input_schema": {"type": "object"}, "cache_control": MARK}
    system = [text("s", cache_control=MARK)]
    opaque = {"type": "search_result", "source": "s", "cache_control": MARK}
    last = text("x", cache_control=MARK)
    assert content(user(opaque, last), system=system, tools=[tool])
    assert refused(user(opaque, last, last), system=system, tools=[tool]) == "cache_control"
    bash = {"type": "bash_20250124", "name": "bash", "cache_control": MARK}
    assert refused(user(opaque, last), system=system, tools=[tool, bash]) == "cache_control"


def test_unread_members_survive_beside_unknown_ones() -> None:
    body = (
        b'{"model":"m","max_tokens":1,"messages":[{"role":"user","content":"x"},'
        b'{"role":"assistant","content":[{"type":"tool_use","id":"a","name":"f","mood":"good",'
        b'"input":{"b": 1.0},"cache_control":{"type":"ephemeral","scope":"global"}}]},'
        b'{"role":"user","content":[{"type":"tool_result","tool_use_id":"a","empty":[]}]}]}'
    )
    asked = content_decoder(MemorySealer())(decode_members(body), Caller("acme"))
    called = asked.items[1]
    assert isinstance(called, ToolCall)
    assert called.arguments == '{"b": 1.0}'
    assert called.cache is not None
    assert asked.ignored == ("messages.mood", "messages.scope")


@pytest.mark.parametrize(
    ("changes", "param"),
    [
        ({"thinking": {"type": "of_tomorrow"}}, "thinking.type"),
        ({"thinking": {"type": "adaptive", "display": "sung"}}, "thinking.display"),
        ({"output_config": {"effort": "none"}}, "output_config.effort"),
        ({"output_config": {"format": {"type": "grammar"}}}, "output_config.format.type"),
        ({"output_config": {"format": {"type": "json_schema"}}}, "output_config.format.schema"),
        ({"output_format": {"type": "json_schema", "schema": 1}}, "output_format.schema"),
        ({"metadata": {"user_id": 3}}, "metadata.user_id"),
        ({"cache_control": {"type": "eternal"}}, "cache_control.type"),
    ],
)
def test_settings_that_nobody_knows_are_refused(changes: dict[str, Any], param: str) -> None:
    assert refused(**changes) == param


def test_line_breaks_in_base64_are_forgiven() -> None:
    data = base64.encodebytes(b"x" * 100).decode()
    (message,) = content(user({"type": "image", "source": {**PNG, "data": data}})).items
    assert isinstance(message, Message)
    assert "\n" not in str(message.parts)


def test_deep_nesting_is_told() -> None:
    deep = b'{"a":' * 5000 + b"1" + b"}" * 5000
    body = b'{"model":"m","max_tokens":1,"messages":[{"role":"user","content":[%b]}]}' % (
        b'{"type":"of_tomorrow","x":' + deep + b"}"
    )
    with pytest.raises(InvalidRequest) as refusal:
        content_decoder(MemorySealer())(decode_members(body), Caller("acme"))
    assert "too deeply" in refusal.value.message


def test_a_user_may_speak_twice() -> None:
    assert content(USER, USER).items == (Message(Role.USER, (Text("hello"),)),) * 2
