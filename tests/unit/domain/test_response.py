"""ResponseBuilder: a whole answer is the fold of its stream."""

import pytest

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
from modelmux.domain.events import (
    AnnotationAdded,
    FinishReason,
    MessageStarted,
    ReasoningDelta,
    ReasoningFinished,
    RefusalDelta,
    RelayedBytes,
    ResponseFinished,
    ResponseStarted,
    StreamEvent,
    TextDelta,
    TokenLogprob,
    ToolCallDelta,
    ToolCallStarted,
    Usage,
)
from modelmux.domain.response import Response, ResponseBuilder

PROOF = Proof(Vendor.ANTHROPIC, "m", "signature", "sig")


def fold(
    *events: StreamEvent, reasons: tuple[FinishReason, ...] = (FinishReason.STOP,)
) -> Response:
    builder = ResponseBuilder()
    builder.add([ResponseStarted("id", "model")])
    for event in events:
        builder.add([event])
    builder.add([ResponseFinished(reasons, Usage(1, 2))])
    return builder.build()


def test_items_stand_in_the_order_they_were_said() -> None:
    response = fold(
        ReasoningDelta("I "),
        ReasoningDelta("think"),
        ReasoningFinished(PROOF),
        TextDelta("Let "),
        TextDelta("me"),
        ToolCallStarted(0, "c0", "f"),
        ToolCallStarted(1, "c1", "g", proof=PROOF),
        ToolCallDelta(1, '{"b"'),
        ToolCallDelta(0, "{}"),
        ToolCallDelta(1, ":1}"),
        TextDelta("done"),
    )
    assert (response.id, response.model, response.usage) == ("id", "model", Usage(1, 2))
    assert response.candidates[0].items == (
        Reasoning("I think", PROOF),
        Message(Role.ASSISTANT, (Text("Let me"),)),
        ToolCall("c0", "f", "{}"),
        ToolCall("c1", "g", '{"b":1}', proof=PROOF),
        Message(Role.ASSISTANT, (Text("done"),)),
    )


def test_thoughts_that_end_without_a_word_and_proofs_without_thoughts_are_kept() -> None:
    items = fold(ReasoningDelta("hm"), TextDelta("x"), ReasoningFinished(PROOF)).candidates[0].items
    assert items == (
        Reasoning("hm"),
        Message(Role.ASSISTANT, (Text("x"),)),
        Reasoning("", PROOF),
    )


def test_a_citation_of_a_text_that_never_came_is_not_the_next_ones() -> None:
    items = fold(AnnotationAdded({"type": "x"}), MessageStarted(), TextDelta("a")).candidates
    assert items[0].items == (Message(Role.ASSISTANT, (Text("a"),)),)


def test_each_choice_is_folded_by_itself() -> None:
    logprob = TokenLogprob("b", -0.5)
    response = fold(
        TextDelta("a"),
        TextDelta("b", choice=1, logprobs=(logprob,)),
        RefusalDelta("no"),
        reasons=(FinishReason.STOP, FinishReason.LENGTH),
    )
    first, second = response.candidates
    assert first.items == (Message(Role.ASSISTANT, (Text("a"), Refusal("no"))),)
    assert (second.reason, second.logprobs) == (FinishReason.LENGTH, (logprob,))


def test_relayed_bytes_are_joined() -> None:
    assert fold(RelayedBytes(b"{"), RelayedBytes(b"}")).relayed == b"{}"


def test_an_answer_that_did_not_finish_is_no_response() -> None:
    builder = ResponseBuilder()
    builder.add([ResponseStarted("id", "model"), TextDelta("half")])
    with pytest.raises(ValueError, match="not finished"):
        builder.build()
