"""What clients send that is odd or wrong: taken, or refused by name, never a failure of ours."""

import asyncio
import json
from collections.abc import Mapping
from typing import Any, Final

import httpx
import openai
import pytest

from tests.integration.responses.conftest import answered
from tests.support.families import CALLER_KEY, FAMILIES, Family, House
from tests.support.responses_asking import TOOLS

Json = dict[str, Any]  # Any: JSON

NOTHING: Final[list[Json]] = []
EMPTY: Final[Json] = {}
USER: Final[Json] = {"role": "user", "content": "Hello"}
CALL: Final[Json] = {
    "type": "function_call",
    "id": "fc_theirs1",
    "status": "completed",
    "call_id": "call_1",
    "name": "get_weather",
    "arguments": '{"city":"x"}',
}
RESULT: Final[Json] = {"type": "function_call_output", "call_id": "call_1", "output": "sunny"}
TEXT: Final[Json] = {
    "type": "output_text",
    "text": "Hi",
    "annotations": NOTHING,
    "logprobs": NOTHING,
}
CITED: Final[Json] = TEXT | {
    "annotations": [
        {"type": "url_citation", "url": "https://a.example", "title": "A"}
        | {"start_index": 0, "end_index": 2}
    ]
}
ANSWER: Final[Json] = {"type": "message", "role": "assistant", "id": "msg_1", "status": "completed"}


def refusal_of(http: httpx.Client, **body: Any) -> tuple[str, str | None]:
    """Return the code and the member of a refusal, the same whole and streamed."""
    seen: set[tuple[str, str | None]] = set()
    for stream in (False, True):
        answer = http.post("/responses", json={**body, "stream": stream})
        assert answer.status_code == 400, answer.text
        error = answer.json()["error"]
        assert error["type"] == "invalid_request_error"
        assert error["message"]
        seen.add((error["code"], error["param"]))
    assert len(seen) == 1
    return seen.pop()


# Items.

ECHOED: Final[Mapping[str, list[Json]]] = {
    "texts by role alone": [{"role": "system", "content": "s"}, USER],
    "developer": [
        {"type": "message", "role": "developer", "content": [{"type": "input_text", "text": "d"}]},
        USER,
    ],
    "an answer with its citations": [USER, ANSWER | {"content": [CITED]}, USER],
    "a parsed answer": [USER, ANSWER | {"content": [TEXT | {"parsed": {"a": 1}}]}, USER],
    "a refusal": [USER, ANSWER | {"content": [{"type": "refusal", "refusal": "No."}]}, USER],
    "an answer cut before its first word": [
        USER,
        ANSWER | {"status": "incomplete", "content": NOTHING},
        USER,
    ],
    "a call with what the SDK read of it": [
        USER,
        CALL | {"parsed_arguments": {"city": "x"}, "namespace": None},
        RESULT | {"id": "fco_1", "status": None},
    ],
    "a call told directly": [USER, CALL | {"caller": {"type": "direct"}}, RESULT],
    "arguments that are no JSON": [USER, CALL | {"arguments": '{"a'}, RESULT],
    "no arguments": [USER, CALL | {"arguments": ""}, RESULT],
    "a result in parts": [
        USER,
        CALL,
        RESULT | {"output": [{"type": "input_text", "text": "sunny"}]},
    ],
    "thoughts without proof": [
        USER,
        {"type": "reasoning", "id": "rs_1", "summary": NOTHING},
        {"role": "assistant", "content": "Hi"},
        USER,
    ],
    "thoughts in words": [
        USER,
        {
            "type": "reasoning",
            "id": "rs_2",
            "summary": [{"type": "summary_text", "text": "t"}],
            "content": [{"type": "reasoning_text", "text": "t"}],
            "encrypted_content": None,
            "status": None,
        },
        {"role": "assistant", "content": "Hi"},
        USER,
    ],
}


@pytest.mark.parametrize("name", ECHOED)
def test_what_clients_send_back_is_taken(http: httpx.Client, family: Family, name: str) -> None:
    if family.name == "deepseek" and CALL["call_id"] in json.dumps(ECHOED[name]):
        pytest.skip("it wants the thoughts of each call, which nobody has")
    for store in (True, False):
        told, notice = answered(http, family, input=ECHOED[name], tools=TOOLS, store=store)
        assert told["status"] == "completed"
        assert "input" not in notice


HOSTED: Final = (
    "file_search_call", "web_search_call", "computer_call", "computer_call_output",
    "code_interpreter_call", "image_generation_call", "local_shell_call",
    "local_shell_call_output", "shell_call", "shell_call_output", "apply_patch_call",
    "apply_patch_call_output", "mcp_list_tools", "mcp_call", "mcp_approval_request",
    "mcp_approval_response", "tool_search_call", "tool_search_output", "program",
    "program_output", "configuration_update", "quantum_call",
)  # fmt: skip


@pytest.mark.parametrize("family_name", ["demo", "claude", "gemini", "mistral"])
def test_items_of_other_servers_are_refused_by_name(
    http: httpx.Client, every_house: House, family_name: str
) -> None:
    model = every_house.families[family_name].model
    for kind in HOSTED:
        items = [USER, {"type": kind, "id": f"{kind}_1", "status": "completed"}, USER]
        code, param = refusal_of(http, model=model, input=items)
        assert (code, param) == ("unsupported_parameter", "input")


@pytest.mark.parametrize("family_name", ["openai", "azure"])
def test_items_of_hosted_tools_are_kept_for_who_knows_them(
    http: httpx.Client, every_house: House, family_name: str
) -> None:
    family = every_house.families[family_name]
    search: Json = {"type": "web_search_call", "id": "ws_1", "status": "completed"}
    search["action"] = {"type": "search", "query": "x"}
    told, _ = answered(http, family, input=[USER, search, USER])
    again, _ = answered(http, family, input="and now?", previous_response_id=told["id"])
    assert search in family.asked()["input"]
    items = http.get(f"/responses/{told['id']}/input_items?order=asc").json()["data"]
    assert items[1] | {"id": ""} == search | {"id": ""}
    # Whoever knows none cannot go on from there, and says why.
    demo = every_house.families["demo"].model
    refused = refusal_of(http, model=demo, input="on", previous_response_id=again["id"])
    assert refused == ("unsupported_parameter", "input")


def test_tools_among_items_are_offered(http: httpx.Client, family: Family) -> None:
    added = {"type": "additional_tools", "role": "developer", "tools": [TOOLS[0]]}
    told, _ = answered(http, family, input=[added, {"role": "user", "content": "call get_weather"}])
    assert [item["name"] for item in told["output"] if item["type"] == "function_call"] == [
        "get_weather"
    ]


WRONG: Final[tuple[tuple[object, str, str], ...]] = (
    ([{"type": "message", "content": "x"}], "missing_required_parameter", "input[0].role"),
    ([{"role": "tool", "content": "x"}], "invalid_value", "input[0].role"),
    ([{"role": "user", "content": None}], "invalid_type", "input[0].content"),
    ([{"role": "user", "content": NOTHING}], "empty_array", "input[0].content"),
    ([{"role": "user", "content": [{"type": "x"}]}], "invalid_value", "input[0].content[0].type"),
    ([USER, "x"], "invalid_type", "input[1]"),
    ([USER, None], "invalid_type", "input[1]"),
    ([USER, EMPTY], "missing_required_parameter", "input[1].type"),
    ([USER, {"type": 5}], "invalid_type", "input[1].type"),
    ([USER, CALL | {"call_id": ""}, RESULT], "string_too_short", "input[1].call_id"),
    ([USER, RESULT], "invalid_value", "input"),
    ([USER, RESULT, CALL], "invalid_value", "input"),
    ([USER, {"type": "item_reference", "id": "msg_none"}], "invalid_value", "input"),
    ([{"id": "msg_mmxAAAAAAAAAAAAAAAAAAAA_o0"}], "invalid_value", "input"),
    ([USER, {"type": "compaction_trigger"}], "unsupported_parameter", "input[1].type"),
    (
        [{"role": "user", "content": [{"type": "input_image", "detail": "auto"}]}],
        "missing_required_parameter",
        "input[0].content[0]",
    ),
    (
        [{"type": "compaction", "encrypted_content": "mmx1.AAAA"}, USER],
        "invalid_encrypted_content",
        "input[0].encrypted_content",
    ),
    (NOTHING, "empty_array", "input"),
    (7, "invalid_type", "input"),
    (EMPTY, "invalid_type", "input"),
    (None, "missing_required_parameter", "input"),
)


WRONG_INPUT: Final[tuple[object, ...]] = tuple(items for items, _, _ in WRONG)


@pytest.mark.parametrize(("items", "code", "param"), WRONG, ids=str)
def test_wrong_input_is_refused_where_it_is_wrong(
    http: httpx.Client, every_house: House, items: object, code: str, param: str
) -> None:
    for name in ("demo", "claude", "openai", "vllm"):
        model = every_house.families[name].model
        told = refusal_of(http, model=model, input=items)
        if code != "string_too_short":
            assert told[0] == code
        assert told[1] == param


@pytest.mark.parametrize("items", WRONG_INPUT, ids=str)
def test_wrong_input_is_judged_by_whoever_is_passed_it(http: httpx.Client, items: object) -> None:
    """Nobody reads it before the upstream does, which may be more lenient than we are."""
    for name in ("openai", "azure", "vllm"):
        body = {"model": FAMILIES[name], "input": items, "store": False}
        for stream in (False, True):
            answer = http.post("/responses", json={**body, "stream": stream})
            assert answer.status_code in (200, 400), answer.text


MEMBERS: Final[tuple[tuple[Json, str], ...]] = (
    ({"model": None}, "model"),
    ({"model": ""}, "model"),
    ({"stream": "yes"}, "stream"),
    ({"stream_options": {"include_obfuscation": False}}, "stream_options"),
    ({"include": ["everything"]}, "include[0]"),
    ({"max_output_tokens": 0}, "max_output_tokens"),
    ({"max_tool_calls": 0}, "max_tool_calls"),
    ({"temperature": 3}, "temperature"),
    ({"top_p": -1}, "top_p"),
    ({"top_logprobs": 21}, "top_logprobs"),
    ({"metadata": {"a": 1}}, "metadata[...]"),
    ({"metadata": {str(number): "" for number in range(17)}}, "metadata"),
    ({"truncation": "maybe"}, "truncation"),
    ({"reasoning": {"effort": "huge"}}, "reasoning.effort"),
    ({"text": {"verbosity": "chatty"}}, "text.verbosity"),
    ({"prompt": {"id": "p"}}, "prompt"),
    ({"background": True, "store": False}, "background"),
    ({"previous_response_id": "resp_1", "conversation": "conv_1"}, "previous_response_id"),
    ({"previous_response_id": "resp_none"}, "previous_response_id"),
    ({"conversation": 7}, "conversation"),
    ({"tools": {}}, "tools"),
    ({"tool_choice": 7}, "tool_choice"),
    ({"instructions": 7}, "instructions"),
)


@pytest.mark.parametrize(("members", "param"), MEMBERS, ids=str)
def test_members_are_refused_by_name(
    http: httpx.Client, family: Family, members: Json, param: str
) -> None:
    body: Json = {"model": family.model, "input": "Hello", **members}
    for store in (True, False):
        if "stream_options" in members or "stream" in members:
            answer = http.post("/responses", json={"store": store, **body})
            assert answer.status_code == 400
            assert answer.json()["error"]["param"] == param
        else:
            assert refusal_of(http, **{"store": store, **body})[1] == param


TOOLS_AND_CHOICES: Final[tuple[tuple[Json, str], ...]] = (
    ({"tools": [{"type": "function"}]}, "tools[0].name"),
    ({"tools": [{"type": "function", "function": {"name": "x"}}]}, "tools[0].name"),
    ({"tools": [{"name": "x"}]}, "tools[0].type"),
    ({"tools": ["x"]}, "tools[0]"),
    ({"tools": [{"type": "namespace", "name": "a", "tools": [{"type": "mcp"}]}]},
     "tools[0].tools[0].type"),
    ({"tools": [{"type": "custom", "name": "a", "format": {"type": "bnf"}}]},
     "tools[0].format.type"),
    ({"tools": TOOLS, "tool_choice": {"type": "function", "name": "no"}}, "tool_choice.name"),
    ({"tools": TOOLS, "tool_choice": {"type": "allowed_tools", "mode": "auto", "tools": [
        {"type": "function", "name": "no"}]}}, "tool_choice.tools[0].name"),
    ({"tools": TOOLS, "tool_choice": "sometimes"}, "tool_choice"),
    ({"tools": TOOLS, "tool_choice": {"name": "get_time"}}, "tool_choice.type"),
    ({"tool_choice": "required"}, "tool_choice"),
    ({"text": {"format": {"type": "xml"}}}, "text.format.type"),
    ({"text": {"format": {"type": "json_schema", "name": "a"}}}, "text.format.schema"),
)  # fmt: skip


@pytest.mark.parametrize(("members", "param"), TOOLS_AND_CHOICES, ids=str)
def test_wrong_tools_and_choices_are_refused_by_name(
    http: httpx.Client, every_house: House, members: Json, param: str
) -> None:
    for name in ("demo", "claude", "openai", "mistral"):
        model = every_house.families[name].model
        assert refusal_of(http, model=model, input="Hello", **members)[1] == param


def test_a_thousand_items_are_answered(http: httpx.Client, family: Family) -> None:
    items = [
        {"role": ("user", "assistant")[number % 2], "content": f"{number}"}
        for number in range(1001)
    ]
    for store in (True, False):
        told, _ = answered(http, family, input=items, store=store)
        assert told["output"][-1]["type"] in ("message", "reasoning")
        if family.fake is not None:
            assert '"0"' in json.dumps(family.asked())


def test_nothing_can_be_made_to_follow_itself(sdk: openai.OpenAI) -> None:
    root = sdk.responses.create(model="demo", input="a")
    for forged in (root.id[:-1] + "A", root.id.upper(), f"{root.id} ", f"{root.id}_o0"):
        with pytest.raises(openai.BadRequestError) as refusal:
            sdk.responses.create(model="demo", input="b", previous_response_id=forged)
        assert refusal.value.code == "previous_response_not_found"
    # An id is not the caller's to choose.
    told = sdk.responses.create(
        model="demo", input="b", previous_response_id=root.id, extra_body={"id": root.id}
    )
    assert told.id != root.id


async def test_of_two_deletes_at_once_one_finds_it(every_house: House) -> None:
    headers = {"authorization": f"Bearer {CALLER_KEY}"}
    url = f"{every_house.gateway.url}/v1"
    async with httpx.AsyncClient(base_url=url, headers=headers, trust_env=False) as client:
        for _ in range(10):
            made = await client.post("/responses", json={"model": "demo", "input": "Hello"})
            path = f"/responses/{made.json()['id']}"
            ended = await asyncio.gather(*(client.delete(path) for _ in range(4)))
            assert sorted(one.status_code for one in ended) == [200, 404, 404, 404]
            assert (await client.get(path)).status_code == 404


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"[]", b"null", b'"x"', b"\xff", b'{"model":"demo","input":"\\ud800"}',
     b'{"model":"demo","input":' + b"[" * 5000 + b"]" * 5000 + b"}"],
)  # fmt: skip
def test_bodies_that_are_no_request_are_refused(http: httpx.Client, body: bytes) -> None:
    answer = http.post("/responses", content=body, headers={"content-type": "application/json"})
    assert answer.status_code == 400, answer.text
    assert answer.json()["error"]["type"] == "invalid_request_error"
