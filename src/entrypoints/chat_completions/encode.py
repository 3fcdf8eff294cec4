"""Events -> chat completion chunks, and a whole response -> a chat completion.

A chunk is written from templates around the one text that changes: 0.3 us, where building and
encoding an object for it costs 3.
"""

from collections.abc import Mapping, Sequence
from typing import assert_never

import msgspec
from msgspec import UNSET

from ...domain.conversation import Message, Reasoning, Refusal, Text, ToolCall
from ...domain.events import (
    AnnotationAdded,
    EmbeddingsAdded,
    FinishReason,
    MessageStarted,
    OpaqueItemAdded,
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
from ...domain.response import Candidate, Response
from ..client_dialect import AnswerHead, StreamEncoder
from ..errors import Refusal as GatewayRefusal
from ..errors import encode_refusal
from ..sse import DONE, data_frame
from .answer_wire import (
    AnswerMessage,
    Choice,
    Completion,
    Logprob,
    Logprobs,
    TopLogprob,
    UsageDetailsIn,
    UsageDetailsOut,
    UsageShape,
)
from .envelope import ChatEnvelope
from .wire import CalledCustom, CalledFunction, CustomCall, FunctionCall

_encode = msgspec.json.Encoder().encode
# OpenAI has five words and its SDKs take no sixth.
_REASONS: Mapping[FinishReason, str] = {
    FinishReason.STOP: "stop",
    FinishReason.LENGTH: "length",
    FinishReason.TOOL_CALLS: "tool_calls",
    FinishReason.CONTENT_FILTER: "content_filter",
    FinishReason.PAUSED: "stop",
    FinishReason.OTHER: "stop",
}


class ChunkEncoder(StreamEncoder):
    """Writes the chunks of one stream; one encoder a stream."""

    __slots__ = (
        "_begun", "_custom", "_end", "_head", "_old_functions", "_prefix", "_relayed",
        "_usage_wanted",
    )  # fmt: skip

    def __init__(self, head: AnswerHead[ChatEnvelope]) -> None:
        envelope = head.envelope
        self._prefix = (
            b'data: {"id":%b,"object":"chat.completion.chunk","created":%d,"model":%b,'
            % (
                _encode(head.id),
                head.created,
                _encode(envelope.model),
            )
        )
        self._head = self._prefix + b'"choices":[{"index":0,"delta":{'
        self._usage_wanted = envelope.include_usage
        usage = b',"usage":null' if envelope.include_usage else b""
        self._end = b'},"logprobs":null,"finish_reason":null}]' + usage + b"}\n\n"
        self._old_functions = envelope.old_functions
        self._begun: set[int] = set()
        self._custom: set[tuple[int, int]] = set()
        self._relayed = False

    def encode(self, events: Sequence[StreamEvent]) -> bytes:
        """Return the chunks for `events`, joined."""
        out: list[bytes] = []
        for event in events:
            if type(event) is TextDelta:
                if event.choice not in self._begun:
                    self._begin(out, event.choice)
                if event.logprobs:
                    out.append(self._with_logprobs(event))
                else:
                    self._delta(out, event.choice, b'"content":' + _encode(event.text))
            elif type(event) is RelayedBytes:
                self._relayed = True
                out.append(event.data)
            else:
                self._rarer(out, event)
        return out[0] if len(out) == 1 else b"".join(out)

    def refuse(self, refusal: GatewayRefusal, request_id: str) -> bytes:
        return data_frame(encode_refusal(refusal, request_id))

    def _rarer(self, out: list[bytes], event: StreamEvent) -> None:
        match event:
            case ReasoningDelta(text, choice):
                self._delta(out, choice, b'"reasoning_content":' + _encode(text))
            case RefusalDelta(text, choice):
                self._delta(out, choice, b'"refusal":' + _encode(text))
            case ToolCallStarted() | ToolCallDelta() if self._old_functions and event.index > 0:
                pass  # the old form knows one call; decode asked for no more
            case ToolCallStarted():
                self._delta(out, event.choice, self._call_started(event))
            case ToolCallDelta():
                self._delta(out, event.choice, self._call_delta(event))
            case ResponseFinished():
                self._finish(out, event)
            case ResponseStarted() | MessageStarted() | ReasoningFinished():
                pass  # said by the first delta; phases and proofs have no place in this dialect
            case AnnotationAdded() | OpaqueItemAdded():
                pass  # only hosted tools bring them, which this dialect cannot ask for
            case TextDelta() | RelayedBytes():
                raise AssertionError("written by encode")
            case EmbeddingsAdded():
                raise AssertionError("not asked for in this dialect")
            case _:
                assert_never(event)

    def _begin(self, out: list[bytes], choice: int) -> None:
        self._begun.add(choice)
        self._delta(out, choice, b'"role":"assistant","content":""')

    def _delta(self, out: list[bytes], choice: int, delta: bytes) -> None:
        if choice not in self._begun:
            self._begin(out, choice)
        if choice == 0:
            out.append(self._head + delta + self._end)
        else:
            out.append(
                b'%b"choices":[{"index":%d,"delta":{%b%b' % (self._prefix, choice, delta, self._end)
            )

    def _with_logprobs(self, event: TextDelta) -> bytes:
        return b'%b"choices":[{"index":%d,"delta":{"content":%b},"logprobs":%b%b' % (
            self._prefix,
            event.choice,
            _encode(event.text),
            _encode(_encode_logprobs(event.logprobs)),
            self._end.removeprefix(b'},"logprobs":null'),
        )

    def _call_started(self, event: ToolCallStarted) -> bytes:
        name = _encode(event.name)
        if self._old_functions:
            return b'"function_call":{"name":%b,"arguments":""}' % name
        if event.kind == "custom":
            self._custom.add((event.choice, event.index))
            body = b'"type":"custom","custom":{"name":%b,"input":""}' % name
        else:
            body = b'"type":"function","function":{"name":%b,"arguments":""}' % name
        return b'"tool_calls":[{"index":%d,"id":%b,%b}]' % (event.index, _encode(event.id), body)

    def _call_delta(self, event: ToolCallDelta) -> bytes:
        arguments = _encode(event.arguments)
        if self._old_functions:
            return b'"function_call":{"arguments":%b}' % arguments
        if (event.choice, event.index) in self._custom:
            return b'"tool_calls":[{"index":%d,"custom":{"input":%b}}]' % (event.index, arguments)
        return b'"tool_calls":[{"index":%d,"function":{"arguments":%b}}]' % (event.index, arguments)

    def _finish(self, out: list[bytes], event: ResponseFinished) -> None:
        if self._relayed:
            return  # the upstream's own last chunks have gone by
        usage = b',"usage":null' if self._usage_wanted else b""
        for choice, reason in enumerate(event.reasons):
            if choice not in self._begun:
                self._begin(out, choice)
            out.append(
                b'%b"choices":[{"index":%d,"delta":{},"logprobs":null,"finish_reason":"%b"}]%b}\n\n'
                % (self._prefix, choice, _reason(reason, self._old_functions).encode(), usage)
            )
        if self._usage_wanted and event.usage is not None:
            told = _encode(_encode_usage(event.usage))
            out.append(b'%b"choices":[],"usage":%b}\n\n' % (self._prefix, told))
        out.append(DONE)


def encode_response(head: AnswerHead[ChatEnvelope], response: Response) -> bytes:
    """Return the body of a whole answer: the upstream's own where it was relayed."""
    if response.relayed is not None:
        return response.relayed
    old = head.envelope.old_functions
    return _encode(
        Completion(
            id=head.id,
            created=head.created,
            model=head.envelope.model,
            choices=[
                _encode_choice(number, it, old) for number, it in enumerate(response.candidates)
            ],
            usage=_encode_usage(response.usage) if response.usage is not None else UNSET,
        )
    )


def _encode_choice(number: int, candidate: Candidate, old_functions: bool) -> Choice:
    text: list[str] = []
    refusal: list[str] = []
    thoughts: list[str] = []
    calls: list[ToolCall] = []
    for item in candidate.items:
        if isinstance(item, ToolCall):
            calls.append(item)
        elif isinstance(item, Reasoning):
            thoughts.append(item.text)
        elif isinstance(item, Message):
            text.extend(part.text for part in item.parts if isinstance(part, Text))
            refusal.extend(part.text for part in item.parts if isinstance(part, Refusal))
    message = AnswerMessage(
        content="".join(text) if text or not (calls or refusal) else None,
        refusal="".join(refusal) if refusal else None,
        reasoning_content="".join(thoughts) if any(thoughts) else UNSET,
        tool_calls=[_encode_call(call) for call in calls] if calls and not old_functions else UNSET,
        function_call=(
            CalledFunction(calls[0].name, calls[0].arguments) if calls and old_functions else UNSET
        ),
    )
    logprobs = _encode_logprobs(candidate.logprobs) if candidate.logprobs else None
    return Choice(number, message, _reason(candidate.reason, old_functions), logprobs)


def _encode_call(call: ToolCall) -> FunctionCall | CustomCall:
    if call.kind == "custom":
        return CustomCall(call.id, CalledCustom(call.name, call.arguments))
    return FunctionCall(call.id, CalledFunction(call.name, call.arguments or "{}"))


def _reason(reason: FinishReason, old_functions: bool) -> str:
    if old_functions and reason is FinishReason.TOOL_CALLS:
        return "function_call"
    return _REASONS[reason]


def _encode_usage(usage: Usage) -> UsageShape:
    return UsageShape(
        usage.input_tokens,
        usage.output_tokens,
        usage.total_tokens,
        UsageDetailsIn(usage.cached_tokens, usage.cache_write_tokens),
        UsageDetailsOut(usage.reasoning_tokens),
    )


def _encode_logprobs(logprobs: Sequence[TokenLogprob]) -> Logprobs:
    return Logprobs(
        [
            Logprob(
                it.token,
                it.logprob,
                it.bytes,
                [TopLogprob(top.token, top.logprob, top.bytes) for top in it.top],
            )
            for it in logprobs
        ]
    )
