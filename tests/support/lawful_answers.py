"""Any answer that keeps the laws of `domain.events`, as hypothesis draws it."""

from typing import Final

from hypothesis import strategies as st

from modelmux.domain.conversation import OpaqueItem, Proof, ToolKind, Vendor
from modelmux.domain.events import (
    AnnotationAdded,
    FinishReason,
    MessageStarted,
    OpaqueItemAdded,
    ReasoningDelta,
    ReasoningFinished,
    RefusalDelta,
    ResponseFinished,
    ResponseStarted,
    StreamEvent,
    TextDelta,
    TokenLogprob,
    ToolCallDelta,
    ToolCallStarted,
    Usage,
)
from modelmux.domain.json_values import JsonObject

_TEXT = st.text('aé\n\r"\\\u2028\U0001f600 {', max_size=6)
_PROOF = st.builds(
    Proof,
    st.sampled_from(Vendor),
    st.just("model"),
    st.sampled_from(["signature", "encrypted_content"]),
    st.sampled_from(["AbC=", "x" * 40]),
    st.sampled_from([None, "rs_upstream"]),
)
_USAGE = st.builds(
    Usage, st.integers(0, 9), st.integers(5, 9), st.integers(0, 3), st.integers(0, 3),
    st.integers(0, 4),
)  # fmt: skip
_ANNOTATION: Final[JsonObject] = {
    "type": "url_citation",
    "url": "https://example.com/",
    "title": "A page",
    "start_index": 0,
    "end_index": 1,
}
_SEARCH: Final[JsonObject] = {
    "type": "web_search_call",
    "id": "ws_upstream",
    "status": "completed",
    "action": {"type": "search", "query": "q", "queries": ["q"]},
}
_KINDS: Final[tuple[ToolKind, ...]] = ("function", "custom")
_STEPS = (
    "message", "text", "text", "annotation", "refusal", "think", "think", "thought", "call",
    "call", "arguments", "arguments", "opaque",
)  # fmt: skip


@st.composite
def lawful_answers(draw: st.DrawFn, *, newer: bool = True) -> list[StreamEvent]:
    """Draw the events of a whole answer: started, anything in any order, finished.

    `newer` allows what Open Responses does not know: custom tools and what hosted tools bring.
    """
    events: list[StreamEvent] = [ResponseStarted("up_1", "upstream")]
    logprobs = draw(st.booleans())
    calls, in_text = 0, False
    for step in draw(st.lists(st.sampled_from(_STEPS), max_size=14)):
        match step:
            case "message":
                phase = draw(st.sampled_from([None, "commentary", "final_answer"]))
                events.append(MessageStarted(phase))
            case "text":
                events.append(_text(draw(_TEXT), logprobs=logprobs))
            case "annotation" if in_text:
                events.append(AnnotationAdded(dict(_ANNOTATION)))
            case "refusal":
                events.append(RefusalDelta(draw(_TEXT)))
            case "think":
                events.append(ReasoningDelta(draw(_TEXT)))
            case "thought":
                events.append(ReasoningFinished(draw(st.none() | _PROOF)))
            case "call":
                kind: ToolKind = draw(st.sampled_from(_KINDS if newer else _KINDS[:1]))
                proof, namespace = draw(st.none() | _PROOF), draw(st.sampled_from([None, "ns"]))
                id_, name = f"call_{calls}", f"tool_{calls}"
                events.append(ToolCallStarted(calls, id_, name, kind, proof, namespace=namespace))
                calls += 1
            case "arguments" if calls:
                events.append(ToolCallDelta(draw(st.integers(0, calls - 1)), draw(_TEXT)))
            case "opaque" if newer:
                events.append(OpaqueItemAdded(OpaqueItem("web_search_call", dict(_SEARCH))))
            case _:
                continue
        in_text = isinstance(events[-1], TextDelta | AnnotationAdded) or (
            in_text and isinstance(events[-1], ToolCallDelta)
        )
    reason = draw(st.sampled_from(FinishReason))
    events.append(ResponseFinished((reason,), draw(st.none() | _USAGE)))
    return events


def _text(text: str, *, logprobs: bool) -> TextDelta:
    tokens = [text[place : place + 2] for place in range(0, len(text), 2)] if logprobs else []
    return TextDelta(
        text,
        logprobs=tuple(
            TokenLogprob(token, -0.5, None if "a" in token else (1, 2), (TokenLogprob("b", -1.0),))
            for token in tokens
        ),
    )
