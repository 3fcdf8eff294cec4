"""Responses and conversations as tests keep them, and the stores they keep them in."""

from dataclasses import dataclass

from modelmux.adapters.memory.clock import ManualClock
from modelmux.application.ports import EventLog, Leases, StateLimits, StateStore
from modelmux.domain.conversation import (
    Compaction,
    ImageData,
    Item,
    Message,
    OpaqueItem,
    Proof,
    Reasoning,
    Role,
    Text,
    ToolCall,
    ToolResult,
    Vendor,
)
from modelmux.domain.events import FinishReason, TokenLogprob, Usage
from modelmux.domain.turn import Conversation, Failure, KeptItem, ResponseRecord, Status

LIMITS = StateLimits(
    ttl_s=10_000.0,
    response_bytes=200_000,
    tenant_responses=4,
    responses=6,
    tenant_conversations=3,
    conversations=5,
    conversation_items=1_200,
    in_use_s=100.0,
)
"""What a store under test is given: small enough to be passed."""

LONG_S = LIMITS.ttl_s + LIMITS.in_use_s
"""A store may note a use late, and then lets a response live longer by at most `in_use_s`."""

SETTLED = (Status.COMPLETED, Status.INCOMPLETE, Status.FAILED, Status.CANCELLED)


def said(text: str) -> Message:
    return Message(Role.USER, (Text(text),))


def record(
    id_: str,
    *,
    tenant: str = "acme",
    status: Status = Status.COMPLETED,
    previous: str | None = None,
    background: bool = False,
    text: str = "hello",
    created_at: float = 1.0,
) -> ResponseRecord:
    return ResponseRecord(
        tenant=tenant,
        id=id_,
        status=status,
        created_at=created_at,
        settings=b'{"model":"m"}',
        input=(said(text),),
        previous=previous,
        background=background,
    )


def running(id_: str, *, tenant: str = "acme", background: bool = True) -> ResponseRecord:
    return record(id_, tenant=tenant, status=Status.IN_PROGRESS, background=background)


def conversation(id_: str, *, tenant: str = "acme", created_at: float = 1.0) -> Conversation:
    return Conversation(tenant, id_, created_at, {"topic": "weather"})


def kept(id_: str, text: str = "hello") -> KeptItem:
    return KeptItem(id_, said(text))


def everything() -> ResponseRecord:
    """Return a record with something in every field and every kind of text."""
    proof = Proof(Vendor.OPENAI, "gpt", "encrypted_content", "AAA=", "rs_1")
    words = "NUL \x00 tab \t smile \U0001f600 هلا é ﷽"
    items: tuple[Item, ...] = (
        Message(Role.DEVELOPER, (Text(words), ImageData("image/png", "aGk=", "low")), "bob"),
        Reasoning(words, proof),
        ToolCall("call_\x00", "get", '{"a": 1}', "function", proof, "weather"),
        ToolResult("call_\x00", (Text(words, ({"type": "url_citation", "n": 10**30},)),), True),
        Compaction(words),
        OpaqueItem("web_search_call", {"type": "web_search_call", "x": [1, None, {"y": words}]}),
    )
    return ResponseRecord(
        tenant="acme",
        id="resp_whole",
        status=Status.INCOMPLETE,
        created_at=1_750_000_000.123,
        settings=bytes(range(256)),
        input=items,
        output=items[::-1],
        logprobs=(TokenLogprob("a", -0.5, (97,), (TokenLogprob("b", -1.5),)),),
        previous="resp_before",
        conversation="conv_1",
        store=True,
        background=True,
        streamed=True,
        completed_at=1_750_000_009.5,
        reason=FinishReason.LENGTH,
        usage=Usage(1, 2, 3, 4, 5),
        failure=Failure("server_error", words),
    )


@dataclass(frozen=True, slots=True)
class StateKit:
    """A store, empty and running, and what shares its memory; its limits are `LIMITS`."""

    store: StateStore
    leases: Leases
    log: EventLog
    clock: ManualClock
