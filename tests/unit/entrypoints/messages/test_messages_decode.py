"""Messages in: what the domain sees of it."""

import base64
import json
from typing import Any

import pytest

from modelmux.adapters.memory.sealer import MemorySealer
from modelmux.domain.caching import CacheMark
from modelmux.domain.conversation import (
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
from modelmux.domain.errors import InvalidRequest
from modelmux.domain.json_values import JsonObject
from modelmux.domain.request import Caller, Generation, PlainText, Sampling, SchemaText
from modelmux.domain.thinking import (
    AdaptiveThinking,
    NoThinking,
    ThinkingBetweenTools,
    ThinkingBudget,
    ThinkingWish,
)
from modelmux.entrypoints.members import decode_members
from modelmux.entrypoints.messages.decode import content_decoder
from modelmux.entrypoints.sealing import seal_reasoning

USER = {"role": "user", "content": "hello"}
MARK = {"type": "ephemeral"}
PNG = base64.b64encode(b"\x89PNG\r\n\x1a\n0000").decode()
PDF = base64.b64encode(b"%PDF-1.7").decode()
NOTHING: list[object] = []
EMPTY: JsonObject = {}


def content(*messages: object, sealer: MemorySealer | None = None, **changes: Any) -> Generation:
    body = {"model": "m", "max_tokens": 4096, "messages": list(messages) or [USER], **changes}
    decode = content_decoder(sealer or MemorySealer())
    return decode(decode_members(json.dumps(body).encode()), Caller("acme"))


def said(*blocks: object) -> tuple[Part, ...]:
    (message,) = content({"role": "user", "content": list(blocks)}).items
    assert isinstance(message, Message)
    return message.parts


def answered(*blocks: object, sealer: MemorySealer | None = None) -> tuple[Item, ...]:
    items = content(USER, {"role": "assistant", "content": list(blocks)}, sealer=sealer).items
    return items[1:]


def text(words: str, **more: Any) -> dict[str, Any]:
    return {"type": "text", "text": words, **more}


def test_a_text_is_a_message() -> None:
    assert content().items == (Message(Role.USER, (Text("hello"),)),)
    assert content().max_output_tokens == 4096


def test_the_system_prompt_stands_first_with_its_marks() -> None:
    assert content(system="be brief").items[0] == Message(Role.SYSTEM, (Text("be brief"),))
    marked = content(system=[text("a"), text("b", cache_control={**MARK, "ttl": "1h"})]).items[0]
    assert marked == Message(Role.SYSTEM, (Text("a"), Text("b", cache=CacheMark("1h"))))
    for nothing in ("", NOTHING, None):
        assert len(content(system=nothing).items) == 1


def test_the_system_may_speak_again_later() -> None:
    items = content(USER, {"role": "system", "content": "and now in French"}).items
    assert items[1] == Message(Role.SYSTEM, (Text("and now in French"),))


def test_images_come_in_three_ways() -> None:
    assert said(
        {
            "type": "image",
            "source": {"type": "base64", "media_type": "image/png", "data": PNG},
            "cache_control": MARK,
        },
        {"type": "image", "source": {"type": "url", "url": "https://example.com/a.png"}},
        {"type": "image", "source": {"type": "file", "file_id": "file_1"}},
    ) == (
        ImageData("image/png", PNG, cache=CacheMark()),
        ImageUrl("https://example.com/a.png"),
        ImageReference("file_1"),
    )


def test_documents_keep_what_is_told_of_them() -> None:
    pdf = {"type": "base64", "media_type": "application/pdf", "data": PDF}
    plain = {"type": "text", "media_type": "text/plain", "data": "naïve"}
    notes = {"title": "T", "context": "C", "citations": {"enabled": True}}
    assert said(
        {"type": "document", "source": pdf, **notes, "cache_control": MARK},
        {"type": "document", "source": plain, "citations": {"enabled": False}},
        {"type": "document", "source": {"type": "url", "url": "https://example.com/a.pdf"}},
        {"type": "document", "source": {"type": "file", "file_id": "file_1"}, "title": "T"},
    ) == (
        FileData("application/pdf", PDF, "T", DocumentNotes("C", citations=True), CacheMark()),
        FileData("text/plain", base64.b64encode("naïve".encode()).decode()),
        FileUrl("https://example.com/a.pdf"),
        FileReference("file_1", "T"),
    )


@pytest.mark.parametrize(
    "block",
    [
        {"type": "search_result", "source": "s", "title": "t", "content": [text("x")]},
        {"type": "container_upload", "file_id": "file_1"},
        {"type": "of_tomorrow", "deep": {"er": [1, None]}},
        {"type": "document", "source": {"type": "content", "content": "x"}, "title": "t"},
        {"type": "image", "source": {"type": "of_tomorrow"}},
    ],
)
def test_what_only_anthropic_knows_is_kept_whole(block: dict[str, Any]) -> None:
    assert said(block) == (OpaquePart(block["type"], block, Dialect.MESSAGES),)


def test_an_answer_keeps_its_order() -> None:
    call = {"type": "tool_use", "id": "toolu_1", "name": "f", "input": {"a": 1}}
    search: JsonObject = {
        "type": "server_tool_use",
        "id": "srvtoolu_1",
        "name": "web_search",
        "input": EMPTY,
    }
    asked = {
        "role": "assistant",
        "content": [text("one"), text("two"), search, text("three"), call],
    }
    result = {"type": "tool_result", "tool_use_id": "toolu_1", "content": "4"}
    items = content(USER, asked, {"role": "user", "content": [result, text("go on")]}).items
    assert items[1:] == (
        Message(Role.ASSISTANT, (Text("one"), Text("two"))),
        OpaqueItem("server_tool_use", search, Dialect.MESSAGES),
        Message(Role.ASSISTANT, (Text("three"),)),
        ToolCall("toolu_1", "f", '{"a": 1}'),
        ToolResult("toolu_1", (Text("4"),)),
        Message(Role.USER, (Text("go on"),)),
    )


def test_arguments_stay_as_the_model_wrote_them() -> None:
    body = (
        b'{"model":"m","max_tokens":1,"messages":[{"role":"user","content":"x"},'
        b'{"role":"assistant","content":[{"type":"tool_use","id":"a","name":"f",'
        b'"input":{ "b":1.0,\n"a":"\\u00e9" }}]},{"role":"user","content":'
        b'[{"type":"tool_result","tool_use_id":"a"}]}]}'
    )
    call = content_decoder(MemorySealer())(decode_members(body), Caller("acme")).items[1]
    assert isinstance(call, ToolCall)
    assert call.arguments == '{ "b":1.0,\n"a":"\\u00e9" }'


def test_results_carry_errors_and_media() -> None:
    call = {"type": "tool_use", "id": "toolu_1", "name": "f", "input": EMPTY, "cache_control": MARK}
    picture = {"type": "base64", "media_type": "image/png", "data": PNG}
    reference: JsonObject = {"type": "tool_reference", "tool_name": "g"}
    result = {
        "type": "tool_result",
        "tool_use_id": "toolu_1",
        "is_error": True,
        "cache_control": MARK,
        "content": [text("no"), {"type": "image", "source": picture}, reference],
    }
    asked = {"role": "assistant", "content": [call]}
    items = content(USER, asked, {"role": "user", "content": [result]}).items
    assert items[1:] == (
        ToolCall("toolu_1", "f", "{}", cache=CacheMark()),
        ToolResult(
            "toolu_1",
            (
                Text("no"),
                ImageData("image/png", PNG),
                OpaquePart("tool_reference", reference, Dialect.MESSAGES),
            ),
            is_error=True,
            cache=CacheMark(),
        ),
    )


@pytest.mark.parametrize("nothing", [{}, {"content": ""}, {"content": NOTHING}, {"content": None}])
def test_a_result_may_be_empty(nothing: dict[str, Any]) -> None:
    call = {"type": "tool_use", "id": "toolu_1", "name": "f", "input": EMPTY}
    result = {"type": "tool_result", "tool_use_id": "toolu_1", **nothing}
    asked = {"role": "assistant", "content": [call]}
    items = content(USER, asked, {"role": "user", "content": [result]}).items
    assert items[-1] == ToolResult("toolu_1", (Text(""),))


def test_claudes_thoughts_keep_their_proofs() -> None:
    assert answered(
        {"type": "thinking", "thinking": "hm", "signature": "EqQB"},
        {"type": "thinking", "thinking": "", "signature": "EqQC"},
        {"type": "redacted_thinking", "data": "EmwK"},
        {"type": "thinking", "thinking": "unsigned", "signature": ""},
        text("so"),
    ) == (
        Reasoning("hm", Proof(Vendor.ANTHROPIC, "", "signature", "EqQB")),
        Reasoning("", Proof(Vendor.ANTHROPIC, "", "signature", "EqQC")),
        Reasoning("", Proof(Vendor.ANTHROPIC, "", "redacted_thinking", "EmwK")),
        Reasoning("unsigned"),
        Message(Role.ASSISTANT, (Text("so"),)),
    )


@pytest.mark.parametrize("kind", ["thinking", "redacted_thinking"])
def test_sealed_thoughts_are_opened(kind: str) -> None:
    sealer = MemorySealer()
    thought = Reasoning("really", Proof(Vendor.GOOGLE, "gemini", "thought_signature", "abc"))
    sealed = seal_reasoning(sealer, "acme", thought)
    block = {"type": kind, "data": sealed} if kind != "thinking" else {
        "type": kind, "thinking": "told", "signature": sealed
    }  # fmt: skip
    assert answered(block, text("so"), sealer=sealer)[0] == thought


@pytest.mark.parametrize(
    ("kind", "member"), [("thinking", "signature"), ("redacted_thinking", "data")]
)
def test_anothers_or_altered_seals_do_not_open(kind: str, member: str) -> None:
    sealer = MemorySealer()
    foreign = seal_reasoning(sealer, "other", Reasoning("secret"))
    block = {"type": kind, member: foreign, **({"thinking": "t"} if kind == "thinking" else {})}
    with pytest.raises(InvalidRequest) as refusal:
        answered(text("a"), block, sealer=sealer)
    assert refusal.value.param == f"messages[1].content[1].{member}"
    assert refusal.value.reason == "invalid_encrypted_content"


def test_a_citation_comes_back_with_its_text() -> None:
    citation: JsonObject = {"type": "char_location", "cited_text": "x", "document_index": 0}
    (message,) = answered(text("as told", citations=[citation]))
    assert message == Message(Role.ASSISTANT, (Text("as told", (citation,)),))


def test_the_last_answer_may_be_empty() -> None:
    for nothing in ("", NOTHING):
        items = content(USER, {"role": "assistant", "content": nothing}).items
        assert items == (Message(Role.USER, (Text("hello"),)),)


def test_sampling_has_its_names() -> None:
    drawn = content(temperature=0.5, top_p=0.9, top_k=40, stop_sequences=["a", "b"]).sampling
    assert drawn == Sampling(temperature=0.5, top_p=0.9, top_k=40, stop=("a", "b"))


@pytest.mark.parametrize(
    ("thinking", "wish", "told"),
    [
        (None, None, None),
        ({"type": "adaptive"}, AdaptiveThinking(), None),
        ({"type": "adaptive", "display": "summarized"}, AdaptiveThinking(), True),
        ({"type": "between_tools", "display": "omitted"}, ThinkingBetweenTools(), False),
        ({"type": "disabled"}, NoThinking(), None),
        ({"type": "enabled", "budget_tokens": 1024}, ThinkingBudget(1024), None),
    ],
)
def test_thinking_in_every_form(
    thinking: object, wish: ThinkingWish | None, told: bool | None
) -> None:
    asked = content(thinking=thinking)
    assert asked.thinking == wish
    assert asked.reasoning_text is told


@pytest.mark.parametrize("effort", ["low", "medium", "high", "xhigh", "max"])
def test_effort_may_stand_beside_thinking(effort: str) -> None:
    asked = content(output_config={"effort": effort}, thinking={"type": "adaptive"})
    assert asked.effort == Effort(effort)
    assert asked.thinking == AdaptiveThinking()


@pytest.mark.parametrize("where", ["output_config", "output_format"])
def test_a_format_is_a_strict_schema(where: str) -> None:
    form = {"type": "json_schema", "schema": {"type": "object"}}
    changes: dict[str, Any] = {where: {"format": form} if where == "output_config" else form}
    asked = content(**changes)
    assert asked.output_format == SchemaText("response", {"type": "object"}, strict=True)
    assert content().output_format == PlainText()


def test_the_rest_has_its_place() -> None:
    asked = content(
        metadata={"user_id": "u-1", "of_tomorrow": 1},
        service_tier="standard_only",
        cache_control={"type": "ephemeral", "ttl": "5m"},
        context_management={"edits": NOTHING},
        container=None,
    )
    assert asked.user == "u-1"
    assert asked.service_tier == "default"
    assert asked.cache == CacheMark("5m")
    assert [*asked.extras] == ["context_management"]
    assert asked.ignored == ("metadata.of_tomorrow",)


def test_members_without_a_name_here_are_told() -> None:
    asked = content(
        {"role": "user", "content": [text("a", tone="kind", citations=None)], "weight": 2}
    )
    assert asked.ignored == ("messages.weight", "messages.tone")


def test_a_call_by_another_than_the_model_is_told() -> None:
    call = {
        "type": "tool_use",
        "id": "a",
        "name": "f",
        "input": EMPTY,
        "caller": {"type": "direct"},
    }
    program = {**call, "id": "b", "caller": {"type": "code_execution_20260521", "tool_id": "x"}}
    results = [{"type": "tool_result", "tool_use_id": id_} for id_ in "ab"]
    asked = content(
        USER,
        {"role": "assistant", "content": [call, program]},
        {"role": "user", "content": results},
    )
    assert "messages.caller" in asked.ignored
