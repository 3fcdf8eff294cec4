"""Answers -> each dialect -> the domain: streamed and whole say the same, and what was answered.

Our own decoders of each language read what our entrypoints write. What a dialect has no words for
is taken from the expected by a function that says why; everything else has to be there again.
"""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import msgspec
from hypothesis import given, settings

from modelmux.adapters.anthropic_messages import decode as messages_in
from modelmux.adapters.openai_chat import decode as chat_in
from modelmux.adapters.openai_responses import decode as responses_in
from modelmux.application.adjusting.custom_tools import text_of
from modelmux.application.ports import SEAL_MARK
from modelmux.domain.conversation import (
    Item,
    Message,
    OpaqueItem,
    Part,
    Proof,
    Reasoning,
    Refusal,
    Role,
    Text,
    ToolCall,
    Vendor,
)
from modelmux.domain.dialect import Dialect
from modelmux.domain.events import (
    CUT_SHORT,
    AnnotationAdded,
    FinishReason,
    OpaqueItemAdded,
    ReasoningDelta,
    ReasoningFinished,
    ResponseFinished,
    StreamEvent,
    TextDelta,
    TokenLogprob,
    ToolCallStarted,
    Usage,
)
from modelmux.domain.json_values import JsonObject
from modelmux.domain.response import Response
from modelmux.entrypoints.chat_completions.encode import ChunkEncoder, encode_response
from modelmux.entrypoints.chat_completions.envelope import ChatEnvelope
from modelmux.entrypoints.client_dialect import AnswerHead
from modelmux.entrypoints.messages.encode import encode_message
from modelmux.entrypoints.messages.envelope import MessagesEnvelope
from modelmux.entrypoints.messages.stream import MessageStream
from modelmux.entrypoints.responses.turn_wire import ResponsesWire
from modelmux.entrypoints.sealing import open_reasoning
from tests.support.lawful_answers import lawful_answers
from tests.support.responses_records import OpenSealer, answered, asked, whole_stream
from tests.support.streams import fold, read_chunks

_decode = msgspec.json.Decoder(dict[str, Any]).decode  # Any: what a tool is called with
SEALER = OpenSealer()
TENANT = "acme"
ASKED = settings(max_examples=200, deadline=None)


@dataclass(frozen=True, slots=True)
class Told:
    """What an answer amounts to, without its id and model, which are the gateway's own."""

    items: tuple[Item, ...]
    reason: FinishReason
    usage: Usage | None
    logprobs: tuple[TokenLogprob, ...] = ()
    matched_stop: str | None = None


def told(response: Response) -> Told:
    (candidate,) = response.candidates
    return Told(
        candidate.items,
        candidate.reason,
        response.usage,
        candidate.logprobs,
        response.matched_stop,
    )


# Chat completions.

CHAT = AnswerHead("id", 7, ChatEnvelope("m", stream=True, include_usage=True))
CHAT_READING = chat_in.Reading("m")


@given(lawful_answers())
@ASKED
def test_chat_completions_tell_what_was_answered(events: list[StreamEvent]) -> None:
    response = fold(events)
    body = encode_response(CHAT, response)
    whole = fold(chat_in.decode_whole(body, reading=CHAT_READING))
    chunks = ChunkEncoder(CHAT).encode(events)
    streamed = fold(read_chunks(lambda: chat_in.ChunkDecoder(CHAT_READING), [chunks]))
    assert in_one_message(told(whole)) == in_one_message(told(streamed)) == of_chat(told(response))


def of_chat(answer: Told) -> Told:
    """What chat completions has words for: five reasons, and texts, thoughts and calls."""
    items = tuple(
        item if not isinstance(item, ToolCall) else replace(item, proof=None, namespace=None)
        for item in answer.items
        if not isinstance(item, OpaqueItem)
    )
    called = any(isinstance(item, ToolCall) for item in items)
    reason = answer.reason
    if reason in (FinishReason.OTHER, FinishReason.PAUSED):
        reason = FinishReason.STOP
    if reason is FinishReason.STOP and called:
        reason = FinishReason.TOOL_CALLS
    return in_one_message(replace(answer, items=items, reason=reason))


def in_one_message(answer: Told) -> Told:
    """A chat message has one text, one refusal, one thought, and its calls behind them.

    Citations come from tools of the vendor's own, which cannot be asked for; proofs have no place
    (the gateway keeps them for the next turn); and a call without arguments has an empty object.
    """
    parts = [part for item in answer.items if isinstance(item, Message) for part in item.parts]
    thoughts = "".join(item.text for item in answer.items if isinstance(item, Reasoning))
    words = "".join(part.text for part in parts if isinstance(part, Text))
    refusal = "".join(part.text for part in parts if isinstance(part, Refusal))
    items: list[Item] = [Reasoning(thoughts)] if thoughts else []
    items += said(Text(words) if words else None, Refusal(refusal) if refusal else None)
    items += with_objects(item for item in answer.items if isinstance(item, ToolCall))
    return replace(answer, items=tuple(items))


def said(*parts: Part | None) -> list[Item]:
    given = tuple(part for part in parts if part is not None)
    return [Message(Role.ASSISTANT, given)] if given else []


def with_objects(calls: Iterable[ToolCall]) -> list[ToolCall]:
    return [
        replace(call, arguments="{}") if call.kind == "function" and not call.arguments else call
        for call in calls
    ]


# Responses.

RESPONSES_READING = responses_in.Reading("m")


def cited_in_words(events: list[StreamEvent]) -> list[StreamEvent]:
    """Return `events` with words wherever there may be a citation of them: none has no place."""
    if not any(isinstance(event, AnnotationAdded) for event in events):
        return events
    return [TextDelta("t") if event == TextDelta("") else event for event in events]


@given(lawful_answers().map(cited_in_words))
@ASKED
def test_responses_tell_what_was_answered(events: list[StreamEvent]) -> None:
    wire = ResponsesWire(SEALER)
    record = asked(store=False, include=["message.output_text.logprobs"])
    body = wire.body(answered(record, events))
    whole = fold(responses_in.decode_whole(body, reading=RESPONSES_READING))
    frames = whole_stream(wire, record, events)
    streamed = fold(read_chunks(lambda: responses_in.EventDecoder(RESPONSES_READING), frames))
    assert opened(told(whole)) == opened(told(streamed)) == of_responses(told(fold(events)))


def opened(answer: Told) -> Told:
    """Return `answer` with thoughts as they were before they were sealed for their client."""
    return replace(answer, items=tuple(filled(_opened(item) for item in answer.items)))


def filled(items: Iterable[Item]) -> Iterator[Item]:
    """Leave out texts and thoughts that say nothing: a stream of none is no item of its own."""
    for item in items:
        match item:
            case Message():
                parts = tuple(joined(item.parts))
                if parts:
                    yield replace(item, parts=parts)
            case Reasoning("", None):
                pass
            case ToolCall():
                yield from with_objects([item])
            case _:
                yield item


def joined(parts: Iterable[Part]) -> list[Part]:
    """Texts with nothing between them are one, and so are refusals."""
    one: list[Part] = []
    for part in parts:
        last = one[-1] if one else None
        if isinstance(part, Text) and isinstance(last, Text):
            one[-1] = Text(last.text + part.text, last.annotations + part.annotations)
        elif isinstance(part, Refusal) and isinstance(last, Refusal):
            one[-1] = Refusal(last.text + part.text)
        elif not isinstance(part, Text | Refusal) or part.text:
            one.append(part)
    return one


def _opened(item: Item) -> Item:
    match item:
        case Reasoning(_, Proof(value=sealed)) if sealed.startswith(SEAL_MARK):
            return open_reasoning(SEALER, TENANT, sealed)
        case OpaqueItem():
            return OpaqueItem(item.type, {**item.value, "id": "ours"})
        case _:
            return item


def of_responses(answer: Told) -> Told:
    """What the Responses API has words for: all but proofs of calls, which the gateway keeps.

    It has no word for why a whole answer ended: calls, or none. A token has its bytes there, which
    are those of its text where nobody told them.
    """
    called = any(isinstance(item, ToolCall) for item in answer.items)
    reason = answer.reason
    if reason not in CUT_SHORT:
        reason = FinishReason.TOOL_CALLS if called else FinishReason.STOP
    items = [
        replace(item, proof=None) if isinstance(item, ToolCall) else item for item in answer.items
    ]
    logprobs = tuple(spelt(token) for token in answer.logprobs)
    return opened(replace(answer, items=tuple(items), reason=reason, logprobs=logprobs))


def spelt(token: TokenLogprob) -> TokenLogprob:
    of_text = tuple(token.token.encode())
    top = tuple(spelt(one) for one in token.top)
    return replace(token, bytes=of_text if token.bytes is None else token.bytes, top=top)


# Messages.

CLAUDES = ("signature", "redacted_thinking")
HEAD = AnswerHead("msg_1", 12, MessagesEnvelope("m"), tenant=TENANT)


CITED: JsonObject = {
    "type": "char_location",
    "cited_text": "It rains.",
    "document_index": 0,
    "document_title": None,
    "start_char_index": 0,
    "end_char_index": 9,
}
SEARCH: JsonObject = {
    "type": "server_tool_use",
    "id": "srvtoolu_1",
    "name": "web_search",
    "input": {"query": "q"},
}


def from_claude(events: list[StreamEvent]) -> list[StreamEvent]:
    """Return `events` with what Claude alone brings in the place of what OpenAI alone does."""
    answer: list[StreamEvent] = []
    for event in events:
        match event:
            case TextDelta(""):
                answer.append(TextDelta("t"))  # what is cited has words
            case AnnotationAdded():
                answer.append(AnnotationAdded(dict(CITED)))
            case OpaqueItemAdded():
                item = OpaqueItem("server_tool_use", dict(SEARCH), Dialect.MESSAGES)
                answer.append(OpaqueItemAdded(item))
            case ReasoningFinished(Proof(Vendor.ANTHROPIC) as proof):
                alone = not isinstance(answer[-1], ReasoningDelta)
                kind = "redacted_thinking" if alone else proof.kind
                answer.append(ReasoningFinished(replace(proof, kind=kind)))
            case ResponseFinished((FinishReason.STOP,)):
                answer.append(replace(event, matched_stop="END"))
            case _:
                answer.append(event)
    return answer


@given(lawful_answers() | lawful_answers().map(from_claude))
@ASKED
def test_messages_tell_what_was_answered(events: list[StreamEvent]) -> None:
    response = fold(events)
    custom = {
        event.name
        for event in events
        if isinstance(event, ToolCallStarted) and event.kind == "custom"
    }
    body = encode_message(HEAD, response, SEALER)
    whole = fold(messages_in.decode_whole(body, model="m", opaque=True))
    frames = MessageStream(HEAD, SEALER).encode(events)
    streamed = fold(
        read_chunks(lambda: messages_in.MessagesStreamDecoder("m", opaque=True), [frames])
    )
    assert (
        of_claude(in_free_text(told(whole), custom))
        == of_claude(in_free_text(told(streamed), custom))
        == of_messages(told(response))
    )


def in_free_text(answer: Told, custom: set[str]) -> Told:
    """Return `answer` with free text where the tool takes one: a message has functions alone."""
    items = (
        replace(item, kind="custom", arguments=text_of(item.arguments) or "")
        if isinstance(item, ToolCall) and item.name in custom
        else item
        for item in answer.items
    )
    return replace(answer, items=tuple(items))


def of_claude(answer: Told) -> Told:
    """Return `answer` with neighbouring texts as one, thoughts unsealed, inputs as they were.

    A stream passes arguments on before it is known whether they will be an object; a whole message
    has others as a member of one.
    """
    items: list[Item] = []
    for item in answer.items:
        last = items[-1] if items else None
        match item:
            case Message() if isinstance(last, Message):
                items[-1] = in_one_text(*last.parts, *item.parts)
            case Message():
                items.append(in_one_text(*item.parts))
            case Reasoning():
                items.append(unsealed(item))
            case ToolCall(arguments=arguments, kind="function"):
                items.append(replace(item, arguments=parsed(arguments)))
            case _:
                items.append(item)
    return replace(answer, items=tuple(items))


def in_one_text(*parts: Part) -> Message:
    """Why the model refuses is told apart, behind the texts: it has been a text already."""
    texts = [part for part in parts if isinstance(part, Text)]
    words = "".join(text.text for text in texts)
    cited = tuple(citation for text in texts for citation in text.annotations)
    refusal = "".join(part.text for part in parts if isinstance(part, Refusal))
    text = Text(words, cited) if words else None
    (message,) = said(text, Refusal(refusal) if refusal else None)
    assert isinstance(message, Message)
    return message


def unsealed(item: Reasoning) -> Reasoning:
    if item.proof is not None and item.proof.value.startswith(SEAL_MARK):
        return open_reasoning(SEALER, TENANT, item.proof.value)
    return item


def parsed(arguments: str) -> str:
    try:
        value = _decode(arguments.strip() or "{}")
    except msgspec.DecodeError:
        return arguments
    if value.keys() == {"unparsed_arguments"}:
        return str(value["unparsed_arguments"])
    return json.dumps(value)


def of_messages(answer: Told) -> Told:
    """What Messages has words for.

    Its own kinds of citations and of vendor's tools; no token's odds, no phases or namespaces;
    proofs of thoughts, in an envelope where they are not Claude's, but not of calls, which the
    gateway keeps. Figures it must have, noughts where nobody knows them.
    """
    items: list[Item] = []
    refusal = ""
    for item in filled(answer.items):
        match item:
            case Message():
                refusal += "".join(part.text for part in item.parts if isinstance(part, Refusal))
                items.append(replace(item, parts=tuple(map(as_text, item.parts)), phase=None))
            case Reasoning(text, Proof(Vendor.ANTHROPIC, _, kind, value)) if kind in CLAUDES:
                # Clients carry Claude's own as they are; who gives them back is asked as "m".
                items.append(Reasoning(text, Proof(Vendor.ANTHROPIC, "m", kind, value)))
            case ToolCall():
                items.append(replace(item, proof=None, namespace=None))
            case Reasoning() | OpaqueItem(dialect=Dialect.MESSAGES):
                items.append(item)
            case _:
                pass
    # A message does not end with thoughts without words, unless it has nothing else.
    spoken = [place for place, item in enumerate(items) if item_says(item)]
    if spoken:
        del items[spoken[-1] + 1 :]
    called = any(isinstance(item, ToolCall) for item in items)
    reason = reason_in_messages(answer.reason, called=called, refused=bool(refusal))
    if refusal and reason is FinishReason.CONTENT_FILTER:
        items.append(Message(Role.ASSISTANT, (Refusal(refusal),)))
    usage = answer.usage or Usage()
    least = usage.cached_tokens + usage.cache_write_tokens
    usage = replace(usage, input_tokens=max(usage.input_tokens, least))
    matched = answer.matched_stop if reason is FinishReason.STOP else None
    return of_claude(Told(tuple(items), reason, usage, matched_stop=matched))


def as_text(part: Part) -> Text:
    assert isinstance(part, Text | Refusal)
    annotations = part.annotations if isinstance(part, Text) else ()
    return Text(part.text, tuple(one for one in annotations if one["type"] == CITED["type"]))


def item_says(item: Item) -> bool:
    return not isinstance(item, Reasoning) or bool(item.text)


def reason_in_messages(reason: FinishReason, *, called: bool, refused: bool) -> FinishReason:
    ended = reason in (FinishReason.STOP, FinishReason.OTHER)
    if called and ended:
        return FinishReason.TOOL_CALLS
    if refused and ended:
        return FinishReason.CONTENT_FILTER
    if reason is FinishReason.OTHER or (reason is FinishReason.TOOL_CALLS and not called):
        return FinishReason.STOP
    return reason
