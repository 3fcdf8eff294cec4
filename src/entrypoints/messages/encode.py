"""A whole response -> a message, and what its stream has in common with it."""

from collections.abc import Mapping
from typing import Final, assert_never

import msgspec
from msgspec import UNSET, Raw

from ...application.ports import Sealer
from ...domain.conversation import (
    Compaction,
    Item,
    Message,
    OpaqueItem,
    Proof,
    Reasoning,
    Refusal,
    Text,
    ToolCall,
    ToolResult,
    Vendor,
)
from ...domain.dialect import Dialect
from ...domain.events import FinishReason, Usage
from ...domain.json_values import JsonObject
from ...domain.response import Response
from ..client_dialect import AnswerHead
from ..sealing import seal_reasoning
from .answer_wire import (
    ContentBlock,
    CustomInput,
    OutputDetails,
    RedactedBlock,
    Stop,
    StopDetails,
    TextBlock,
    ThinkingBlock,
    ToolUseBlock,
    UnparsedInput,
    UsageShape,
    WholeMessage,
)
from .call_ids import encode_call_id
from .envelope import MessagesEnvelope

_encode = msgspec.json.Encoder().encode
_OBJECT = msgspec.json.Decoder(dict[str, Raw])
_REASONS: Mapping[FinishReason, str] = {
    FinishReason.STOP: "end_turn",
    FinishReason.LENGTH: "max_tokens",
    FinishReason.TOOL_CALLS: "tool_use",
    FinishReason.CONTENT_FILTER: "refusal",
    FinishReason.PAUSED: "pause_turn",
    FinishReason.OTHER: "end_turn",
}
_ENDED: Final = (FinishReason.STOP, FinishReason.OTHER)
# Those that Messages has; a citation of another dialect lacks what its clients need of one.
_CITATIONS: Final = frozenset(
    {
        "char_location",
        "page_location",
        "content_block_location",
        "web_search_result_location",
        "search_result_location",
    }
)
_NO_USAGE = Usage()


def encode_message(head: AnswerHead[MessagesEnvelope], response: Response, sealer: Sealer) -> bytes:
    """Return the body of a whole answer: the upstream's own where it was relayed.

    A message has one answer: of several candidates, which cannot be asked for, it is the first.
    """
    if response.relayed is not None:
        return response.relayed
    candidate = response.candidates[0]
    content: list[ContentBlock] = []
    refusal: list[str] = []
    called, end = False, 0
    for item in candidate.items:
        called |= isinstance(item, ToolCall)
        before = len(content)
        _add_item(content, refusal, item, sealer, head)
        if len(content) > before and (not isinstance(item, Reasoning) or item.text):
            end = len(content)
    # Claude never ends with thoughts without words, and clients count on its last block. Who
    # proves an answer so (Gemini, one without calls) does not insist on getting that back.
    if end:
        del content[end:]
    stop = encode_stop(
        candidate.reason, response.matched_stop, called=called, refusal="".join(refusal)
    )
    return _encode(
        WholeMessage(
            id=head.id,
            model=head.envelope.model,
            content=content,
            stop_reason=stop.stop_reason,
            stop_sequence=stop.stop_sequence,
            stop_details=stop.stop_details,
            usage=encode_usage(response.usage),
        )
    )


def _add_item(
    content: list[ContentBlock],
    refusal: list[str],
    item: Item,
    sealer: Sealer,
    head: AnswerHead[MessagesEnvelope],
) -> None:
    match item:
        case Message(parts=parts):
            for part in parts:
                # A client could not send an empty block back.
                if isinstance(part, Text) and part.text:
                    cited = [it for it in part.annotations if is_citation(it)]
                    content.append(TextBlock(part.text, cited or UNSET))
                elif isinstance(part, Refusal) and part.text:
                    content.append(TextBlock(part.text))
                    refusal.append(part.text)
        case Reasoning():
            omit = head.envelope.omit_thoughts
            thoughts = _encode_thoughts(item, sealer, head.tenant, omit=omit)
            if thoughts is not None:
                content.append(thoughts)
        case ToolCall():
            content.append(ToolUseBlock(encode_call_id(item.id), item.name, _encode_input(item)))
        case OpaqueItem():
            if item.dialect is Dialect.MESSAGES:
                content.append(item.value)
        case ToolResult() | Compaction():
            pass  # no model says them
        case _:
            assert_never(item)


def _encode_thoughts(
    item: Reasoning, sealer: Sealer, tenant: str, *, omit: bool
) -> ThinkingBlock | RedactedBlock | None:
    """Return the block of thoughts; None for those without words or proof."""
    proof = item.proof
    if proof is None and not item.text:
        return None
    if is_redacted(item.text, proof):
        return RedactedBlock(proof.value if proof is not None else "")
    words = "" if omit else item.text
    return ThinkingBlock(words, encode_signature(item, sealer, tenant, omit=omit))


def is_redacted(text: str, proof: Proof | None) -> bool:
    """Return whether thoughts are a block of Claude's that is nothing but proof."""
    return (
        not text
        and proof is not None
        and proof.vendor is Vendor.ANTHROPIC
        and proof.kind == "redacted_thinking"
    )


def encode_signature(item: Reasoning, sealer: Sealer, tenant: str, *, omit: bool) -> str:
    """Return Claude's signature as it is, and of whatever else proves thoughts our envelope.

    Words that the caller does not get (`omit`) are in the envelope: the vendor may want them back.
    """
    match item.proof:
        case Proof(vendor=Vendor.ANTHROPIC, kind="signature", value=value) if not (
            omit and item.text
        ):
            return value
        case _:
            return seal_reasoning(sealer, tenant, item)


def is_citation(annotation: JsonObject) -> bool:
    """Return whether Messages has this kind of annotation."""
    return annotation.get("type") in _CITATIONS


def is_object(arguments: str) -> bool:
    """Return whether `arguments` are a JSON object."""
    try:
        _OBJECT.decode(arguments)
    except (msgspec.DecodeError, RecursionError):
        return False
    return True


def encode_unparsed(arguments: str) -> bytes:
    """Return the input for arguments that are no JSON object."""
    return _encode(UnparsedInput(arguments))


def _encode_input(call: ToolCall) -> Raw:
    arguments = call.arguments
    if call.kind == "custom":
        return Raw(_encode(CustomInput(arguments)))
    if not arguments.strip():
        return Raw(b"{}")
    return Raw(arguments.encode() if is_object(arguments) else encode_unparsed(arguments))


def encode_stop(
    reason: FinishReason, matched_stop: str | None, *, called: bool, refusal: str
) -> Stop:
    """Return why the answer ended; `refusal` is what the model said for not answering."""
    if called and reason in _ENDED:
        # Servers say so of a call that the caller has forced; clients run tools by this word.
        return Stop("tool_use")
    if reason is FinishReason.CONTENT_FILTER or (refusal and reason in _ENDED):
        return Stop("refusal", None, StopDetails(explanation=refusal or None))
    if reason is FinishReason.STOP and matched_stop is not None:
        return Stop("stop_sequence", matched_stop)
    if reason is FinishReason.TOOL_CALLS and not called:
        return Stop("end_turn")
    return Stop(_REASONS[reason])


def encode_usage(usage: Usage | None) -> UsageShape:
    """Return the figures; noughts where the upstream tells none, as clients must have them."""
    told = usage or _NO_USAGE
    fresh = told.input_tokens - told.cached_tokens - told.cache_write_tokens
    return UsageShape(
        max(fresh, 0),
        told.cache_write_tokens,
        told.cached_tokens,
        told.output_tokens,
        OutputDetails(told.reasoning_tokens),
    )
