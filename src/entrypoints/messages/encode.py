"""A whole response -> a message, and what its stream has in common with it."""

from collections.abc import Mapping
from typing import Any, Final, assert_never

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
from .sealing import seal_thinking

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


# Any: of an envelope only what every envelope has is read
def encode_message(head: AnswerHead[Any], response: Response, sealer: Sealer) -> bytes:
    """Return the body of a whole answer: the upstream's own where it was relayed.

    A message has one answer: of several candidates, which cannot be asked for, it is the first.
    """
    if response.relayed is not None:
        return response.relayed
    candidate = response.candidates[0]
    content: list[ContentBlock] = []
    refusal: list[str] = []
    called = False
    for item in candidate.items:
        called |= isinstance(item, ToolCall)
        _add_item(content, refusal, item, sealer, head.tenant)
    _leave_out_last_proofs(content)
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
    content: list[ContentBlock], refusal: list[str], item: Item, sealer: Sealer, tenant: str
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
            thoughts = encode_thoughts(item, sealer, tenant)
            if thoughts is not None:
                content.append(thoughts)
        case ToolCall():
            content.append(ToolUseBlock(item.id, item.name, _encode_input(item)))
        case OpaqueItem():
            if item.dialect is Dialect.MESSAGES:
                content.append(item.value)
        case ToolResult() | Compaction():
            pass  # no model says them
        case _:
            assert_never(item)


def _leave_out_last_proofs(content: list[ContentBlock]) -> None:
    """Take thoughts without words from the end: Claude never ends so, and clients count on that.

    A vendor (Gemini) that proves an answer without calls does not insist on getting it back.
    """
    end = len(content)
    while end and _is_proof(content[end - 1]):
        end -= 1
    if end:
        del content[end:]


def _is_proof(block: ContentBlock) -> bool:
    return isinstance(block, RedactedBlock) or (
        isinstance(block, ThinkingBlock) and not block.thinking
    )


def encode_thoughts(
    item: Reasoning, sealer: Sealer, tenant: str
) -> ThinkingBlock | RedactedBlock | None:
    """Return the block of thoughts; None for those without words or proof."""
    proof = item.proof
    if proof is None and not item.text:
        return None
    if is_redacted(item.text, proof):
        return RedactedBlock(proof.value if proof is not None else "")
    return ThinkingBlock(item.text, encode_signature(item, sealer, tenant))


def is_redacted(text: str, proof: Proof | None) -> bool:
    """Return whether thoughts are a block of Claude's that is nothing but proof."""
    return (
        not text
        and proof is not None
        and proof.vendor is Vendor.ANTHROPIC
        and proof.kind == "redacted_thinking"
    )


def encode_signature(item: Reasoning, sealer: Sealer, tenant: str) -> str:
    """Return Claude's signature as it is, and of whatever else proves thoughts our envelope."""
    match item.proof:
        case Proof(vendor=Vendor.ANTHROPIC, kind="signature", value=value):
            return value
        case _:
            return seal_thinking(sealer, tenant, item)


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
