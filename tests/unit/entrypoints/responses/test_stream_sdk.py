"""Our streams through the official SDK, which checks every event against its own types."""

import httpx2
import openai
import pytest
from hypothesis import given
from openai.types.responses import (
    ResponseFunctionToolCall,
    ResponseOutputMessage,
    ResponseReasoningItem,
)

from modelmux.domain.conversation import Proof, Vendor
from modelmux.domain.events import (
    FinishReason,
    MessageStarted,
    ReasoningDelta,
    ReasoningFinished,
    ResponseFinished,
    ResponseStarted,
    StreamEvent,
    TextDelta,
    ToolCallDelta,
    ToolCallStarted,
    Usage,
)
from modelmux.domain.turn import Turn
from modelmux.entrypoints.client_dialect import AnswerHead
from modelmux.entrypoints.errors import UNEXPECTED
from modelmux.entrypoints.responses.envelope import ResponsesEnvelope
from modelmux.entrypoints.responses.handler import responses_dialect
from modelmux.entrypoints.responses.turn_wire import ResponsesWire
from tests.support.lawful_answers import lawful_answers
from tests.support.responses_records import RESPONSE_ID, OpenSealer, asked, whole_stream

SEALER = OpenSealer()
WIRE = ResponsesWire(SEALER)
STATELESS = asked(store=False)
ANSWER: list[StreamEvent] = [
    ResponseStarted("", ""),
    ReasoningDelta("th"),
    ReasoningFinished(Proof(Vendor.ANTHROPIC, "claude", "signature", "s1g")),
    MessageStarted("commentary"),
    TextDelta("Hel"),
    TextDelta("lo"),
    ToolCallStarted(0, "call_a", "f"),
    ToolCallStarted(1, "call_b", "g"),
    ToolCallDelta(1, '{"b":'),
    ToolCallDelta(0, '{"a":1}'),
    ToolCallDelta(1, "2}"),
    ResponseFinished((FinishReason.TOOL_CALLS,), Usage(3, 4, 1, 1, 2)),
]


def client(body: bytes, content_type: str = "text/event-stream") -> openai.OpenAI:
    def answer(request: httpx2.Request) -> httpx2.Response:
        return httpx2.Response(200, headers={"content-type": content_type}, content=body)

    return openai.OpenAI(
        api_key="k",
        base_url="http://gateway/v1",
        http_client=httpx2.Client(transport=httpx2.MockTransport(answer)),
        _strict_response_validation=True,
    )


def accumulated(body: bytes) -> tuple[list[str], list[str]]:
    """Return the types of the events that the SDK's helper gives, and the status of each end."""
    kinds: list[str] = []
    ends: list[str] = []
    with client(body).responses.stream(model="m", input="Hi") as stream:
        for event in stream:
            kinds.append(event.type)
            if (
                event.type == "response.completed"
                or event.type == "response.incomplete"
                or event.type == "response.failed"
            ):
                ends.append(str(event.response.status))
    return kinds, ends


def test_the_sdk_puts_together_what_was_said() -> None:
    body = b"".join(whole_stream(WIRE, STATELESS, ANSWER))
    with client(body).responses.stream(model="m", input="Hi") as stream:
        response = stream.get_final_response()
    assert response.id == RESPONSE_ID
    assert response.output_text == "Hello"
    assert response.usage is not None
    assert response.usage.output_tokens_details.reasoning_tokens == 2
    thoughts, message, first, second = response.output
    assert isinstance(thoughts, ResponseReasoningItem)
    assert thoughts.encrypted_content
    assert [part.text for part in thoughts.summary] == ["th"]
    assert isinstance(message, ResponseOutputMessage)
    assert message.phase == "commentary"
    assert isinstance(first, ResponseFunctionToolCall)
    assert isinstance(second, ResponseFunctionToolCall)
    assert (first.arguments, second.arguments) == ('{"a":1}', '{"b":2}')


def test_the_sdk_reads_a_whole_response() -> None:
    frames = whole_stream(WIRE, STATELESS, ANSWER)
    body = frames[-2].partition(b'"response":')[2].rpartition(b',"sequence_number"')[0]
    response = client(body, "application/json").responses.create(model="m", input="Hi")
    assert response.output_text == "Hello"
    assert response.status == "completed"


@given(lawful_answers())
def test_the_sdk_takes_any_stream(events: list[StreamEvent]) -> None:
    frames = whole_stream(WIRE, STATELESS, events)
    kinds, ends = accumulated(b"".join(frames))
    assert len(kinds) == len(frames) - 1
    assert ends in (["completed"], ["incomplete"])


def test_the_sdk_is_as_strict_as_we_think() -> None:
    body = b"".join(whole_stream(WIRE, STATELESS, ANSWER))
    for lost in (b'"logprobs":[],', b'"output_index":1,'):
        with pytest.raises(openai.APIResponseValidationError):
            accumulated(body.replace(lost, b""))


@pytest.mark.parametrize("count", [0, 1, 6, 10])
def test_the_sdk_is_told_of_a_failure_once(count: int) -> None:
    dialect = responses_dialect(SEALER)
    head = AnswerHead(RESPONSE_ID, 1, ResponsesEnvelope("m", True), Turn(STATELESS))
    encoder = dialect.stream_encoder(head)
    body = (encoder.encode(ANSWER[:count]) if count else b"") + encoder.refuse(UNEXPECTED, "req_1")
    kinds, ends = accumulated(body)
    assert kinds[:2] == ["response.created", "response.in_progress"]
    assert kinds[-1] == "response.failed"
    assert ends == ["failed"]
