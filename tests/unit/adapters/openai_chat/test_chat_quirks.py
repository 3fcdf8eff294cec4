"""What each recorded habit of an upstream means."""

import pytest

from modelmux.adapters.openai_chat.calls import made_up_id
from modelmux.adapters.openai_chat.decode import Reading, decode_whole
from modelmux.domain.conversation import (
    Message,
    Proof,
    Reasoning,
    Refusal,
    Role,
    Text,
    ToolCall,
    Vendor,
)
from modelmux.domain.errors import ProviderProtocolBroken, UpstreamFailed, UpstreamOverloaded
from modelmux.domain.events import (
    FinishReason,
    ReasoningDelta,
    ReasoningFinished,
    ResponseFinished,
    ResponseStarted,
    TextDelta,
    TokenLogprob,
    ToolCallDelta,
    ToolCallStarted,
    Usage,
)
from modelmux.domain.response import Candidate, Response, ResponseBuilder
from tests.support.openai_replay import READING, read_stream, read_whole, recorded

DEEPSEEK = Reading("deepseek-v4-flash", proofs=Vendor.DEEPSEEK)


def response_of(name: str, reading: Reading = READING) -> Response:
    builder = ResponseBuilder()
    if name.endswith(".json"):
        builder.add(read_whole(name, reading))
    else:
        builder.add(read_stream([recorded(name)], reading))
    return builder.build()


def only(response: Response) -> Candidate:
    (candidate,) = response.candidates
    return candidate


def calls(response: Response) -> list[tuple[str, str]]:
    return [(i.name, i.arguments) for i in only(response).items if isinstance(i, ToolCall)]


def ids(response: Response) -> list[str]:
    return [item.id for item in only(response).items if isinstance(item, ToolCall)]


def texts(response: Response) -> list[str]:
    told: list[str] = []
    for item in only(response).items:
        if isinstance(item, Message):
            told += [part.text for part in item.parts if isinstance(part, Text | Refusal)]
        elif isinstance(item, Reasoning):
            told.append(f"({item.text})")
    return told


@pytest.mark.parametrize(
    ("told", "matched"),
    [('"END"', "END"), ('"length"', None), ("151643", None), ("null", None), ('{"a":1}', None)],
)
def test_the_stop_sequence_that_was_met_is_known_where_it_is_told(
    told: str, matched: str | None
) -> None:
    reading = Reading("asked-model", stops=("STOP", "END"))
    choice = b'{"index":0,%b,"finish_reason":"stop","stop_reason":%b}'
    whole = choice % (b'"message":{"content":"a"}', told.encode())
    finished = decode_whole(b'{"choices":[%b]}' % whole, reading=reading)[-1]
    chunk = choice % (b'"delta":{"content":"a"}', told.encode())
    streamed = read_stream([b'data: {"choices":[%b]}\n\ndata: [DONE]\n\n' % chunk], reading)[-1]
    for last in (finished, streamed):
        assert last == ResponseFinished((FinishReason.STOP,), None, matched)


def test_text_with_usage_in_a_chunk_of_its_own() -> None:
    assert read_stream([recorded("openai_text.sse")]) == [
        ResponseStarted("chatcmpl-B1", "gpt-4.1-mini-2025-04-14"),
        TextDelta("Hel"),
        TextDelta("lo ☀"),
        ResponseFinished((FinishReason.STOP,), Usage(9, 3, cached_tokens=2)),
    ]


def test_a_whole_answer_is_the_same_events() -> None:
    assert read_whole("openai_text.json") == [
        ResponseStarted("chatcmpl-B2", "gpt-4.1-mini-2025-04-14"),
        TextDelta("Hello ☀"),
        ResponseFinished((FinishReason.STOP,), Usage(9, 3, cached_tokens=2)),
    ]


def test_parallel_calls_keep_their_ids_and_fragments() -> None:
    events = read_stream([recorded("openai_parallel_tools.sse")])
    assert events[1:-1] == [
        ToolCallStarted(0, "call_a", "weather"),
        ToolCallDelta(0, '{"city":'),
        ToolCallDelta(0, '"Oslo"}'),
        ToolCallStarted(1, "call_b", "weather"),
        ToolCallDelta(1, '{"city":"Rome"}'),
    ]


def test_a_whole_answer_with_both_kinds_of_call() -> None:
    response = response_of("openai_tools.json")
    assert only(response).items == (
        ToolCall("call_a", "weather", '{"city":"Oslo"}'),
        ToolCall("call_b", "sql", "SELECT 1", "custom"),
    )
    assert only(response).reason is FinishReason.TOOL_CALLS


def test_a_custom_call_is_free_text() -> None:
    response = response_of("openai_custom_tool.sse")
    assert only(response).items == (ToolCall("call_c", "sql", "SELECT 1", "custom"),)


def test_logprobs_and_several_choices() -> None:
    response = response_of("openai_logprobs_two_choices.sse")
    first, second = response.candidates
    assert (first.reason, second.reason) == (FinishReason.STOP, FinishReason.LENGTH)
    top = (TokenLogprob("A", -0.25, (65,)), TokenLogprob("x", -5.5, (120,)))
    assert first.logprobs == (TokenLogprob("A", -0.25, (65,), top),)
    assert second.items == (Message(Role.ASSISTANT, (Text("B"),)),)


def test_a_refusal_is_no_text() -> None:
    (item,) = only(response_of("openai_refusal.sse")).items
    assert isinstance(item, Message)
    assert item.parts == (Refusal("I cannot."),)


def test_the_old_function_call_is_a_tool_call() -> None:
    response = response_of("openai_legacy_function.sse")
    assert calls(response) == [("weather", "{}")]
    assert only(response).reason is FinishReason.TOOL_CALLS
    assert ids(response) == [made_up_id("chatcmpl-B1/1795000000.0", 0, 0)]


@pytest.mark.parametrize("name", ["vllm_reasoning.sse", "vllm_reasoning_content_old.sse"])
def test_both_spellings_of_reasoning_are_read(name: str) -> None:
    assert read_stream([recorded(name)])[1:-1] == [
        ReasoningDelta("Let me "),
        ReasoningDelta("think."),
        ReasoningFinished(),
        TextDelta("42"),
    ]


def test_reasoning_in_both_spellings_is_told_once() -> None:
    assert texts(response_of("other_reasoning_twice_spelled.sse")) == ["(Hm.)", "Yes"]


@pytest.mark.parametrize("name", ["vllm_stop_with_tools.sse", "ollama_tools.json"])
def test_stop_after_tool_calls_means_tool_calls(name: str) -> None:
    response = response_of(name)
    assert only(response).reason is FinishReason.TOOL_CALLS
    assert [name for name, _ in calls(response)] == ["weather"]


@pytest.mark.parametrize(
    "name",
    [
        "vllm_new_id_in_each_delta.sse",
        "vllm_name_and_id_repeated.sse",
        "other_name_repeated_no_id.sse",
    ],
)
def test_fragments_of_one_call_stay_one_call(name: str) -> None:
    response = response_of(name)
    assert [(n, a.replace(" ", "")) for n, a in calls(response)] == [("weather", '{"city":"Oslo"}')]


def test_an_index_that_is_always_zero_does_not_join_calls() -> None:
    response = response_of("other_index_always_zero.sse")
    assert calls(response) == [("weather", '{"city":"Oslo"}'), ("weather", '{"city":"Rome"}')]
    assert ids(response) == ["a1", "a2"]


def test_calls_without_index_and_id_are_told_apart_and_named_alike_in_a_replay() -> None:
    response = response_of("other_no_index_no_id.sse")
    assert [arguments for _, arguments in calls(response)] == [
        '{"city":"Oslo"}',
        '{"city":"Rome"}',
        '{"city":"Bonn"}',
    ]
    assert len(set(ids(response))) == 3
    assert ids(response) == ids(response_of("other_no_index_no_id.sse"))
    assert all(one.startswith("call_") and one[5:].isalnum() for one in ids(response))


def test_arguments_before_the_name_wait_for_it() -> None:
    assert calls(response_of("other_arguments_before_name.sse")) == [("weather", '{"city":1}')]


def test_one_id_for_two_calls_is_made_two() -> None:
    response = response_of("other_same_id_twice.sse")
    assert [name for name, _ in calls(response)] == ["weather", "clock"]
    assert ids(response)[0] == "c"
    assert ids(response)[1] != "c"


def test_a_call_that_is_never_named_breaks_the_protocol() -> None:
    body = b'{"choices":[{"message":{"tool_calls":[{"id":"c"}]},"finish_reason":"tool_calls"}]}'
    with pytest.raises(ProviderProtocolBroken, match="naming"):
        decode_whole(body, reading=READING)


@pytest.mark.parametrize(
    "name", ["other_no_done.sse", "other_no_last_blank_line.sse", "other_crlf.sse"]
)
def test_careless_framing_is_read(name: str) -> None:
    response = response_of(name)
    assert texts(response) == ["Hello"]
    assert only(response).reason is FinishReason.STOP


@pytest.mark.parametrize("name", ["other_usage_in_last_choice.sse", "other_finish_told_twice.sse"])
def test_usage_in_the_last_choice_counts(name: str) -> None:
    response = response_of(name)
    assert response.usage == Usage(4, 1)
    assert only(response).reason is FinishReason.STOP


def test_usage_that_grows_counts_once() -> None:
    assert response_of("vllm_growing_usage.sse").usage == Usage(9, 3)


def test_heartbeats_say_nothing() -> None:
    assert texts(response_of("other_heartbeats.sse")) == ["Hello"]


def test_a_new_finish_reason_is_other() -> None:
    assert only(response_of("other_new_finish_reason.sse")).reason is FinishReason.OTHER


def test_thoughts_that_are_not_counted_in_the_completion_are_added() -> None:
    assert response_of("xai_usage.sse").usage == Usage(10, 102, reasoning_tokens=100)


def test_deepseek_thoughts_are_their_own_proof() -> None:
    response = response_of("deepseek_tools.sse", DEEPSEEK)
    text = "I need the weather."
    proof = Proof(Vendor.DEEPSEEK, "deepseek-v4-flash", "reasoning_content", text)
    assert only(response).items == (
        Reasoning(text, proof),
        ToolCall("call_0_d", "weather", '{"city":"Oslo"}'),
    )
    assert response.usage == Usage(20, 12, cached_tokens=16, reasoning_tokens=8)


def test_thoughts_prove_nothing_unless_asked() -> None:
    response = response_of("deepseek_thinking.json")
    assert only(response).items[0] == Reasoning("Six times seven.")


def test_deepseek_without_resources_is_a_failure() -> None:
    with pytest.raises(UpstreamFailed, match="insufficient_system_resource"):
        read_stream([recorded("deepseek_no_resources.sse")])


@pytest.mark.parametrize("name", ["mistral_thinking.sse", "mistral_thinking.json"])
def test_mistral_thoughts_are_parts_of_the_content(name: str) -> None:
    response = response_of(name)
    assert texts(response) == ["(Six times seven.)", "42"]
    assert response.usage == Usage(5, 9)


def test_mistral_sends_whole_calls_and_arguments_as_objects() -> None:
    response = response_of("mistral_whole_call.sse")
    assert calls(response) == [("weather", '{"city":"Oslo"}'), ("clock", "{}")]
    assert ids(response)[0] == "D681PevKs"
    assert ids(response)[1] not in ("null", "")


def test_mistral_model_length_is_length() -> None:
    assert only(response_of("mistral_length.sse")).reason is FinishReason.LENGTH


def test_azure_filter_results_say_nothing() -> None:
    events = read_stream([recorded("azure_filters.sse")])
    assert events == [
        ResponseStarted("chatcmpl-A1", "gpt-4o-2024-11-20"),
        TextDelta("Hello"),
        ResponseFinished((FinishReason.STOP,), Usage(9, 3, cached_tokens=2)),
    ]


def test_azure_blocked_output_is_told() -> None:
    response = response_of("azure_blocked_output.sse")
    assert only(response).reason is FinishReason.CONTENT_FILTER


def test_a_flat_error_in_a_stream_is_an_error() -> None:
    with pytest.raises(UpstreamFailed, match="EngineCore"):
        read_stream([recorded("vllm_flat_error_in_stream.sse")])


def test_an_error_event_in_a_stream_is_an_error() -> None:
    with pytest.raises(UpstreamOverloaded, match="overloaded"):
        read_stream([recorded("other_error_event.sse")])


def test_a_model_that_is_not_told_is_the_one_that_was_asked() -> None:
    events = decode_whole(
        b'{"choices":[{"message":{"content":"Hi"},"finish_reason":"stop"}]}', reading=READING
    )
    assert events[0] == ResponseStarted("", "asked-model")


def test_a_whole_answer_without_a_finish_reason_is_whole_all_the_same() -> None:
    body = b'{"choices":[{"message":{"reasoning":"Hm","content":"Hi"},"finish_reason":null}]}'
    events = decode_whole(body, reading=READING)
    assert events[-1] == ResponseFinished((FinishReason.OTHER,))


@pytest.mark.parametrize("body", [b"{}", b'{"choices":[]}', b'{"choices":null,"id":"x"}', b"[]"])
def test_a_whole_answer_without_choices_is_none(body: bytes) -> None:
    with pytest.raises(ProviderProtocolBroken):
        decode_whole(body, reading=READING)
