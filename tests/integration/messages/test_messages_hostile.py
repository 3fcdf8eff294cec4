"""What goes wrong at clients of Messages, and what is rarely said, over every family."""

import json
from collections.abc import Callable
from typing import Any

import anthropic
import httpx
import pytest

from tests.support.families import CALLER_KEY, CLAUDES, Family, House
from tests.support.messages_asking import TOOLS, ask, ask_raw, user
from tests.support.messages_laws import Json

HEADERS = {"authorization": f"Bearer {CALLER_KEY}", "anthropic-version": "2026-10-21"}
HELLO = '[{"role":"user","content":"Hello"}]'


def posted(house: House, body: str, path: str = "/v1/messages") -> httpx.Response:
    return httpx.post(
        f"{house.gateway.url}{path}",
        content=body.encode(),
        headers={**HEADERS, "content-type": "application/json"},
        trust_env=False,
        timeout=20,
    )


def saying(model: str, messages: str, more: str = "") -> str:
    return f'{{"model":{json.dumps(model)},"max_tokens":100,"messages":{messages}{more}}}'


def called_with(arguments: str) -> Callable[[str], str]:
    """Return a body whose history has one call with `arguments`, answered."""
    turns = (
        '[{"role":"user","content":"x"},{"role":"assistant","content":[{"type":"tool_use",'
        f'"id":"a","name":"get_weather","input":{arguments}}}]}},{{"role":"user","content":'
        '[{"type":"tool_result","tool_use_id":"a","content":"ok"}]}]'
    )
    return lambda model: saying(model, turns, f',"tools":{json.dumps(TOOLS)}')


def history(length: int) -> str:
    return json.dumps(
        [{"role": ("user", "assistant")[place % 2], "content": "x"} for place in range(length)]
    )


HOSTILE: dict[str, tuple[Callable[[str], str], int, str]] = {
    "a lone surrogate": (
        lambda model: saying(model, r'[{"role":"user","content":"a\ud800b"}]'), 400, "JSON",
    ),
    "a byte order mark": (lambda model: "\ufeff" + saying(model, HELLO), 400, "JSON"),
    "a number that is none": (
        lambda model: saying(model, HELLO, ',"temperature":NaN'), 400, "JSON",
    ),
    "a member twice": (
        lambda model: saying(model, HELLO, ',"max_tokens":5'), 400, "max_tokens: ",
    ),
    "an endless nest": (called_with('{"a":' * 5000 + "1" + "}" * 5000), 400, "too deeply"),
    "a deep input": (called_with('{"a":' * 300 + "1" + "}" * 300), 200, ""),
    "a nul": (lambda model: saying(model, r'[{"role":"user","content":"a\u0000b"}]'), 200, ""),
    "a huge number": (called_with('{"city":' + "9" * 400 + "}"), 200, ""),
    "an input that is no object": (
        called_with('"x"'), 400, "messages.1.content.0.input: Input should be an object",
    ),
    "ten thousand turns": (lambda model: saying(model, history(10_001)), 200, ""),
    "a seal that was cut": (
        lambda model: saying(model, json.dumps([
            user("x"),
            {"role": "assistant", "content": [
                {"type": "thinking", "thinking": "hm", "signature": "mmx1.abc"},
                {"type": "text", "text": "y"},
            ]},
            user("z"),
        ])), 400, "messages.1.content.0.signature: ",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", list(HOSTILE))
def test_what_is_hostile_is_answered_or_refused_in_words(
    every_house: House, family: Family, name: str
) -> None:
    body, status, told = HOSTILE[name]
    answer = posted(every_house, body(family.model))
    assert answer.status_code == status, answer.text
    if status == 200:
        return
    refused: Json = answer.json()
    assert refused["type"] == "error"
    assert refused["error"]["type"] == "invalid_request_error"
    assert refused["request_id"] == answer.headers["request-id"]
    assert told in refused["error"]["message"]


@pytest.mark.parametrize("name", ["anthropic", "claude", "bedrock-claude"])
@pytest.mark.parametrize("path", ["/v1/messages", "/v1/messages?beta=true"])
def test_betas_in_several_lines_all_go_on(every_house: House, name: str, path: str) -> None:
    family = every_house.families[name]
    answer = httpx.post(
        f"{every_house.gateway.url}{path}",
        json={"model": family.model, "max_tokens": 100, "messages": [user("Hello")]},
        headers=[*HEADERS.items(), ("anthropic-beta", "a-1"), ("anthropic-beta", "b-2")],
        trust_env=False,
    )
    assert answer.status_code == 200, answer.text
    assert family.fake is not None
    sent = family.fake.requests[-1]
    named = sent.headers.get("anthropic-beta") or ",".join(sent.body["anthropic_beta"])
    assert named == "a-1,b-2"


def test_a_choice_out_of_a_toolset_goes_where_the_toolset_is_known(
    every_house: House, sdk: anthropic.Anthropic, family: Family
) -> None:
    if family.name in CLAUDES:
        pytest.skip("they know what is in it")
    tools = [*TOOLS, {"type": "computer_toolset_20260801"}]
    choice = {"type": "tool", "name": "click"}
    _, headers = ask_raw(sdk, family.model, "Hello", tools=tools, tool_choice=choice)
    assert headers["x-modelmux-adjusted"] == "tools.2.type=dropped, tool_choice=dropped"
    if family.fake is not None:
        assert "click" not in str(family.asked())


@pytest.mark.parametrize(
    "form", [{"type": "adaptive"}, {"type": "enabled", "budget_tokens": 2000}], ids=str
)
def test_claude_thinks_on_converse_too_where_it_is_asked_to(
    every_house: House, sdk: anthropic.Anthropic, form: Json
) -> None:
    family = every_house.families["bedrock"]
    said = ask(sdk, family.model, "think", thinking=form)
    assert next(block.type for block in said.content) == "thinking"
    fields: Any = family.asked()["additionalModelRequestFields"]
    assert fields["thinking"]["type"] == "adaptive"


def test_an_effort_beside_a_budget_is_told_where_one_is_all_there_is(
    every_house: House, sdk: anthropic.Anthropic
) -> None:
    family = every_house.families["cohere"]
    more: Json = {
        "thinking": {"type": "enabled", "budget_tokens": 1500},
        "output_config": {"effort": "low"},
    }
    _, headers = ask_raw(sdk, family.model, "Hello", **more)
    assert headers["x-modelmux-adjusted"] == "output_config.effort=dropped"
    assert family.asked()["thinking"] == {"type": "enabled", "token_budget": 1500}


@pytest.mark.parametrize("name", ["vllm", "openai", "deepseek", "huggingface"])
def test_thinking_that_is_switched_off_stays_so_beside_an_effort(
    every_house: House, sdk: anthropic.Anthropic, name: str
) -> None:
    family = every_house.families[name]
    more: Json = {"thinking": {"type": "disabled"}, "output_config": {"effort": "high"}}
    _, headers = ask_raw(sdk, family.model, "Hello", **more)
    assert headers["x-modelmux-adjusted"] == "output_config.effort=dropped"
    assert family.asked().get("reasoning_effort") != "high"


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/responses"])
def test_ids_that_servers_give_again_are_told_apart_for_claude_too(
    every_house: House, family: Family, path: str
) -> None:
    if path == "/v1/responses":
        turns: list[Json] = [
            item
            for place in range(3)
            for item in (
                {"type": "function_call", "call_id": "call:0", "name": "f", "arguments": "{}"},
                {"type": "function_call_output", "call_id": "call:0", "output": f"result {place}"},
            )
        ]
        tools: Json = {"type": "function", "name": "f", "parameters": {"type": "object"}}
        body: Json = {"input": [user("x"), *turns], "tools": [tools]}
    else:
        call = {"id": "call:0", "type": "function", "function": {"name": "f", "arguments": "{}"}}
        turns = [
            turn
            for place in range(3)
            for turn in (
                {"role": "assistant", "content": None, "tool_calls": [call]},
                {"role": "tool", "tool_call_id": "call:0", "content": f"result {place}"},
            )
        ]
        function: Json = {"name": "f", "parameters": {"type": "object"}}
        tools = {"type": "function", "function": function}
        body = {"messages": [user("x"), *turns], "tools": [tools]}
    answer = posted(every_house, json.dumps({"model": family.model, **body}), path)
    assert answer.status_code == 200, answer.text
    assert "result 2" in answer.text
