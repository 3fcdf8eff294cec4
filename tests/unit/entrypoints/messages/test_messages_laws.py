"""Any lawful answer as a Messages stream: the laws hold, and it amounts to the whole message."""

import json
from dataclasses import replace
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from modelmux.domain.conversation import Reasoning, Vendor
from modelmux.domain.events import (
    CUT_SHORT,
    FinishReason,
    ResponseFinished,
    ResponseStarted,
    StreamEvent,
    TextDelta,
    ToolCallDelta,
    ToolCallStarted,
)
from modelmux.domain.response import ResponseBuilder
from modelmux.entrypoints.client_dialect import AnswerHead
from modelmux.entrypoints.messages.encode import encode_message
from modelmux.entrypoints.messages.envelope import MessagesEnvelope
from modelmux.entrypoints.messages.stream import MessageStream
from modelmux.entrypoints.sealing import open_reasoning
from tests.support.lawful_answers import lawful_answers
from tests.support.messages_laws import Json, judged
from tests.support.responses_records import OpenSealer

SEALER = OpenSealer()
HEAD = AnswerHead("msg_1", 12, MessagesEnvelope("claude-x"), tenant="acme")


Head = AnswerHead[MessagesEnvelope]


def whole(events: list[StreamEvent], head: Head = HEAD) -> Json:
    builder = ResponseBuilder()
    builder.add(events)
    message: Json = json.loads(encode_message(head, builder.build(), SEALER))
    return message


def streamed(events: list[StreamEvent], cuts: list[int] | None = None, head: Head = HEAD) -> bytes:
    stream = MessageStream(head, SEALER)
    places = [0, *(cuts or ()), len(events)]
    return b"".join(stream.encode(events[start:end]) for start, end in pairwise(places))


@st.composite
def woven_calls(draw: st.DrawFn) -> list[StreamEvent]:
    """Draw calls whose pieces come in any order, with words between them."""
    wholes = draw(
        st.lists(
            st.dictionaries(st.text('a"\\{}[é', max_size=3), st.text('"\\{}]\n', max_size=4)).map(
                json.dumps
            ),
            min_size=1,
            max_size=4,
        )
    )
    left: list[list[str]] = []
    events: list[StreamEvent] = [ResponseStarted("", "")]
    for text in wholes:
        size = draw(st.integers(1, 6))
        left.append([text[place : place + size] for place in range(0, len(text), size)])
    begun = 0
    while begun < len(wholes) or any(left):
        ready = [index for index in range(begun) if left[index]]
        steps = [*ready, -1, -2] if begun < len(wholes) else [*ready, -2]
        step = draw(st.sampled_from(steps))
        if step == -1:
            kind = draw(st.sampled_from(["function", "function", "custom"]))
            events.append(
                ToolCallStarted(
                    begun, f"c{begun}", "f", "custom" if kind == "custom" else "function"
                )
            )
            begun += 1
        elif step == -2:
            events.append(TextDelta(draw(st.sampled_from(["", "a", "é\n"]))))
        else:
            events.append(ToolCallDelta(step, left[step].pop(0)))
    return [*events, ResponseFinished((FinishReason.TOOL_CALLS,))]


@given(lawful_answers(), st.booleans())
def test_every_stream_keeps_the_laws_and_amounts_to_the_whole(
    events: list[StreamEvent], omit: bool
) -> None:
    head = replace(HEAD, envelope=replace(HEAD.envelope, omit_thoughts=omit))
    # What tools are called with is any text here.
    assert judged(streamed(events, head=head), broken_inputs=True) == whole(events, head)


@given(woven_calls())
def test_calls_that_come_side_by_side_are_told_one_by_one(events: list[StreamEvent]) -> None:
    message = judged(streamed(events))
    assert message == whole(events)
    assert sum(block["type"] == "tool_use" for block in message["content"]) == sum(
        isinstance(event, ToolCallStarted) for event in events
    )


@given(st.one_of(lawful_answers(), woven_calls()), st.data())
def test_batches_of_any_size_give_the_same_bytes(
    events: list[StreamEvent], data: st.DataObject
) -> None:
    cuts = data.draw(st.lists(st.integers(0, len(events)), max_size=6).map(sorted))
    assert streamed(events, cuts) == streamed(events)


@given(lawful_answers())
def test_thoughts_of_others_are_found_again_in_their_signatures(events: list[StreamEvent]) -> None:
    builder = ResponseBuilder()
    builder.add(events)
    thoughts = [it for it in builder.build().candidates[0].items if isinstance(it, Reasoning)]
    told = [
        block
        for block in judged(streamed(events), broken_inputs=True)["content"]
        if block["type"] == "thinking"
    ]
    kept = [thought for thought in thoughts if thought.text or thought.proof]
    while len(kept) > len(told) and not kept[-1].text:
        kept.pop()  # a message does not end with thoughts without words
    assert [block["thinking"] for block in told] == [thought.text for thought in kept]
    for block, thought in zip(told, kept, strict=True):
        proof = thought.proof
        if proof is not None and proof.vendor is Vendor.ANTHROPIC and proof.kind == "signature":
            assert block["signature"] == proof.value
        else:
            assert open_reasoning(SEALER, "acme", block["signature"]) == thought


@given(lawful_answers())
def test_usage_adds_up_and_an_answer_cut_short_says_so(events: list[StreamEvent]) -> None:
    message = whole(events)
    finished = events[-1]
    assert isinstance(finished, ResponseFinished)
    (reason,) = finished.reasons
    assert (message["stop_reason"] in {"max_tokens", "refusal"}) >= (reason in CUT_SHORT)
    if (usage := finished.usage) is not None:
        told = message["usage"]
        parts = (
            told["input_tokens"]
            + told["cache_read_input_tokens"]
            + told["cache_creation_input_tokens"]
        )
        assert parts == max(usage.input_tokens, usage.cached_tokens + usage.cache_write_tokens)
        assert told["output_tokens"] == usage.output_tokens
