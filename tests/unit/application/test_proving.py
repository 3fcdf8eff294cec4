"""Proving: what a vendor signed comes back to it though the client carried nothing."""

from collections.abc import Iterable, Mapping
from dataclasses import replace

from modelmux.adapters.memory.clock import ManualClock
from modelmux.adapters.memory.observer import RecordingObserver
from modelmux.adapters.memory.proof_vault import MemoryProofVault
from modelmux.adapters.memory.scripted import Script, ScriptedProvider
from modelmux.application.filters.proving import Proving, put_back
from modelmux.application.ports import Event, KeptProof, ProofKey
from modelmux.domain.capabilities import Capabilities
from modelmux.domain.conversation import (
    Item,
    Message,
    Proof,
    Reasoning,
    Role,
    Text,
    ToolCall,
    ToolResult,
    Vendor,
)
from modelmux.domain.dialect import Dialect
from modelmux.domain.errors import StoreError
from modelmux.domain.events import (
    FinishReason,
    ReasoningDelta,
    ReasoningFinished,
    ResponseFinished,
    ResponseStarted,
    StreamEvent,
    ToolCallStarted,
)
from modelmux.domain.request import Caller, GenerationRequest, Verbatim
from modelmux.domain.tools import FunctionTool
from tests.support.asking import asking, content_of, drain, user

SIGNED = Proof(Vendor.ANTHROPIC, "m", "signature", "sig")
OTHER = Proof(Vendor.ANTHROPIC, "m", "signature", "sig-2")
ON_CALL = Proof(Vendor.GOOGLE, "g", "thought_signature", "tsig")
TOOLS = (FunctionTool("f"),)


class OpenVault(MemoryProofVault):
    """One to look into; `broken` makes it refuse."""

    def __init__(self, *, broken: bool = False) -> None:
        super().__init__(ManualClock())
        self.kept: dict[ProofKey, KeptProof] = {}
        self.broken = broken

    async def keep(self, proofs: Mapping[ProofKey, KeptProof]) -> None:
        if self.broken:
            raise StoreError("the disk is full")
        self.kept.update(proofs)
        await super().keep(proofs)

    async def find(self, keys: Iterable[ProofKey]) -> Mapping[ProofKey, KeptProof]:
        if self.broken:
            raise StoreError("the disk is full")
        return await super().find(keys)


def answering(*events: StreamEvent) -> ScriptedProvider:
    finish = ResponseFinished((FinishReason.TOOL_CALLS,))
    return ScriptedProvider(Script(((ResponseStarted("1", "m"),), (*events, finish))))


def with_proofs(*items: Item, tenant: str = "acme") -> GenerationRequest:
    request = asking(content_of(*(items or (user("Hi"),)), tools=TOOLS))
    can = Capabilities(proofs=Vendor.ANTHROPIC)
    return replace(request, capabilities=can, caller=Caller(tenant))


SECOND_TURN = (user("Hi"), ToolCall("c1", "f", "{}"), ToolResult("c1", (Text("ok"),)))


async def test_thoughts_and_proofs_of_calls_are_kept_and_put_back_in_the_next_turn() -> None:
    vault = OpenVault()
    first = answering(
        ReasoningDelta("I "), ReasoningDelta("think"), ReasoningFinished(SIGNED),
        ToolCallStarted(0, "c1", "f"), ToolCallStarted(1, "c2", "f", proof=ON_CALL),
    )  # fmt: skip
    await drain(await Proving(first, vault).open(with_proofs()))
    second = answering()
    turn = (user("Hi"), ToolCall("c1", "f", "{}"), ToolCall("c2", "f", "{}"))
    await drain(await Proving(second, vault).open(with_proofs(*turn)))
    assert second.requests[0].content.get().items == (
        user("Hi"),
        Reasoning("I think", SIGNED),
        ToolCall("c1", "f", "{}"),
        ToolCall("c2", "f", "{}", proof=ON_CALL),
    )


async def test_proofs_are_kept_before_the_end_is_told() -> None:
    vault = OpenVault()
    inner = answering(ReasoningFinished(SIGNED), ToolCallStarted(0, "c1", "f"))
    answer = await Proving(inner, vault).open(with_proofs())
    await answer.read()
    assert vault.kept == {}
    assert isinstance((await answer.read())[-1], ResponseFinished)
    assert vault.kept == {ProofKey("acme", "c1"): KeptProof((Reasoning("", SIGNED),), None)}


async def test_another_tenant_finds_nothing() -> None:
    vault = OpenVault()
    inner = answering(ReasoningFinished(SIGNED), ToolCallStarted(0, "c1", "f"))
    await drain(await Proving(inner, vault).open(with_proofs()))
    await drain(await Proving(inner, vault).open(with_proofs(*SECOND_TURN, tenant="evil")))
    assert inner.requests[1].content.get().items == SECOND_TURN


async def test_calls_without_proofs_are_not_kept() -> None:
    vault = OpenVault()
    inner = answering(ReasoningDelta("open model"), ToolCallStarted(0, "c1", "f"))
    await drain(await Proving(inner, vault).open(with_proofs()))
    assert vault.kept == {}


async def test_a_broken_vault_is_noted_and_traffic_goes_on() -> None:
    inner = answering(ReasoningFinished(SIGNED), ToolCallStarted(0, "c1", "f"))
    request = with_proofs(*SECOND_TURN)
    await drain(await Proving(inner, OpenVault(broken=True)).open(request))
    assert [str(adjustment) for adjustment in request.journal.adjustments] == ["proofs=lost"] * 2


async def test_targets_without_proofs_and_requests_without_tools_pass_untouched() -> None:
    inner = answering()
    without = replace(asking(content_of(*SECOND_TURN, tools=TOOLS)), capabilities=Capabilities())
    await Proving(inner, OpenVault(broken=True)).open(without)
    plain = replace(with_proofs(), content=asking().content)
    await Proving(inner, OpenVault(broken=True)).open(plain)
    assert inner.requests[0] is without
    assert inner.requests[1] is plain


async def test_a_relayed_tool_conversation_is_translated_so_that_its_proofs_are_seen() -> None:
    inner = answering()
    request = replace(with_proofs(), verbatim=Verbatim(Dialect.CHAT_COMPLETIONS, {}))
    await Proving(inner, OpenVault()).open(request)
    assert inner.requests[0].verbatim is None


def test_thoughts_go_to_the_head_of_their_turn_and_later_ones_before_their_call() -> None:
    said = Message(Role.ASSISTANT, (Text("I look."),))
    unsigned = Reasoning("as the client had it")
    items = (
        user("Hi"), unsigned, said, ToolCall("c1", "f", "{}"), ToolCall("c2", "f", "{}"),
        ToolResult("c1", ()), ToolResult("c2", ()), ToolCall("c3", "f", "{}"), ToolResult("c3", ()),
    )  # fmt: skip
    kept = {
        "c1": KeptProof((Reasoning("a", SIGNED),), None),
        "c2": KeptProof((Reasoning("b", OTHER),), None),
        "c3": KeptProof((), ON_CALL),
    }
    assert put_back(items, kept) == (
        user("Hi"), Reasoning("a", SIGNED), said, ToolCall("c1", "f", "{}"),
        Reasoning("b", OTHER), ToolCall("c2", "f", "{}"), ToolResult("c1", ()),
        ToolResult("c2", ()), ToolCall("c3", "f", "{}", proof=ON_CALL), ToolResult("c3", ()),
    )  # fmt: skip


def test_a_turn_of_another_vendor_is_left_as_it_came() -> None:
    items = (user("Hi"), Reasoning("hm"), ToolCall("cx", "f", "{}"), ToolResult("cx", ()))
    assert put_back(items, {}) == items


def test_thoughts_that_came_back_with_their_proof_are_not_put_there_twice() -> None:
    items = (
        user("Hi"), Reasoning("a", SIGNED), ToolCall("c1", "f", "{}"), ToolCall("c2", "f", "{}"),
        ToolResult("c1", ()), ToolResult("c2", ()), ToolCall("c3", "f", "{}"), ToolResult("c3", ()),
    )  # fmt: skip
    kept = {
        "c1": KeptProof((Reasoning("a", SIGNED),), None),
        "c2": KeptProof((), ON_CALL),
        "c3": KeptProof((Reasoning("b", OTHER),), None),
    }
    assert put_back(items, kept) == (
        *items[:3], ToolCall("c2", "f", "{}", proof=ON_CALL), *items[4:6],
        Reasoning("b", OTHER), *items[6:],
    )  # fmt: skip


async def test_what_is_relayed_where_clients_carry_the_proofs_stays_relayed() -> None:
    inner = answering()
    spoken = frozenset({Dialect.CHAT_COMPLETIONS, Dialect.RESPONSES})
    request = replace(
        with_proofs(),
        dialect=Dialect.RESPONSES,
        capabilities=Capabilities(dialects=spoken, proofs=Vendor.OPENAI),
        verbatim=Verbatim(Dialect.RESPONSES, {}),
    )
    await Proving(inner, OpenVault(broken=True)).open(request)
    assert inner.requests[0] is request


async def test_a_body_of_messages_stays_relayed_for_its_clients_carry_the_proofs() -> None:
    inner = answering()
    request = replace(
        with_proofs(),
        dialect=Dialect.MESSAGES,
        capabilities=Capabilities(
            dialects=frozenset({Dialect.MESSAGES}), proofs=Vendor.ANTHROPIC, restrictions=True
        ),
        verbatim=Verbatim(Dialect.MESSAGES, {}),
    )
    await Proving(inner, OpenVault(broken=True)).open(request)
    assert inner.requests[0] is request
    # Over another vendor's model the calls' proofs are kept here: no client of Messages has them.
    vault = OpenVault()
    elsewhere = replace(
        request, capabilities=Capabilities(dialects=frozenset(), proofs=Vendor.GOOGLE)
    )
    calling = answering(ToolCallStarted(0, "c1", "f", proof=ON_CALL))
    await drain(await Proving(calling, vault).open(elsewhere))
    assert vault.kept == {ProofKey("acme", "c1"): KeptProof((), ON_CALL)}


async def test_proofs_are_counted() -> None:
    observer, vault = RecordingObserver(), OpenVault()
    first = answering(ReasoningFinished(SIGNED), ToolCallStarted(0, "c1", "f"))
    await drain(await Proving(first, vault, observer).open(with_proofs()))
    assert observer.counted == [(Event.PROOF, ("kept",))]
    observer.counted.clear()
    await drain(await Proving(first, vault, observer).open(with_proofs(*SECOND_TURN)))
    assert observer.counted[0] == (Event.PROOF, ("put_back",))
    observer.counted.clear()
    await Proving(first, OpenVault(), observer).open(with_proofs(*SECOND_TURN))
    assert observer.counted == [(Event.PROOF, ("missing",))]


async def test_what_was_not_kept_is_not_counted_so() -> None:
    observer = RecordingObserver()
    broken = OpenVault(broken=True)
    calling = answering(ReasoningFinished(SIGNED), ToolCallStarted(0, "c1", "f"))
    await drain(await Proving(calling, broken, observer).open(with_proofs()))
    assert observer.counted == []
