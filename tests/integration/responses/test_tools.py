"""Tools of every kind, and the choice among them, over every provider family."""

import json
from pathlib import Path
from typing import Any, Final

import httpx
import openai
import pytest

from tests.integration.responses.conftest import answered
from tests.support.families import CALLER_KEY, Family
from tests.support.responses_asking import TOOLS, calls_of, lawful
from tests.support.sdk_asking import TWO_CALLS
from tests.support.serving import serving

Json = dict[str, Any]  # Any: JSON

LOOSE: Final[list[Json]] = [tool | {"strict": False} for tool in TOOLS]
PATCH: Final[Json] = {
    "type": "custom",
    "name": "patch",
    "description": "Edits.",
    "format": {"type": "grammar", "syntax": "lark", "definition": "start: /only this/"},
}
CRM: Final[Json] = {
    "type": "namespace",
    "name": "crm",
    "description": "Customers.",
    "tools": [TOOLS[0] | {"name": "find"}, PATCH | {"name": "note"}],
}
SEARCH: Final[Json] = {"type": "web_search"}


def called(told: Json) -> list[tuple[str, str | None, str]]:
    return [
        (item["type"], item.get("namespace"), item["name"])
        for item in told["output"]
        if item["type"].endswith("_call")
    ]


def test_calls_outside_of_the_allowed_tools_are_suppressed(
    sdk: openai.OpenAI, family: Family
) -> None:
    for mode in ("auto", "required"):
        allowed = {"mode": mode, "tools": [{"type": "function", "name": "get_time"}]}
        more: Json = {"tools": LOOSE, "tool_choice": {"type": "allowed_tools", **allowed}}
        told = lawful(sdk, family.model, "call get_weather, get_time", **more)
        assert {call.name for call in calls_of(told)} <= {"get_time"}
        assert calls_of(told)
        assert told.status == "completed"


def test_one_call_is_told_where_parallel_calls_are_not_wanted(
    sdk: openai.OpenAI, family: Family
) -> None:
    more: Json = {"tools": LOOSE, "parallel_tool_calls": False}
    told = lawful(sdk, family.model, TWO_CALLS, **more)
    assert [call.name for call in calls_of(told)] == ["get_weather"]


def test_tools_are_not_called_where_none_may_be(http: httpx.Client, family: Family) -> None:
    told, _ = answered(http, family, tools=LOOSE, tool_choice="none", input="call get_weather")
    assert called(told) == []


CHOICES: Final[tuple[tuple[object, tuple[str, str | None, str]], ...]] = (
    ("required", ("function_call", None, "get_weather")),
    ({"type": "function", "name": "get_time"}, ("function_call", None, "get_time")),
    ({"type": "custom", "name": "patch"}, ("custom_tool_call", None, "patch")),
    ({"type": "function", "name": "find"}, ("function_call", "crm", "find")),
    ({"type": "custom", "name": "note"}, ("custom_tool_call", "crm", "note")),
    (
        {
            "type": "allowed_tools",
            "mode": "required",
            "tools": [{"type": "namespace", "name": "crm"}],
        },
        ("function_call", "crm", "find"),
    ),
)


@pytest.mark.parametrize(("choice", "expected"), CHOICES, ids=str)
def test_what_is_chosen_is_called(
    http: httpx.Client, family: Family, choice: object, expected: tuple[str, str | None, str]
) -> None:
    tools = [*LOOSE, PATCH, CRM]
    told, _ = answered(http, family, tools=tools, tool_choice=choice, input="Hi")
    if family.name in ("openai", "azure") and "allowed" in str(choice):
        assert family.asked()["tool_choice"] == choice
    else:
        assert called(told) == [expected]
    assert told["tool_choice"] == choice


def test_a_grammar_goes_upstream_and_free_text_comes_back(
    http: httpx.Client, family: Family
) -> None:
    told, notice = answered(http, family, tools=[PATCH], input="call patch")
    ((kind, _, name),) = called(told)
    assert (kind, name) == ("custom_tool_call", "patch")
    call = next(item for item in told["output"] if item["type"] == kind)
    assert isinstance(call["input"], str)
    assert not call["input"].startswith("{")
    native = family.name in ("demo", "openai", "azure", "azure-deployments")
    assert notice == ("" if native else "tools=emulated")
    if family.fake is not None:
        assert "start: /only this/" in json.dumps(family.asked())
    output = {"type": "custom_tool_call_output", "call_id": call["call_id"], "output": "patched"}
    ended, _ = answered(
        http, family, tools=[PATCH], input=[output], previous_response_id=told["id"]
    )
    (message,) = [item for item in ended["output"] if item["type"] == "message"]
    assert "patched" in message["content"][0]["text"]


def test_tools_that_nobody_runs_here_are_left_out_and_told(
    http: httpx.Client, family: Family
) -> None:
    for store in (True, False):
        told, notice = answered(http, family, tools=[LOOSE[0], SEARCH], store=store)
        runs = family.name in ("openai", "azure")
        assert notice == ("" if runs else "tools[1].type=dropped")
        if family.fake is not None:
            assert ("web_search" in json.dumps(family.asked())) is runs
        assert len(told["tools"]) == 2


def test_under_a_strict_policy_they_are_refused(tmp_path: Path) -> None:
    config = '[routing]\npolicy = "reject"\n[[providers]]\nname = "demo"\ntype = "demo"\n'
    environment = {"MODELMUX_API_KEY": CALLER_KEY}
    with serving(tmp_path, config=config, environment=environment) as gateway:
        body = {"model": "demo", "input": "Hi", "tools": [LOOSE[0], SEARCH]}
        headers = {"authorization": f"Bearer {CALLER_KEY}"}
        for stream in (False, True):
            answer = httpx.post(
                f"{gateway.url}/v1/responses",
                json=body | {"stream": stream},
                headers=headers,
                trust_env=False,
            )
            assert answer.status_code == 400
            error = answer.json()["error"]
            assert error["param"] == "tools[1].type"
            assert "web_search" in error["message"]
