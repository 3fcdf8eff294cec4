"""What the golden table cannot show of the Messages language: refusals, proofs, budgets."""

import json
import re
from dataclasses import replace
from typing import Any

import pytest
from msgspec import Raw

from modelmux.adapters.anthropic_messages.blocks import encode_call_id
from modelmux.adapters.anthropic_messages.capabilities import (
    BEDROCK_BASE,
    DIRECT_BASE,
    NO_SAMPLING,
    RULES,
    VERTEX_BASE,
    VERTEX_RULES,
)
from modelmux.adapters.anthropic_messages.encode import encode_request
from modelmux.domain.caching import CacheMark
from modelmux.domain.capabilities import ImageInput, Structured, Thinking, resolve
from modelmux.domain.conversation import (
    Audio,
    DocumentNotes,
    FileData,
    FileReference,
    FileUrl,
    ImageData,
    ImageReference,
    ImageUrl,
    Item,
    Message,
    OpaqueItem,
    OpaquePart,
    Part,
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
from modelmux.domain.errors import InvalidRequest, UnsupportedFeature
from modelmux.domain.json_values import JsonObject
from modelmux.domain.request import Generation, JsonText, Sampling, SchemaText
from modelmux.domain.thinking import (
    AdaptiveThinking,
    NoThinking,
    ThinkingBetweenTools,
    ThinkingBudget,
    ThinkingWish,
)
from modelmux.domain.tools import AnyTool, BuiltinTool, FunctionTool, HostedTool
from tests.support.turns import user

BUDGET_MODEL = "claude-sonnet-4-5@20250929"
HELLO = Generation((user("Hello"),))


def encode(content: Generation, model: str = BUDGET_MODEL, version: str | None = None) -> Any:
    record = resolve(DIRECT_BASE, RULES, model)
    return json.loads(
        encode_request(content, model=model, stream=False, capabilities=record, version=version)
    )


def said_by_user(*parts: Part) -> Generation:
    return Generation((Message(Role.USER, parts),))


@pytest.mark.parametrize(
    ("changes", "param"),
    [
        ({"sampling": Sampling(candidates=2)}, "n"),
        ({"sampling": Sampling(logprobs=True)}, "logprobs"),
        ({"sampling": Sampling(presence_penalty=1)}, "presence_penalty"),
        ({"sampling": Sampling(frequency_penalty=1)}, "frequency_penalty"),
        ({"sampling": Sampling(seed=0)}, "seed"),
        ({"sampling": Sampling(logit_bias={"1": 2})}, "logit_bias"),
        ({"sampling": Sampling(temperature=1.5)}, "temperature"),
        ({"sampling": Sampling(stop=("END", " \n"))}, "stop"),
        ({"output_format": JsonText()}, "response_format"),
        ({"metadata": {"a": "b"}}, "metadata"),
        ({"verbosity": "low"}, "verbosity"),
        ({"service_tier": "flex"}, "service_tier"),
        ({"sampling": Sampling(temperature=0.5), "effort": Effort.LOW}, "temperature"),
        ({"tools": (FunctionTool("f"),), "tool_choice": AnyTool(), "effort": Effort.LOW},
         "tool_choice"),
    ],
)  # fmt: skip
def test_what_claude_cannot_be_told_is_refused_by_name(changes: dict[str, Any], param: str) -> None:
    with pytest.raises(UnsupportedFeature) as raised:
        encode(replace(HELLO, **changes))
    assert raised.value.param == param


@pytest.mark.parametrize("sampling", [Sampling(temperature=0.5), Sampling(top_p=0.5)])
def test_the_newest_version_marker_knows_no_sampling(sampling: Sampling) -> None:
    content = replace(HELLO, sampling=sampling)
    assert encode(content, version="vertex-2023-10-16")["messages"]
    with pytest.raises(UnsupportedFeature):
        encode(content, version="2026-10-21")


@pytest.mark.parametrize(
    "part",
    [
        Audio("UklGRg==", "wav"),
        ImageData("image/bmp", "Qk0="),
        ImageUrl("gs://bucket/a.png"),
        FileData("application/zip", "UEs="),
    ],
)
def test_parts_without_a_block_are_refused(part: Part) -> None:
    with pytest.raises(UnsupportedFeature) as raised:
        encode(said_by_user(part))
    assert raised.value.param == "messages"


def test_an_image_may_stay_a_url_where_the_target_fetches_it() -> None:
    content = said_by_user(ImageUrl("https://example.org/a.png"))
    source = encode(content)["messages"][0]["content"][0]["source"]
    assert source == {"type": "url", "url": "https://example.org/a.png"}
    with pytest.raises(UnsupportedFeature):
        encode_request(content, model="claude-x", stream=False, capabilities=VERTEX_BASE)


def test_a_text_file_is_sent_as_text() -> None:
    content = said_by_user(FileData("text/markdown", "IyBIaQ==", "a.md"))
    assert encode(content)["messages"][0]["content"][0] == {
        "type": "document",
        "source": {"type": "text", "media_type": "text/plain", "data": "# Hi"},
        "title": "a.md",
    }
    with pytest.raises(InvalidRequest):
        encode(said_by_user(FileData("text/plain", "/w==")))


CALL = ToolCall("c1", "f", "{}")
RESULT = ToolResult("c1", (Text("done"),))


@pytest.mark.parametrize(
    "items",
    [
        (user("a"), CALL),
        (user("a"), CALL, user("b"), Message(Role.ASSISTANT, (Text("c"),)), RESULT),
        (user("a"), RESULT),
        (user("a"), CALL, RESULT, RESULT),
        (user("a"), CALL, CALL, RESULT),
        (user(""),),
        (),
    ],
    ids=["open call", "late", "no call", "answered twice", "two of one id", "blank", "nothing"],
)
def test_an_order_that_claude_does_not_take_is_the_callers_error(items: tuple[Item, ...]) -> None:
    with pytest.raises(InvalidRequest) as raised:
        encode(Generation(items, (FunctionTool("f"),)))
    assert raised.value.param == "messages"


def test_results_come_before_the_words_that_were_said_before_them() -> None:
    failed = ToolResult("c2", (), is_error=True)
    items = (user("a"), CALL, ToolCall("c2", "f", ""), user("wait"), RESULT, failed)
    assert encode(Generation(items, (FunctionTool("f"),)))["messages"][2]["content"] == [
        {"type": "tool_result", "tool_use_id": "c1", "content": "done"},
        {"type": "tool_result", "tool_use_id": "c2", "is_error": True},
        {"type": "text", "text": "wait"},
    ]


def thought(value: str, model: str = BUDGET_MODEL, kind: str = "signature") -> Reasoning:
    return Reasoning("hm", Proof(Vendor.ANTHROPIC, model, kind, value))


def test_only_this_models_own_thoughts_go_back() -> None:
    items = (
        user("a"),
        Reasoning("unproven"),
        thought("other", model="claude-opus-4-5"),
        Reasoning("google's", Proof(Vendor.GOOGLE, BUDGET_MODEL, "thought_signature", "x")),
        thought("own"),
        thought("hidden", kind="redacted_thinking"),
        CALL,
        RESULT,
    )
    assert encode(Generation(items, (FunctionTool("f"),)))["messages"][1]["content"] == [
        {"type": "thinking", "thinking": "hm", "signature": "own"},
        {"type": "redacted_thinking", "data": "hidden"},
        {"type": "tool_use", "id": "c1", "name": "f", "input": {}},
    ]


def test_thoughts_that_led_to_nothing_are_left_out() -> None:
    items = (user("a"), thought("x"), user("b"))
    assert encode(Generation(items))["messages"] == [
        {"role": "user", "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]}
    ]


@pytest.mark.parametrize(
    ("effort", "asked", "max_tokens", "budget"),
    [
        (Effort.LOW, None, 18048, 2048),
        (Effort.MAX, None, 64000, 48000),
        (Effort.HIGH, 10_000, 10_000, 7500),
        (Effort.LOW, 10_000, 10_000, 2048),
        (Effort.HIGH, 1025, 1025, 1024),
        (Effort.HIGH, 100, 1124, 1024),
    ],
)
def test_a_budget_stays_below_the_limit_it_counts_into(
    effort: Effort, asked: int | None, max_tokens: int, budget: int
) -> None:
    body = encode(replace(HELLO, effort=effort, max_output_tokens=asked))
    assert body["max_tokens"] == max_tokens
    assert body["thinking"] == {"type": "enabled", "budget_tokens": budget}


def test_thinking_is_shown_only_where_it_is_wanted() -> None:
    quiet = replace(HELLO, effort=Effort.LOW, reasoning_text=False)
    assert "thinking" not in encode(quiet, "claude-sonnet-5-5")
    omitted = {"type": "adaptive", "display": "omitted"}
    assert encode(quiet, "claude-opus-4-8")["thinking"] == omitted


def test_schemas_go_as_they_were_fitted() -> None:
    schema: JsonObject = {"type": "object", "properties": {"items": {"type": "string"}}}
    body = encode(replace(HELLO, output_format=SchemaText("x", schema)))
    assert body["output_config"]["format"]["schema"] == schema


def test_ids_outside_the_alphabet_are_mapped_and_never_meet() -> None:
    assert encode_call_id("toolu_01-x") == "toolu_01-x"
    assert len({encode_call_id(one) for one in ("a.b", "a:b", "a_b", "", "a b")}) == 5
    assert encode_call_id("a.b") == encode_call_id("a.b")


@pytest.mark.parametrize(
    ("model", "thinking", "off", "forced", "sampling"),
    [
        ("claude-sonnet-4@20250514", Thinking.BUDGET, True, True, True),
        ("claude-sonnet-4-5@20250929", Thinking.BUDGET, True, True, True),
        ("claude-opus-4-6", Thinking.ADAPTIVE, True, True, True),
        ("claude-opus-4-8", Thinking.ADAPTIVE, True, True, False),
        ("claude-opus-5", Thinking.EFFORT, True, True, False),
        ("claude-haiku-5-5", Thinking.EFFORT, True, True, False),
        ("claude-sonnet-5-5", Thinking.EFFORT, False, False, False),
        ("claude-opus-5-5@20261001", Thinking.EFFORT, False, False, False),
        ("claude-3-5-haiku@20241022", Thinking.NONE, True, True, True),
    ],
)
def test_the_rules_tell_the_models_apart(
    model: str, thinking: Thinking, off: bool, forced: bool, sampling: bool
) -> None:
    record = resolve(VERTEX_BASE, VERTEX_RULES, model)
    assert (record.thinking, record.thinking_off) == (thinking, off)
    assert record.forced_tool_choice is forced
    assert ("temperature" in record.sampling) is sampling
    assert record.image_input is ImageInput.BYTES
    assert (record.structured is Structured.NONE) == model.startswith(
        ("claude-3", "claude-sonnet-4@")
    )
    assert resolve(VERTEX_BASE, (*VERTEX_RULES, NO_SAMPLING), model).sampling == {"stop"}


MARK = CacheMark()
MARKED = {"type": "ephemeral"}
NEWEST = "claude-opus-4-8"


def test_marks_stand_where_the_caller_set_them() -> None:
    items = (
        Message(Role.SYSTEM, (Text("Be brief.", cache=CacheMark("1h")),)),
        Message(Role.USER, (ImageData("image/png", "aGk=", cache=MARK), Text("Look", cache=MARK))),
        ToolCall("c1", "f", "{}", cache=MARK),
        ToolResult("c1", (Text("out"),), cache=MARK),
        Message(Role.USER, (FileData("application/pdf", "aGk=", cache=MARK),)),
    )
    tool = FunctionTool("f", cache=CacheMark("5m"))
    body = encode(Generation(items, (tool,), cache=MARK), NEWEST)
    assert body["cache_control"] == MARKED
    assert body["tools"][0]["cache_control"] == {"type": "ephemeral", "ttl": "5m"}
    assert body["system"] == [
        {"type": "text", "text": "Be brief.", "cache_control": {"type": "ephemeral", "ttl": "1h"}}
    ]
    blocks = [block for turn in body["messages"] for block in turn["content"]]
    assert [block["type"] for block in blocks if block["cache_control"] == MARKED] == [
        "image", "text", "tool_use", "tool_result", "document",
    ]  # fmt: skip


def test_the_ends_of_a_callers_system_blocks_are_kept() -> None:
    two = Message(Role.SYSTEM, (Text("Who you are."), Text("What to do.")))
    assert [block["text"] for block in encode(Generation((two, user("Hi"))))["system"]] == [
        "Who you are.",
        "What to do.",
    ]
    apart = (Message(Role.SYSTEM, (Text("A"),)), Message(Role.DEVELOPER, (Text("B"),)))
    assert encode(Generation((*apart, user("Hi"))))["system"] == "A\n\nB"


def test_documents_keep_what_is_said_of_them() -> None:
    notes = DocumentNotes("of last year", citations=True)
    content = said_by_user(
        FileUrl("https://a.test/a.pdf", "A", notes),
        FileReference("file_1"),
        ImageReference("file_2"),
        OpaquePart("search_result", {"type": "search_result", "title": "T"}, Dialect.MESSAGES),
    )
    assert encode(content, NEWEST)["messages"][0]["content"] == [
        {
            "type": "document",
            "source": {"type": "url", "url": "https://a.test/a.pdf"},
            "title": "A",
            "context": "of last year",
            "citations": {"enabled": True},
        },
        {"type": "document", "source": {"type": "file", "file_id": "file_1"}},
        {"type": "image", "source": {"type": "file", "file_id": "file_2"}},
        {"type": "search_result", "title": "T"},
    ]


@pytest.mark.parametrize(
    "content",
    [
        said_by_user(OpaquePart("input_video", {"type": "input_video"}, Dialect.RESPONSES)),
        Generation((OpaqueItem("mcp_call", {"type": "mcp_call"}), user("Hi"))),
        replace(HELLO, tools=(HostedTool("web_search", {"type": "web_search"}),)),
    ],
)
def test_what_other_vendors_servers_understand_is_refused(content: Generation) -> None:
    with pytest.raises(UnsupportedFeature):
        encode(content, NEWEST)


def test_what_only_anthropic_understands_goes_out_as_it_came() -> None:
    search: JsonObject = {"type": "server_tool_use", "id": "s", "name": "web_search", "input": {}}
    bash: JsonObject = {"type": "bash_20250124", "name": "bash"}
    web: JsonObject = {"type": "web_search_20260318", "name": "web_search", "max_uses": 2}
    cited: JsonObject = {"type": "char_location", "cited_text": "x"}
    foreign: JsonObject = {"type": "url_citation", "url": "https://a.test"}
    items = (
        user("Hi"),
        OpaqueItem("server_tool_use", search, Dialect.MESSAGES),
        Message(Role.ASSISTANT, (Text("So.", (cited, foreign)),)),
        user("Go on"),
    )
    tools = (
        BuiltinTool("bash_20250124", "bash", bash),
        HostedTool("web_search_20260318", web, Dialect.MESSAGES),
        FunctionTool("f", extras={"defer_loading": True}),
    )
    content = Generation(items, tools, extras={"container": Raw(b'"c"'), "model": Raw(b'"x"')})
    body = encode(content, NEWEST)
    assert body["messages"][1]["content"] == [
        search,
        {"type": "text", "text": "So.", "citations": [cited]},
    ]
    assert body["tools"][:2] == [bash, web]
    assert body["tools"][2]["defer_loading"] is True
    assert body["tools"][2]["name"] == "f"
    assert body["container"] == "c"
    assert body["model"] == NEWEST


@pytest.mark.parametrize(
    ("model", "wish", "thinking"),
    [
        (BUDGET_MODEL, ThinkingBudget(2000), {"type": "enabled", "budget_tokens": 2000}),
        (BUDGET_MODEL, NoThinking(), {"type": "disabled"}),
        ("claude-opus-4-6", ThinkingBudget(2000), {"type": "enabled", "budget_tokens": 2000}),
        (NEWEST, AdaptiveThinking(), {"type": "adaptive"}),
        (NEWEST, NoThinking(), {"type": "disabled"}),
        ("claude-sonnet-5-5", ThinkingBetweenTools(), {"type": "between_tools"}),
        ("claude-opus-5", NoThinking(), {"type": "disabled"}),
    ],
)
@pytest.mark.parametrize(
    ("shown", "display"), [(None, None), (True, "summarized"), (False, "omitted")]
)
def test_a_wish_is_said_in_the_callers_own_words(
    model: str, wish: ThinkingWish, thinking: JsonObject, shown: bool | None, display: str | None
) -> None:
    content = replace(HELLO, thinking=wish, reasoning_text=shown, max_output_tokens=4096)
    wanted = dict(thinking)
    if display is not None and not isinstance(wish, NoThinking):
        wanted["display"] = display
    body = encode(content, model)
    assert body["thinking"] == wanted
    assert body["max_tokens"] == 4096


@pytest.mark.parametrize(
    ("model", "wish"),
    [
        (BUDGET_MODEL, AdaptiveThinking()),
        (NEWEST, ThinkingBudget(2000)),
        (NEWEST, ThinkingBetweenTools()),
        ("claude-opus-5-5", NoThinking()),
        ("claude-3-5-haiku", ThinkingBudget(2000)),
    ],
)
def test_a_wish_that_a_model_has_no_word_for_is_refused_by_name(
    model: str, wish: ThinkingWish
) -> None:
    with pytest.raises(UnsupportedFeature):
        encode(replace(HELLO, thinking=wish), model)


def test_an_effort_alone_leaves_thinking_to_the_model_if_messages_said_so() -> None:
    body = encode(replace(HELLO, effort=Effort.LOW, reasoning_text=None), "claude-opus-4-6")
    assert body["output_config"] == {"effort": "low"}
    assert "thinking" not in body


def test_no_token_at_all_warms_the_cache() -> None:
    assert encode(replace(HELLO, max_output_tokens=0), NEWEST)["max_tokens"] == 0


@pytest.mark.parametrize("model", ["claude-sonnet-5-5", BUDGET_MODEL])
def test_a_signature_without_a_models_name_goes_to_every_model(model: str) -> None:
    thought = Reasoning("Hm.", Proof(Vendor.ANTHROPIC, "", "signature", "sig"))
    said = Message(Role.ASSISTANT, (Text("So."),))
    body = encode(Generation((user("Hi"), thought, said, user("Go on"))), model)
    assert body["messages"][1]["content"][0] == {
        "type": "thinking",
        "thinking": "Hm.",
        "signature": "sig",
    }


def later_system(*before: Item) -> Any:
    rule = Message(Role.SYSTEM, (Text("New rule."),))
    return encode(Generation((*before, rule)), NEWEST)["messages"]


def test_later_system_messages_are_turns_where_the_model_takes_them() -> None:
    assert later_system(user("Hi"))[-1] == {"role": "system", "content": "New rule."}
    result = (ToolCall("c", "f", "{}"), ToolResult("c", (Text("out"),)))
    assert [turn["role"] for turn in later_system(user("Hi"), *result)] == [
        "user", "assistant", "user", "system",
    ]  # fmt: skip


def test_system_messages_elsewhere_are_refused() -> None:
    rule = Message(Role.SYSTEM, (Text("New rule."),))
    with pytest.raises(UnsupportedFeature, match="no system messages there"):
        encode(Generation((user("Hi"), rule)), "claude-opus-4-6")
    calls = (ToolCall("a", "f", "{}"), ToolCall("b", "f", "{}"))
    for before in ((Message(Role.ASSISTANT, (Text("So."),)),), (*calls, ToolResult("a", ()))):
        with pytest.raises(UnsupportedFeature, match="no system messages there"):
            later_system(user("Hi"), *before)


def test_results_hold_images() -> None:
    result = ToolResult("c", (Text("See"), ImageData("image/png", "aGk=")), is_error=True)
    body = encode(Generation((user("Hi"), ToolCall("c", "f", "{}"), result)), NEWEST)
    block = body["messages"][-1]["content"][0]
    assert [inner["type"] for inner in block["content"]] == ["text", "image"]
    assert block["is_error"] is True


def test_top_k_is_said_where_it_is_known() -> None:
    content = replace(HELLO, sampling=Sampling(top_k=5))
    assert encode(content, "claude-opus-4-6")["top_k"] == 5
    with pytest.raises(UnsupportedFeature):
        encode(content, "claude-opus-4-6", "2026-10-21")


@pytest.mark.parametrize(
    ("model", "name"),
    [("claude-opus-4-1", 64), ("claude-sonnet-4-5", 64), ("claude-opus-4-8", 128), ("new", 128)],
)
def test_names_of_tools_may_be_longer_at_newer_models(model: str, name: int) -> None:
    pattern = resolve(DIRECT_BASE, RULES, model).tool_names
    assert pattern is not None
    assert re.fullmatch(pattern, "a" * name)
    assert not re.fullmatch(pattern, "a" * (name + 1))


def test_only_anthropics_own_door_takes_documents_by_address() -> None:
    assert DIRECT_BASE.file_urls
    assert not VERTEX_BASE.file_urls
    assert not BEDROCK_BASE.file_urls
    with pytest.raises(UnsupportedFeature):
        encode_request(
            said_by_user(FileUrl("https://a.test/a.pdf")),
            model=NEWEST,
            stream=False,
            capabilities=VERTEX_BASE,
        )
