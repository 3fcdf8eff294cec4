"""Every member of a request over every provider family: honoured, or changed with a notice.

A member that is honoured shows in what the upstream was sent; one that was left out does not.
"""

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import httpx
import pytest

from tests.integration.responses.conftest import answered
from tests.support.fake_upstream import FakeUpstream, Reply
from tests.support.families import CLAUDES, FAMILIES, Family, House
from tests.support.responses_asking import TOOLS

Json = dict[str, Any]  # Any: JSON

# Those that are sent the Responses API; what keeps nothing of ours is passed on to them unread.
SPOKEN: Final = frozenset({"openai", "azure", "vllm"})
OTHERS: Final = frozenset(FAMILIES) - SPOKEN
# Claude, whatever the language it is asked in.
CLAUDE: Final = (*CLAUDES, "bedrock")
# Those that keep no names of callers, know no penalties, and are not told how wordy to be.
NAMELESS: Final = frozenset(
    {"demo", *CLAUDE, "gemini", "gemini-api", "mistral", "cohere", "ollama"}
)
UNPUNISHED: Final = SPOKEN | {*CLAUDE}
WORDLESS: Final = frozenset(
    {*CLAUDE, "gemini", "gemini-api", "vllm", "deepseek", "mistral", "cohere", "ollama"}
)
LOOSE: Final[list[Json]] = [tool | {"strict": False} for tool in TOOLS]
SCHEMA: Final[Json] = {
    "type": "object",
    "properties": {"said": {"type": "string"}},
    "required": ["said"],
    "additionalProperties": False,
}


@dataclass(frozen=True, slots=True)
class Row:
    """`shown` is in what is sent upstream if the member is honoured, whatever the letters' case.

    `changed` is the notice of the families named in it; those `left_out` are not sent `shown`.
    `kept` rows are asked of what is stored only: else some upstreams are sent them unread.
    """

    members: Json
    shown: str
    notice: str = ""
    changed: Collection[str] = ()
    sent: bool = False
    kept: bool = False
    silent: Collection[str] = field(default=("demo",))

    def __str__(self) -> str:
        return json.dumps(self.members)[:40]


ROWS: Final = (
    Row({"instructions": "Be kind."}, "Be kind."),
    Row({"max_output_tokens": 1051}, "1051"),
    Row({"temperature": 0.53}, "0.53"),
    Row({"temperature": 1.53}, "1.53", "temperature=clamped", {*CLAUDE, "cohere"}),
    Row({"top_p": 0.47}, "0.47"),
    Row({"presence_penalty": 0.31}, "0.31", "presence_penalty=dropped", UNPUNISHED, kept=True),
    Row({"frequency_penalty": 0.31}, "0.31", "frequency_penalty=dropped", UNPUNISHED, kept=True),
    Row(
        {"reasoning": {"effort": "low"}},
        '"low"',
        "reasoning.effort=clamped",  # a switch has no levels
        {"ollama"},
        silent=("demo", "cohere"),  # which is told a number of tokens
    ),
    Row(
        {"reasoning": {"effort": "xhigh"}},
        '"xhigh"',
        "reasoning.effort=clamped",
        {*CLAUDE, "gemini", "gemini-api", "ollama"},
        silent=("demo", "cohere"),
    ),
    Row({"reasoning": {"summary": "auto"}}, '"summary": "auto"', silent=OTHERS),
    Row({"reasoning": {"summary": "detailed"}}, "detailed", "reasoning.summary=clamped", OTHERS),
    Row(
        {"reasoning": {"generate_summary": "concise"}},
        "concise",
        "reasoning.summary=clamped",
        OTHERS,
        kept=True,
    ),
    Row(
        {"reasoning": {"context": "all_turns"}},
        "all_turns",
        "reasoning.context=dropped",
        FAMILIES,
        kept=True,
    ),
    Row({"reasoning": {"mode": "pro"}}, '"pro"', "reasoning.mode=dropped", FAMILIES, kept=True),
    Row({"text": {"verbosity": "low"}}, '"low"', "text.verbosity=dropped", WORDLESS),
    Row(
        {"text": {"format": {"type": "json_object"}}},
        "json",
        "text.format=emulated",
        {*CLAUDE},
        sent=True,
    ),
    Row(
        {"text": {"format": {"type": "json_schema", "name": "a", "schema": SCHEMA}}},
        "additionalProperties",
        "text.format=emulated",
        {"deepseek"},
        sent=True,
    ),
    Row(
        {"tools": LOOSE, "parallel_tool_calls": False},
        "parallel",
        "parallel_tool_calls=emulated",
        {"gemini", "gemini-api", "deepseek", "bedrock", "cohere", "ollama"},
    ),
    Row({"tools": LOOSE, "max_tool_calls": 77}, "77", silent=OTHERS),
    Row({"top_logprobs": 3}, "ogprobs", "top_logprobs=dropped", {*CLAUDE, "cohere"}),
    Row(
        {"include": ["message.output_text.logprobs"]},
        "ogprobs",
        "top_logprobs=dropped",
        {*CLAUDE, "cohere"},
    ),
    Row({"include": ["web_search_call.action.sources"]}, "sources", "include=dropped", OTHERS),
    Row(
        {"metadata": {"team": "red"}},
        '"team": "red"',
        "metadata=dropped",
        {*CLAUDES, "deepseek", "gemini-api", "cohere", "ollama"},
    ),
    Row(
        {"service_tier": "flex"},
        "flex",
        "service_tier=dropped",
        {*CLAUDES, "cohere", "ollama"},
    ),
    Row(
        {"user": "person-8"},
        "person-8",
        "user=dropped",
        {"gemini", "gemini-api", "mistral", "bedrock", "cohere", "ollama"},
    ),
    Row({"safety_identifier": "person-7"}, "person-7", "safety_identifier=dropped", NAMELESS),
    Row(
        {"prompt_cache_key": "key-9"},
        "key-9",
        "prompt_cache_key=dropped",
        {"demo", *CLAUDE, "gemini", "gemini-api", "cohere", "ollama"},
    ),
    Row({"prompt_cache_retention": "24h"}, "24h", "prompt_cache_retention=dropped", NAMELESS),
    Row({"prompt_cache_options": {"ttl": "30m"}}, "30m", "prompt_cache_options=dropped", NAMELESS),
    Row({"truncation": "auto"}, '"truncation": "auto"', silent=OTHERS),
    Row(
        {"context_management": [{"type": "compaction"}]},
        '"compaction"',
        "context_management=dropped",
        OTHERS,
    ),
    Row({"client_metadata": {"a": "b-6"}}, "b-6", "client_metadata=dropped", OTHERS),
)


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_a_member_is_honoured_or_its_change_is_told(
    http: httpx.Client, family: Family, row: Row
) -> None:
    changed = family.name in row.changed
    for store in (True,) if row.kept else (True, False):
        told, notice = answered(http, family, store=store, **row.members)
        assert notice == (row.notice if changed else "")
        assert told["status"] == "completed"
        if family.fake is not None:
            asked = json.dumps(family.asked()).lower()
            honoured = not changed or row.sent
            if family.name not in row.silent:
                assert (row.shown.lower() in asked) is honoured
        if store:
            for name in _REPEATED.intersection(row.members):
                assert told[name] == row.members[name]


_REPEATED: Final = frozenset(
    {
        "instructions", "max_output_tokens", "max_tool_calls", "metadata", "parallel_tool_calls",
        "presence_penalty", "prompt_cache_key", "safety_identifier", "temperature",
        "top_logprobs", "top_p", "truncation", "user",
    }
)  # fmt: skip


def test_null_says_what_nothing_says(http: httpx.Client, family: Family) -> None:
    names = {name for row in ROWS for name in row.members}
    names |= {"previous_response_id", "conversation", "background", "stream", "stream_options"}
    names |= {"tool_choice", "prompt"}
    names -= {"presence_penalty", "frequency_penalty"}  # Open Responses' own, unknown to OpenAI
    for store in (True, False):
        told, notice = answered(http, family, store=store, **dict.fromkeys(names))
        assert (told["status"], notice) == ("completed", "")


def test_formats_hold_wherever_they_are_asked(http: httpx.Client, family: Family) -> None:
    formats: tuple[Json, ...] = (
        {"type": "json_object"},
        {"type": "json_schema", "name": "a", "schema": SCHEMA, "strict": True},
    )
    for wanted in formats:
        told, _ = answered(http, family, text={"format": wanted})
        (text,) = (
            part["text"]
            for item in told["output"]
            if item["type"] == "message"
            for part in item["content"]
        )
        if wanted["type"] == "json_schema":
            assert json.loads(text).keys() == {"said"}
        elif family.name not in (*CLAUDE, "gemini"):  # whose fakes repeat what was said
            assert isinstance(json.loads(text), dict)
        assert told["text"]["format"]["type"] == wanted["type"]


def test_phases_are_kept_and_given_back(http: httpx.Client, every_house: House) -> None:
    family = every_house.families["openai"]
    told, _ = answered(http, family, tools=LOOSE, input="call get_weather and comment")
    phases = [item["phase"] for item in told["output"] if item["type"] == "message"]
    assert phases == ["commentary"]
    kept = http.get(f"/responses/{told['id']}").json()
    assert kept["output"] == told["output"]
    call = next(item for item in told["output"] if item["type"] == "function_call")
    output = {"type": "function_call_output", "call_id": call["call_id"], "output": "sunny"}
    ended, notice = answered(http, family, input=[output], previous_response_id=told["id"])
    assert notice == ""
    assert ended["output"][-1]["phase"] == "final_answer"
    messages = [item for item in family.asked()["input"] if item.get("role") == "assistant"]
    assert [message["phase"] for message in messages] == ["commentary"]
    # Who knows no phases is not told of them.
    claude = every_house.families["claude"]
    _, notice = answered(http, claude, input="and now?", previous_response_id=ended["id"])
    assert notice == "input.phase=dropped"
    assert "phase" not in json.dumps(claude.asked())


_TOO_LONG: Final[Mapping[str, Json]] = {
    "claude": {
        "type": "error",
        "error": {
            "type": "invalid_request_error",
            "message": "prompt is too long: 214132 tokens > 200000 maximum",
        },
    },
    "gemini": {
        "error": {
            "code": 400,
            "status": "INVALID_ARGUMENT",
            "message": "The input token count (1200000) exceeds the maximum number of tokens "
            "allowed (1048576).",
        }
    },
}


@pytest.mark.parametrize("name", ["claude", "gemini"])
def test_truncating_leaves_out_the_oldest_and_parts_no_call_from_its_result(
    http: httpx.Client, every_house: House, name: str
) -> None:
    family = every_house.families[name]
    assert isinstance(family.fake, FakeUpstream)
    history: list[Json] = []
    for number in range(6):
        history += [
            {"role": "user", "content": f"question {number} " + "word " * 50},
            {
                "type": "function_call",
                "call_id": f"c{number}",
                "name": "get_weather",
                "arguments": '{"city":"x"}',
            },
            {"type": "function_call_output", "call_id": f"c{number}", "output": f"out {number}"},
            {"role": "assistant", "content": f"answer {number}"},
        ]
    history.append({"role": "user", "content": "the last question"})
    body = json.dumps(_TOO_LONG[name]).encode()
    family.fake.plan(Reply(400, body))
    refused = http.post(
        "/responses", json={"model": family.model, "input": history, "tools": LOOSE}
    )
    assert refused.status_code == 400
    assert refused.json()["error"]["code"] == "context_length_exceeded"
    begun = len(family.fake.requests)
    family.fake.plan(Reply(400, body), Reply(400, body))
    told, notice = answered(
        http, family, input=history, tools=LOOSE, truncation="auto", instructions="Be kind."
    )
    assert notice == "truncation=truncated"
    assert told["output"][-1]["type"] in ("message", "reasoning")
    sizes = [len(asked.raw) for asked in family.fake.requests[begun:]]
    assert len(sizes) == 3
    assert sizes == sorted(sizes, reverse=True)
    asked = json.dumps(family.asked())
    assert "Be kind." in asked
    assert "the last question" in asked
    assert "question 0" not in asked
    calls = '"tool_use"' if name == "claude" else '"functionCall"'
    results = '"tool_result"' if name == "claude" else '"functionResponse"'
    assert 0 < asked.count(calls) == asked.count(results) < 6
    # All of it is kept, whatever the model was shown.
    items = http.get(f"/responses/{told['id']}/input_items?limit=100").json()["data"]
    assert len(items) == len(history)
