"""How Messages streams look, letter by letter, and what they do where upstreams behave oddly."""

import json
import time
from dataclasses import replace
from string import ascii_letters, digits
from typing import Any

import pytest

from modelmux.adapters.memory.sealer import MemorySealer
from modelmux.domain.conversation import OpaqueItem, Proof, Reasoning, ToolKind, Vendor
from modelmux.domain.dialect import Dialect
from modelmux.domain.errors import ProviderProtocolBroken
from modelmux.domain.events import (
    AnnotationAdded,
    FinishReason,
    OpaqueItemAdded,
    ReasoningDelta,
    ReasoningFinished,
    RefusalDelta,
    RelayedBytes,
    ResponseFinished,
    ResponseStarted,
    StreamEvent,
    TextDelta,
    ToolCallDelta,
    ToolCallStarted,
    Usage,
)
from modelmux.domain.json_values import JsonObject
from modelmux.domain.response import ResponseBuilder
from modelmux.entrypoints.client_dialect import AnswerHead
from modelmux.entrypoints.errors import UNEXPECTED
from modelmux.entrypoints.messages.encode import encode_message
from modelmux.entrypoints.messages.envelope import MessagesEnvelope
from modelmux.entrypoints.messages.stream import MessagesRelayEncoder, MessageStream
from modelmux.entrypoints.sealing import open_reasoning
from tests.support.messages_laws import Json, judged

LETTERS = f"{ascii_letters}{digits}_-"
HEAD = AnswerHead("msg_1", 12, MessagesEnvelope("claude-x"), tenant="acme")
START = ResponseStarted("up_1", "upstream")
STOP = ResponseFinished((FinishReason.STOP,), Usage(30, 7, 20, 4, 2))


def told(*events: StreamEvent, sealer: MemorySealer | None = None, omit: bool = False) -> Json:
    """Return the message of a stream of `events`, which the whole answer equals."""
    sealer = sealer or MemorySealer()
    head = replace(HEAD, envelope=replace(HEAD.envelope, omit_thoughts=omit))
    message = judged(MessageStream(head, sealer).encode(events), broken_inputs=True)
    builder = ResponseBuilder()
    builder.add(events)
    assert json.loads(encode_message(head, builder.build(), sealer)) == message
    return message


def kinds(data: bytes) -> list[str]:
    """Return the events in short: kind, index, and the text of a delta."""
    found: list[str] = []
    for frame in data.split(b"\n\n")[:-1]:
        event: Any = json.loads(frame.partition(b"data: ")[2])
        delta = event.get("delta", {})
        text = delta.get("text", delta.get("partial_json", ""))
        found.append(f"{event['type'].removeprefix('content_block_')} {event.get('index')} {text}")
    return found


def test_a_text_is_streamed_letter_by_letter_as_the_reference_shows() -> None:
    stream = MessageStream(HEAD, MemorySealer())
    assert stream.encode([START]) == (
        b'event: message_start\ndata: {"type":"message_start","message":{"id":"msg_1","type":'
        b'"message","role":"assistant","model":"claude-x","content":[],"stop_reason":null,'
        b'"stop_sequence":null,"usage":{"input_tokens":0,"cache_creation_input_tokens":0,'
        b'"cache_read_input_tokens":0,"output_tokens":0,"output_tokens_details":'
        b'{"thinking_tokens":0}}}}\n\n'
    )
    assert stream.encode([TextDelta("He")]) == (
        b'event: content_block_start\ndata: {"type":"content_block_start","index":0,'
        b'"content_block":{"type":"text","text":""}}\n\n'
        b'event: content_block_delta\ndata: {"type":"content_block_delta","index":0,"delta":'
        b'{"type":"text_delta","text":"He"}}\n\n'
    )
    assert stream.encode([TextDelta("y\n")]) == (
        b'event: content_block_delta\ndata: {"type":"content_block_delta","index":0,"delta":'
        b'{"type":"text_delta","text":"y\\n"}}\n\n'
    )
    assert stream.encode([TextDelta("")]) == b""
    assert stream.encode([STOP]) == (
        b'event: content_block_stop\ndata: {"type":"content_block_stop","index":0}\n\n'
        b'event: message_delta\ndata: {"type":"message_delta","delta":{"stop_reason":"end_turn",'
        b'"stop_sequence":null},"usage":{"input_tokens":6,"cache_creation_input_tokens":4,'
        b'"cache_read_input_tokens":20,"output_tokens":7,"output_tokens_details":'
        b'{"thinking_tokens":2}}}\n\n'
        b'event: message_stop\ndata: {"type":"message_stop"}\n\n'
    )


def test_the_second_call_is_told_as_soon_as_the_first_is_whole() -> None:
    stream = MessageStream(HEAD, MemorySealer())
    stream.encode([START, ToolCallStarted(0, "a", "f"), ToolCallDelta(0, '{"x":"}\\"')])
    assert stream.encode([ToolCallStarted(1, "b", "g"), ToolCallDelta(1, '{"y"')]) == b""
    assert kinds(stream.encode([ToolCallDelta(0, '"}')])) == [
        'delta 0 "}',
        "stop 0 ",
        "start 1 ",
        'delta 1 {"y"',
    ]
    assert kinds(stream.encode([ToolCallDelta(1, ":1}")])) == ["delta 1 :1}"]
    assert kinds(stream.encode([TextDelta("so")])) == ["stop 1 ", "start 2 ", "delta 2 so"]
    assert kinds(stream.encode([TextDelta("on")])) == ["delta 2 on"]


def test_what_comes_after_an_unfinished_call_waits_and_keeps_its_order() -> None:
    message = told(
        START,
        ToolCallStarted(0, "a", "f", "custom"),
        TextDelta("one"),
        ReasoningDelta("why"),
        ToolCallStarted(1, "b", "g"),
        TextDelta("two"),
        ToolCallDelta(1, "{}"),
        ToolCallDelta(0, 'say "'),
        TextDelta(" three"),
        ToolCallDelta(0, "so\n"),
        STOP,
    )
    assert [block["type"] for block in message["content"]] == [
        "tool_use", "text", "thinking", "tool_use", "text",
    ]  # fmt: skip
    assert message["content"][0]["input"] == {"input": 'say "so\n'}
    assert message["content"][4]["text"] == "two three"
    assert message["stop_reason"] == "tool_use"


def test_arguments_after_their_block_are_no_silent_loss() -> None:
    stream = MessageStream(HEAD, MemorySealer())
    stream.encode([START, ToolCallStarted(0, "a", "f"), ToolCallDelta(0, "{}"), TextDelta("so")])
    assert stream.encode([ToolCallDelta(0, " \n")]) == b""
    with pytest.raises(ProviderProtocolBroken):
        stream.encode([ToolCallDelta(0, '{"x":1}')])
    assert stream.refuse(UNEXPECTED, "req_1").startswith(b"event: error\n")


@pytest.mark.parametrize(
    ("arguments", "given"),
    [
        ("", {}),
        (" \n", {}),
        (' {"a":\n1}', {"a": 1}),
        ("[1]", {"unparsed_arguments": "[1]"}),
        ("null", {"unparsed_arguments": "null"}),
        ("city: Paris", {"unparsed_arguments": "city: Paris"}),
        ('{"a":', {"unparsed_arguments": '{"a":'}),
        ("{}}", {"unparsed_arguments": "{}}"}),
        ("{} {}", {"unparsed_arguments": "{} {}"}),
        ('{"a":' + "[" * 5000, {"unparsed_arguments": '{"a":' + "[" * 5000}),
    ],
)
def test_whatever_a_model_gives_a_tool_arrives(arguments: str, given: Json) -> None:
    for size in (1, 3, len(arguments) or 1):
        pieces = [arguments[place : place + size] for place in range(0, len(arguments), size)]
        deltas = [ToolCallDelta(0, piece) for piece in pieces]
        message = told(START, ToolCallStarted(0, "a", "f"), *deltas, STOP)
        assert message["content"][0]["input"] == given


def test_a_long_input_in_small_pieces_beside_another_takes_linear_time() -> None:
    events: list[StreamEvent] = [START, ToolCallStarted(0, "a", "f"), ToolCallDelta(0, '{"a":"')]
    events.append(ToolCallStarted(1, "b", "g"))
    for _ in range(100_000):
        events += [ToolCallDelta(0, "}"), ToolCallDelta(1, "x")]
    events += [ToolCallDelta(0, '"}'), STOP]
    started_at = time.monotonic()
    assert len(told(*events)["content"]) == 2
    assert time.monotonic() - started_at < 10


@pytest.mark.parametrize(
    ("item", "block"),
    [
        (
            Reasoning("why", Proof(Vendor.ANTHROPIC, "m", "signature", "AbC=")),
            {"type": "thinking", "thinking": "why", "signature": "AbC="},
        ),
        (
            Reasoning("", Proof(Vendor.ANTHROPIC, "m", "signature", "AbC=")),
            {"type": "thinking", "thinking": "", "signature": "AbC="},
        ),
        (
            Reasoning("", Proof(Vendor.ANTHROPIC, "m", "redacted_thinking", "AbC=")),
            {"type": "redacted_thinking", "data": "AbC="},
        ),
    ],
)
def test_proofs_of_claude_are_given_as_they_are(item: Reasoning, block: Json) -> None:
    message = told(START, ReasoningDelta(item.text), ReasoningFinished(item.proof), STOP)
    assert message["content"] == [block]


@pytest.mark.parametrize(
    "item",
    [
        Reasoning("why"),
        Reasoning("why", Proof(Vendor.DEEPSEEK, "m", "reasoning_content", "why")),
        Reasoning("why", Proof(Vendor.ANTHROPIC, "m", "redacted_thinking", "AbC=")),
        Reasoning("", Proof(Vendor.GOOGLE, "m", "thought_signature", "AbC=")),
        Reasoning("", Proof(Vendor.OPENAI, "m", "encrypted_content", "AbC=", "rs_1")),
    ],
)
def test_thoughts_of_others_are_sealed_with_their_proofs(item: Reasoning) -> None:
    sealer = MemorySealer()
    thoughts = ReasoningDelta(item.text), ReasoningFinished(item.proof)
    (block,) = told(START, *thoughts, STOP, sealer=sealer)["content"]
    assert block["thinking"] == item.text
    assert block["signature"].startswith("mmx1.")
    assert open_reasoning(sealer, "acme", block["signature"]) == item


@pytest.mark.parametrize(
    "proof", [None, Proof(Vendor.DEEPSEEK, "m", "reasoning_content", "why"),
              Proof(Vendor.ANTHROPIC, "m", "signature", "AbC=")],
)  # fmt: skip
def test_words_that_the_caller_does_not_want_come_back_all_the_same(proof: Proof | None) -> None:
    sealer = MemorySealer()
    thoughts = ReasoningDelta("wh"), ReasoningDelta("y"), ReasoningFinished(proof)
    events = START, *thoughts, TextDelta("a"), *thoughts, STOP
    first, _, last = told(*events, sealer=sealer, omit=True)["content"]
    for block in (first, last):
        assert block["thinking"] == ""
        assert open_reasoning(sealer, "acme", block["signature"]) == Reasoning("why", proof)


def test_thoughts_of_claude_without_words_are_proved_by_claude() -> None:
    proof = Proof(Vendor.ANTHROPIC, "m", "signature", "AbC=")
    (block, _) = told(START, ReasoningFinished(proof), TextDelta("a"), STOP, omit=True)["content"]
    assert block == {"type": "thinking", "thinking": "", "signature": "AbC="}


def test_no_message_ends_with_thoughts_without_words() -> None:
    proof = Proof(Vendor.GOOGLE, "m", "thought_signature", "AbC=")
    last = told(START, TextDelta("a"), ReasoningFinished(proof), TextDelta(""), STOP)
    assert [block["type"] for block in last["content"]] == ["text"]
    between = told(START, ReasoningFinished(proof), ToolCallStarted(0, "a", "f"), STOP)
    assert [block["type"] for block in between["content"]] == ["thinking", "tool_use"]


def test_finished_thinking_is_closed_before_anything_follows() -> None:
    stream = MessageStream(HEAD, MemorySealer())
    stream.encode([START, ReasoningDelta("why")])
    assert kinds(stream.encode([ReasoningFinished()])) == ["delta 0 ", "stop 0 "]


@pytest.mark.parametrize(
    ("reason", "events", "stop"),
    [
        (FinishReason.STOP, [], "end_turn"),
        (FinishReason.OTHER, [], "end_turn"),
        (FinishReason.LENGTH, [], "max_tokens"),
        (FinishReason.PAUSED, [], "pause_turn"),
        (FinishReason.CONTENT_FILTER, [], "refusal"),
        (FinishReason.TOOL_CALLS, [], "end_turn"),
        (FinishReason.STOP, [RefusalDelta("no")], "refusal"),
        (FinishReason.LENGTH, [RefusalDelta("no")], "max_tokens"),
        (FinishReason.STOP, [ToolCallStarted(0, "a", "f")], "tool_use"),
        (FinishReason.TOOL_CALLS, [ToolCallStarted(0, "a", "f")], "tool_use"),
        (FinishReason.LENGTH, [ToolCallStarted(0, "a", "f")], "max_tokens"),
    ],
)
def test_an_answer_says_why_it_ended(
    reason: FinishReason, events: list[StreamEvent], stop: str
) -> None:
    message = told(START, *events, ResponseFinished((reason,)))
    assert message["stop_reason"] == stop
    assert message["stop_sequence"] is None
    refusal = "no" if isinstance(events and events[0], RefusalDelta) else None
    details = {"type": "refusal", "category": None, "explanation": refusal}
    assert message.get("stop_details") == (details if stop == "refusal" else None)


def test_the_sequence_that_ended_an_answer_is_told() -> None:
    message = told(START, TextDelta("a"), ResponseFinished((FinishReason.STOP,), None, "END"))
    assert (message["stop_reason"], message["stop_sequence"]) == ("stop_sequence", "END")


def test_citations_of_this_dialect_are_told_and_no_others() -> None:
    ours: JsonObject = {"type": "page_location", "cited_text": "a", "document_index": 0}
    theirs: JsonObject = {"type": "url_citation", "url": "https://example.com/"}
    early: JsonObject = {"type": "char_location", "cited_text": "b", "document_index": 0}
    message = told(
        START,
        AnnotationAdded(early),
        TextDelta("a"),
        AnnotationAdded(ours),
        AnnotationAdded(theirs),
        RefusalDelta("no"),
        STOP,
    )
    assert message["content"] == [
        {"type": "text", "text": "a", "citations": [early, ours]},
        {"type": "text", "text": "no"},
    ]


def test_blocks_of_claudes_own_tools_pass_and_those_of_other_dialects_do_not() -> None:
    use: JsonObject = {
        "type": "server_tool_use",
        "id": "s1",
        "name": "web_search",
        "input": {"query": "q"},
    }
    result: JsonObject = {"type": "web_search_tool_result", "tool_use_id": "s1", "content": []}
    message = told(
        START,
        TextDelta("a"),
        OpaqueItemAdded(OpaqueItem("server_tool_use", use, Dialect.MESSAGES)),
        OpaqueItemAdded(OpaqueItem("web_search_tool_result", result, Dialect.MESSAGES)),
        OpaqueItemAdded(OpaqueItem("web_search_call", {"type": "web_search_call"})),
        TextDelta("b"),
        STOP,
    )
    text = [{"type": "text", "text": letter} for letter in "ab"]
    assert message["content"] == [text[0], use, result, text[1]]


def test_only_the_first_of_several_answers_is_told() -> None:
    reasons = (FinishReason.STOP, FinishReason.LENGTH)
    message = told(START, TextDelta("a"), TextDelta("b", choice=1), ResponseFinished(reasons))
    assert message["content"] == [{"type": "text", "text": "a"}]


@pytest.mark.parametrize("kind", ["function", "custom"])
def test_an_answer_without_usage_has_noughts(kind: ToolKind) -> None:
    call = ToolCallStarted(0, "a", "f", kind)
    message = told(START, call, ResponseFinished((FinishReason.TOOL_CALLS,)))
    assert message["usage"]["input_tokens"] == message["usage"]["output_tokens"] == 0


def test_a_stream_that_fails_ends_with_an_error_in_anthropics_shape() -> None:
    for encoder in (MessageStream(HEAD, MemorySealer()), MessagesRelayEncoder()):
        name, data, *rest = encoder.refuse(UNEXPECTED, "req_1").split(b"\n")
        assert (name, rest) == (b"event: error", [b"", b""])
        error = json.loads(data.removeprefix(b"data: "))
        assert error["type"] == "error"
        assert error["error"]["type"] == "api_error"
        assert error["request_id"] == "req_1"


def test_nothing_follows_a_stream_that_has_ended() -> None:
    stream = MessageStream(HEAD, MemorySealer())
    stream.encode([START, STOP])
    passing = MessagesRelayEncoder()
    assert passing.encode([RelayedBytes(b"a"), RelayedBytes(b"b"), STOP]) == b"ab"
    assert stream.refuse(UNEXPECTED, "") == passing.refuse(UNEXPECTED, "") == b""


def test_ids_of_calls_are_those_that_claude_would_take_back() -> None:
    foreign = ("call_1", "functions.look:0", "functions_look_0", "")
    calls: list[StreamEvent] = [
        ToolCallStarted(place, id_, "look") for place, id_ in enumerate(foreign)
    ]
    content = told(START, *calls, STOP)["content"]
    ids = [block["id"] for block in content]
    assert ids[0] == "call_1"
    assert ids[2] == "functions_look_0"
    assert len(set(ids)) == len(foreign)
    assert all(id_ and set(id_) <= set(LETTERS) for id_ in ids)
