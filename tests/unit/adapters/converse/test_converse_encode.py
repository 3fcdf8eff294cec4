"""Requests as Converse is sent them: what no golden shows."""

import json
from typing import Any

import pytest

from modelmux.adapters.bedrock.ways import Way, capabilities_of
from modelmux.adapters.converse.encode import changes_of, encode_count, encode_request
from modelmux.domain.caching import CacheMark
from modelmux.domain.conversation import (
    DocumentNotes,
    FileData,
    ImageData,
    ImageUrl,
    Message,
    OpaqueItem,
    Proof,
    Reasoning,
    Refusal,
    Role,
    Text,
    ToolCall,
    ToolResult,
    Vendor,
)
from modelmux.domain.dialect import Dialect
from modelmux.domain.effort import Effort
from modelmux.domain.errors import InvalidRequest, UnsupportedFeature
from modelmux.domain.request import Generation, Sampling, SchemaText
from modelmux.domain.tools import AnyTool, FunctionTool, NamedTool, NoTools
from tests.support import converse_rules, converse_shapes
from tests.support.asking import user
from tests.support.claude_rules import sign

CLAUDE = "us.anthropic.claude-sonnet-4-5-20250929-v1:0"
NAME = "anthropic.claude-sonnet-4-5-20250929-v1:0"
NOVA = "us.amazon.nova-pro-v1:0"
OSS = "openai.gpt-oss-120b-1:0"
TOOL = FunctionTool("get_weather", "Weather.", {"type": "object", "properties": {}})
PNG = "iVBORw0KGgo="
PDF = "JVBERi0xLjQK"
# Any: JSON as it is sent.
Json = dict[str, Any]


def sent(content: Generation, model: str = CLAUDE) -> Json:
    can = capabilities_of(model, Way.CONVERSE, "")
    body: Json = json.loads(encode_request(content, model=model, capabilities=can))
    converse_rules.check(body, NAME if model == CLAUDE else model)
    converse_shapes.check(body)
    return body


def blocks(content: Generation, turn: int = 0, model: str = CLAUDE) -> list[Json]:
    found: list[Json] = sent(content, model)["messages"][turn]["content"]
    return found


def test_marks_stand_behind_what_they_mark() -> None:
    mark, long = CacheMark(), CacheMark("1h")
    content = Generation(
        (
            Message(Role.SYSTEM, (Text("Be kind.", cache=long),)),
            Message(Role.USER, (Text("Hi", cache=mark), Text("there"))),
            ToolCall("c1", "get_weather", "{}"),
            ToolResult("c1", (Text("sunny", cache=mark),)),
        ),
        (FunctionTool("get_weather", None, None, cache=mark),),
    )
    body = sent(content)
    point: Json = {"cachePoint": {"type": "default"}}
    assert body["system"] == [
        {"text": "Be kind."},
        {"cachePoint": {"type": "default", "ttl": "1h"}},
    ]
    assert body["messages"][0]["content"] == [{"text": "Hi"}, point, {"text": "there"}]
    assert body["messages"][2]["content"][1] == point
    assert body["toolConfig"]["tools"][1] == point


def test_a_mark_for_all_stands_at_the_end() -> None:
    content = Generation((user("Hi"),), cache=CacheMark("5m"))
    assert blocks(content)[-1] == {"cachePoint": {"type": "default", "ttl": "5m"}}
    assert blocks(content, model=NOVA)[-1] == {"cachePoint": {"type": "default"}}
    assert changes_of(content, model=CLAUDE) == []
    assert [one.action for one in changes_of(content, model=NOVA)] == ["dropped"]


def test_spans_of_other_vendors_become_the_nearest() -> None:
    content = Generation((Message(Role.USER, (Text("Hi", cache=CacheMark("30m")),)),))
    assert blocks(content)[1]["cachePoint"]["ttl"] == "1h"


def test_results_come_first_with_their_status_and_images() -> None:
    content = Generation(
        (
            user("Hi"),
            ToolCall("a", "get_weather", '{"city":"Rome"}'),
            ToolCall("b", "get_weather", ""),
            ToolResult("b", (Text(" "),), is_error=True),
            ToolResult("a", (ImageData("image/png", PNG), Text("a map"))),
            user("Well?"),
        ),
        (TOOL,),
    )
    assert blocks(content, 1)[1]["toolUse"]["input"] == {}
    first, second, text = blocks(content, 2)
    assert first["toolResult"] == {
        "toolUseId": "b",
        "content": [{"text": "(no output)"}],
        "status": "error",
    }
    image = {"format": "png", "source": {"bytes": PNG}}
    assert second["toolResult"]["content"] == [{"image": image}, {"text": "a map"}]
    assert "status" not in second["toolResult"]
    assert text == {"text": "Well?"}


def test_long_ids_are_shortened_alike_in_call_and_result() -> None:
    call_id = "call/" + "x" * 80
    content = Generation(
        (user("Hi"), ToolCall(call_id, "get_weather", "{}"), ToolResult(call_id, (Text("y"),))),
        (TOOL,),
    )
    made = blocks(content, 1)[0]["toolUse"]["toolUseId"]
    assert len(made) <= 64
    assert blocks(content, 2)[0]["toolResult"]["toolUseId"] == made


def test_documents_have_lawful_names_each_once_and_a_text_beside_them() -> None:
    notes = DocumentNotes("from 2025", citations=True)
    files = (
        FileData("application/pdf", PDF, "Q3/report  v2.final.pdf", notes),
        FileData("text/csv", PDF, "report v2_final.csv"),
        FileData("text/plain; charset=utf-8", PDF, "\u2603.txt"),
        FileData("text/markdown", PDF),
    )
    said = blocks(Generation((Message(Role.USER, files),)))
    documents = [block["document"] for block in said[:4]]
    assert [one["name"] for one in documents] == [
        "report v2 final",
        "report v2 final 2",
        "document",
        "document 2",
    ]
    assert [one["format"] for one in documents] == ["pdf", "csv", "txt", "md"]
    assert documents[0]["context"] == "from 2025"
    assert documents[0]["citations"] == {"enabled": True}
    assert "text" in said[4]


@pytest.mark.parametrize("model", ["", CLAUDE])
def test_thoughts_go_back_to_the_model_that_signed_them(model: str) -> None:
    thought = "Let me think."
    items = (
        user("Hi"),
        Reasoning(thought, Proof(Vendor.ANTHROPIC, model, "signature", sign(NAME, thought))),
        Reasoning(
            "", Proof(Vendor.ANTHROPIC, model, "redacted_thinking", converse_rules.redacted(NAME))
        ),
        ToolCall("c", "get_weather", "{}"),
        ToolResult("c", (Text("sunny"),)),
    )
    said = blocks(Generation(items, (TOOL,), effort=Effort.LOW), 1)
    assert said[0]["reasoningContent"]["reasoningText"]["text"] == thought
    assert said[1]["reasoningContent"].keys() == {"redactedContent"}


@pytest.mark.parametrize(
    "proof",
    [
        None,
        Proof(Vendor.ANTHROPIC, "claude-opus-4-8", "signature", "x"),
        Proof(Vendor.GOOGLE, CLAUDE, "thought_signature", "x"),
    ],
)
def test_thoughts_of_others_are_left_out_and_a_turn_goes_on_without(proof: Proof | None) -> None:
    items = (
        user("Hi"),
        Reasoning("Hm.", proof),
        ToolCall("c", "get_weather", "{}"),
        ToolResult("c", (Text("sunny"),)),
    )
    body = sent(Generation(items, (TOOL,), effort=Effort.HIGH))
    assert body["messages"][1]["content"][0].keys() == {"toolUse"}
    assert "additionalModelRequestFields" not in body


@pytest.mark.parametrize(
    ("model", "effort", "fields", "output"),
    [
        (OSS, Effort.LOW, {"reasoning_effort": "low"}, None),
        (
            "us.amazon.nova-2-lite-v1:0",
            Effort.HIGH,
            {"reasoningConfig": {"type": "enabled", "maxReasoningEffort": "high"}},
            None,
        ),
        (
            "us.anthropic.claude-opus-4-6-v1",
            Effort.MAX,
            {"thinking": {"type": "adaptive", "display": "summarized"}},
            {"effort": "max"},
        ),
        (
            "us.anthropic.claude-opus-5-v1",
            Effort.NONE,
            {"thinking": {"type": "disabled"}},
            None,
        ),
        (CLAUDE, None, None, None),
        (NOVA, Effort.NONE, None, None),
    ],
)
def test_each_vendors_model_is_told_to_think_in_its_own_members(
    model: str, effort: Effort | None, fields: Json | None, output: Json | None
) -> None:
    body = sent(Generation((user("Hi"),), effort=effort), model)
    assert body.get("additionalModelRequestFields") == fields
    assert body.get("outputConfig") == output


def test_the_draw_is_told_in_each_vendors_members() -> None:
    drawn = Sampling(temperature=0.5, top_p=0.9, top_k=7, stop=("X",))
    body = sent(Generation((user("Hi"),), sampling=drawn, max_output_tokens=9))
    assert body["inferenceConfig"] == {
        "maxTokens": 9,
        "temperature": 0.5,
        "topP": 0.9,
        "stopSequences": ["X"],
    }
    assert body["additionalModelRequestFields"] == {"top_k": 7}
    nova = sent(Generation((user("Hi"),), sampling=drawn), NOVA)
    assert nova["additionalModelRequestFields"] == {"inferenceConfig": {"topK": 7}}
    with pytest.raises(UnsupportedFeature) as caught:
        sent(Generation((user("Hi"),), sampling=drawn), "meta.llama4-v1:0")
    assert caught.value.param == "top_k"


def test_a_schema_is_text_in_its_own_order() -> None:
    schema: Json = {"type": "object", "properties": {"b": {}, "a": {}}, "required": ["b"]}
    body = sent(Generation((user("Hi"),), output_format=SchemaText("city", schema)))
    told = body["outputConfig"]["textFormat"]["structure"]["jsonSchema"]
    assert told["name"] == "city"
    assert told["schema"] == json.dumps(schema, separators=(",", ":"))


@pytest.mark.parametrize(
    ("choice", "said"),
    [
        (AnyTool(), {"any": {}}),
        (NamedTool("get_weather"), {"tool": {"name": "get_weather"}}),
    ],
)
def test_a_forced_call_is_asked_for(choice: AnyTool | NamedTool, said: Json) -> None:
    body = sent(Generation((user("Hi"),), (TOOL,), choice))
    assert body["toolConfig"]["toolChoice"] == said


def test_no_tools_is_said_by_leaving_them_out_or_in_words() -> None:
    assert "toolConfig" not in sent(Generation((user("Hi"),), (TOOL,), NoTools()))
    items = (user("Hi"), ToolCall("c", "get_weather", "{}"), ToolResult("c", (Text("y"),)))
    content = Generation(items, (TOOL,), NoTools())
    body = sent(content)
    assert "toolChoice" not in body["toolConfig"]
    assert "without calling any tool" in body["system"][-1]["text"]
    assert [one.param for one in changes_of(content, model=CLAUDE)] == ["tool_choice"]


def test_metadata_and_tier_have_their_places() -> None:
    metadata = {f"k{number}": "v" for number in range(20)} | {"bad": "caf\u00e9"}
    content = Generation((user("Hi"),), metadata=metadata, service_tier="flex")
    body = sent(content)
    assert len(body["requestMetadata"]) == 16
    assert body["serviceTier"] == {"type": "flex"}
    assert [one.param for one in changes_of(content, model=CLAUDE)] == ["metadata"]
    with pytest.raises(UnsupportedFeature, match="scale"):
        sent(Generation((user("Hi"),), service_tier="scale"))


def test_what_is_counted_is_what_costs() -> None:
    content = Generation((user("Hi"),), (TOOL,), max_output_tokens=5, metadata={"a": "b"})
    can = capabilities_of(NOVA, Way.CONVERSE, "")
    body = json.loads(encode_count(content, model=NOVA, capabilities=can))
    assert body["input"]["converse"].keys() == {"messages", "toolConfig"}
    converse_shapes.check(body, "CountTokensRequest")


@pytest.mark.parametrize(
    ("items", "told"),
    [
        ((), "no content"),
        ((user(" "),), "no content"),
        ((ToolResult("c", (Text("x"),)),), "answers no call"),
        ((user("a"), ToolCall("c", "t", "{}")), "no result"),
        ((user("a"), ToolCall("c", "t", "{}"), ToolCall("c", "t", "{}")), "the id 'c'"),
    ],
)
def test_a_broken_order_is_told_before_anybody_is_asked(items: Any, told: str) -> None:
    with pytest.raises(InvalidRequest, match=told):
        sent(Generation(items, (TOOL,)))


@pytest.mark.parametrize(
    "part",
    [
        ImageUrl("https://a.test/x.png"),
        ImageData("image/tiff", PNG),
        FileData("application/zip", PDF),
    ],
)
def test_what_cannot_be_said_is_refused_by_name(part: Any) -> None:
    with pytest.raises(UnsupportedFeature):
        sent(Generation((Message(Role.USER, (Text("x"), part)),)))


def test_items_of_other_languages_are_refused() -> None:
    with pytest.raises(UnsupportedFeature):
        sent(Generation((user("a"), OpaqueItem("web_search_call", {}, Dialect.RESPONSES))))


def test_the_assistant_may_have_spoken_first_and_last() -> None:
    items = (
        Message(Role.ASSISTANT, (Refusal("No. "),)),
        user("Why?"),
        Message(Role.ASSISTANT, (Text("Because "),)),
    )
    turns = sent(Generation(items))["messages"]
    assert [turn["role"] for turn in turns] == ["user", "assistant", "user", "assistant"]
    assert turns[-1]["content"] == [{"text": "Because"}]


def test_a_later_instruction_is_refused() -> None:
    later = Message(Role.SYSTEM, (Text("New rule."),))
    with pytest.raises(UnsupportedFeature, match="no system messages there"):
        encode_request(
            Generation((user("Hi"), later)),
            model=CLAUDE,
            capabilities=capabilities_of(CLAUDE, Way.CONVERSE, ""),
        )
