"""Recording: a turn knows what it continues, and is kept before its end is told."""

import asyncio
from dataclasses import replace

import pytest

from modelmux.adapters.memory.scripted import Script, ScriptedProvider
from modelmux.adapters.memory.state import MemoryState
from modelmux.application.context import ContextLoader
from modelmux.application.ports import StateLimits
from modelmux.domain.conversation import (
    Item,
    Message,
    OpaqueItem,
    Role,
    Text,
    ToolCall,
    ToolResult,
)
from modelmux.domain.deferred import Deferred
from modelmux.domain.dialect import Dialect
from modelmux.domain.errors import (
    Conflict,
    InvalidRequest,
    ModelmuxError,
    NotFound,
    StoreError,
    StreamCut,
    UpstreamFailed,
    UpstreamRateLimited,
)
from modelmux.domain.events import (
    FinishReason,
    RelayedBytes,
    ResponseFinished,
    TextDelta,
    ToolCallDelta,
    ToolCallStarted,
    Usage,
)
from modelmux.domain.request import Generation, GenerationRequest, Verbatim
from modelmux.domain.turn import Failure, KeptItem, ResponseRecord, Status, item_id
from tests.support.asking import asking, drain, user
from tests.support.turning import END, START, House, let_run, record_of, response_id, turn_of


def said(text: str) -> Message:
    return Message(Role.ASSISTANT, (Text(text),))


def reference(id_: object) -> OpaqueItem:
    return OpaqueItem("item_reference", {"type": "item_reference", "id": id_})  # type: ignore[dict-item]  # what callers may send


async def take_turn(house: House, request: GenerationRequest, answer: str = "Hello") -> None:
    house.model.say_all(answer)
    await drain(await house.recording.open(request))


async def keep(house: House, number: int, **changes: object) -> ResponseRecord:
    """Keep a record that was not made by a turn."""
    asked = turn_of(number).turn
    assert asked is not None
    record = replace(asked.asked, **changes)  # type: ignore[arg-type]  # names are the test's
    await house.store.add(record)
    return record


async def begin_conversation(house: House, *items: Item, tenant: str = "acme") -> str:
    return (await house.conversations.create(tenant, {}, items)).id


async def refusal(house: House, request: GenerationRequest) -> InvalidRequest:
    with pytest.raises(InvalidRequest) as caught:
        await house.recording.open(request)
    assert house.model.opens == 0 or request not in house.model.requests
    return caught.value


# What is kept


async def test_a_call_without_a_turn_passes_untouched() -> None:
    house = House()
    request = asking()
    house.model.say_all()
    await drain(await house.recording.open(request))
    assert house.model.requests == [request]
    assert house.store.calls == []


async def test_a_whole_answer_is_kept_before_its_end_is_told() -> None:
    house = House()
    request = turn_of(1, user("Name a colour."))
    house.model.say_all("Blue")
    answer = await house.recording.open(request)
    assert await answer.read() == (START,)
    await answer.read()
    assert await house.record(1) is None
    assert await answer.read() == (END,)
    kept = await house.record(1)
    assert kept == record_of(request)
    assert kept == replace(
        request.turn.asked,  # type: ignore[union-attr]  # it has one
        status=Status.COMPLETED,
        input=(user("Name a colour."),),
        output=(said("Blue"),),
        completed_at=house.clock.now(),
        reason=FinishReason.STOP,
        usage=Usage(3, 1),
    )
    await answer.aclose()
    assert house.model.closes == 1


@pytest.mark.parametrize(
    ("reason", "status"),
    [
        (FinishReason.STOP, Status.COMPLETED),
        (FinishReason.TOOL_CALLS, Status.COMPLETED),
        (FinishReason.OTHER, Status.COMPLETED),
        (FinishReason.LENGTH, Status.INCOMPLETE),
        (FinishReason.CONTENT_FILTER, Status.INCOMPLETE),
    ],
)
async def test_the_reason_decides_whether_a_response_is_complete(
    reason: FinishReason, status: Status
) -> None:
    house = House()
    request = turn_of(1)
    house.model.say(START, TextDelta("x"), ResponseFinished((reason,)))
    await drain(await house.recording.open(request))
    assert (record_of(request).status, record_of(request).reason) == (status, reason)


async def test_instructions_stand_first_and_are_of_this_turn_alone() -> None:
    house = House()
    first = turn_of(1, content=Generation((user("Hi"),), instructions="Be brief."))
    await take_turn(house, first)
    told = Message(Role.DEVELOPER, (Text("Be brief."),))
    assert house.model.items() == (told, user("Hi"))
    assert house.model.requests[0].content.get().instructions is None
    assert record_of(first).input == (user("Hi"),)
    await take_turn(house, turn_of(2, user("And?"), previous=response_id(1)))
    assert house.model.items() == (user("Hi"), said("Hello"), user("And?"))


async def test_what_is_not_to_be_kept_touches_no_store() -> None:
    house = House()
    house.store.down = True
    request = turn_of(1, store=False)
    await take_turn(house, request)
    assert record_of(request).status is Status.COMPLETED
    assert record_of(request).output == (said("Hello"),)
    assert house.store.calls == []


# The relay lane


async def test_what_may_be_relayed_is_not_decoded_and_passes_as_it_came() -> None:
    house = House()

    def decode() -> Generation:
        raise AssertionError("nobody needs to look into it")

    verbatim = Verbatim(Dialect.RESPONSES, {})
    request = replace(
        turn_of(1, store=False, relayable=True), content=Deferred(decode), verbatim=verbatim
    )
    request.journal.relayed = True  # as the target's adapter says
    house.model.say(START, RelayedBytes(b"{}"), END)
    events = await drain(await house.recording.open(request))
    assert events == [START, RelayedBytes(b"{}"), END]
    assert house.model.requests[0].verbatim is verbatim
    assert request.turn is not None
    assert request.turn.record is None


async def test_what_may_be_relayed_and_is_translated_has_its_instructions_and_its_record() -> None:
    house = House()
    content = Generation((user("Hi"),), instructions="Be brief.")
    request = turn_of(1, content=content, store=False, relayable=True)
    await take_turn(house, request)
    assert house.model.items()[0] == Message(Role.DEVELOPER, (Text("Be brief."),))
    assert record_of(request).output == (said("Hello"),)


async def test_faults_of_what_may_be_relayed_are_told_when_somebody_looks() -> None:
    house = House()
    request = turn_of(1, reference("msg_theirs"), store=False, relayable=True)
    await house.recording.open(request)
    with pytest.raises(InvalidRequest, match="msg_theirs"):
        house.model.requests[0].content.get()


async def test_what_is_ours_to_keep_is_never_relayed() -> None:
    house = House()
    request = replace(turn_of(1), verbatim=Verbatim(Dialect.RESPONSES, {}))
    await take_turn(house, request)
    assert house.model.requests[0].verbatim is None


# Continuing responses


async def test_a_context_is_all_that_was_said_from_the_root_on_and_branches_do_not_meet() -> None:
    house = House()
    await take_turn(house, turn_of(1, user("one")), "1")
    await take_turn(house, turn_of(2, user("left"), previous=response_id(1)), "L")
    await take_turn(house, turn_of(3, user("right"), previous=response_id(1)), "R")
    await take_turn(house, turn_of(4, user("more"), previous=response_id(2)), "LL")
    assert house.model.items() == (
        user("one"), said("1"), user("left"), said("L"), user("more"),
    )  # fmt: skip
    assert house.model.items(2) == (user("one"), said("1"), user("right"))
    kept = await house.record(4)
    assert kept is not None
    assert kept.input == (user("more"),)


async def test_incomplete_responses_can_be_continued() -> None:
    house = House()
    await keep(house, 1, status=Status.INCOMPLETE, output=(said("cut"),))
    await take_turn(house, turn_of(2, user("go on"), previous=response_id(1)))
    assert house.model.items() == (said("cut"), user("go on"))


async def test_what_is_not_there_is_not_found_whatever_the_reason() -> None:
    house = House()
    await take_turn(house, turn_of(1, tenant="other"))
    await keep(house, 2, status=Status.COMPLETED)
    await keep(house, 3, status=Status.COMPLETED, previous=response_id(2))
    await house.store.forget("acme", response_id(2))
    told = {
        (error.message.replace(id_, "ID"), error.reason, error.param)
        for id_ in (response_id(9), response_id(1), response_id(2), response_id(3), "resp_theirs")
        for error in [await refusal(house, turn_of(10, previous=id_))]
    }
    assert told == {
        (
            "Previous response with id 'ID' not found.",
            "previous_response_not_found",
            "previous_response_id",
        )
    }


async def test_what_has_expired_is_not_found() -> None:
    house = House(state=MemoryState(StateLimits(ttl_s=60.0)))
    await keep(house, 1, status=Status.COMPLETED)
    house.clock.advance(61.0)
    error = await refusal(house, turn_of(2, previous=response_id(1)))
    assert error.reason == "previous_response_not_found"


@pytest.mark.parametrize(
    ("status", "why"),
    [
        (Status.QUEUED, "still running"),
        (Status.IN_PROGRESS, "still running"),
        (Status.FAILED, "is failed"),
        (Status.CANCELLED, "is cancelled"),
    ],
)
async def test_what_did_not_end_well_is_not_continued(status: Status, why: str) -> None:
    house = House()
    await keep(house, 1, status=status, background=True)
    error = await refusal(house, turn_of(2, previous=response_id(1)))
    assert why in error.message
    assert error.param == "previous_response_id"


async def test_a_response_of_a_conversation_is_continued_with_what_stood_before_it_there() -> None:
    house = House()
    conversation = await begin_conversation(house, user("zero"))
    await take_turn(house, turn_of(1, user("one"), conversation=conversation), "1")
    await take_turn(house, turn_of(2, user("two"), conversation=conversation), "2")
    await take_turn(house, turn_of(3, user("branch"), previous=response_id(1)))
    assert house.model.items() == (user("zero"), user("one"), said("1"), user("branch"))
    await house.conversations.forget("acme", conversation)
    error = await refusal(house, turn_of(4, previous=response_id(1)))
    assert error.reason == "previous_response_not_found"


async def test_what_a_connection_remembers_is_continued_by_what_is_not_kept() -> None:
    house = House()
    first = turn_of(1, content=Generation((user("one"),), instructions="Be brief."), store=False)
    await take_turn(house, first, "1")
    assert first.turn is not None
    assert first.turn.context == (user("one"),)
    second = turn_of(2, user("two"), store=False, previous=response_id(1))
    assert second.turn is not None
    second.turn.known = {response_id(1): (*first.turn.context, *record_of(first).output)}
    await take_turn(house, second)
    assert house.model.items() == (user("one"), said("1"), user("two"))
    assert second.turn.context == house.model.items()
    assert house.store.calls == []
    kept = turn_of(3, previous=response_id(1))
    assert kept.turn is not None
    kept.turn.known = second.turn.known
    assert (await refusal(house, kept)).reason == "previous_response_not_found"


# References and tool results


async def test_references_stand_for_items_of_any_response_of_the_tenant() -> None:
    house = House()
    await take_turn(house, turn_of(1, user("one")), "1")
    ids = [
        item_id(response_id(1), "i", 0, user("one")),
        item_id(response_id(1), "o", 0, said("1")),
    ]
    request = turn_of(2, *map(reference, ids), user("two"))
    await take_turn(house, request)
    assert house.model.items() == (user("one"), said("1"), user("two"))
    assert record_of(request).input == (user("one"), said("1"), user("two"))


async def test_what_stands_in_the_context_already_is_not_said_twice() -> None:
    house = House()
    await take_turn(house, turn_of(1, user("one")), "1")
    known = reference(item_id(response_id(1), "o", 0, said("1")))
    request = turn_of(2, known, user("two"), previous=response_id(1))
    await take_turn(house, request)
    assert house.model.items() == (user("one"), said("1"), user("two"))
    assert record_of(request).input == (user("two"),)
    twice = turn_of(3, known, known)
    await take_turn(house, twice)
    assert record_of(twice).input == (said("1"),)


async def test_items_of_the_conversation_in_use_can_be_referred_to() -> None:
    house = House()
    conversation = await begin_conversation(house, user("zero"))
    kept = await house.store.items("acme", conversation)
    assert kept is not None
    request = turn_of(1, reference(kept[0].id), user("one"), conversation=conversation)
    await take_turn(house, request)
    assert house.model.items() == (user("zero"), user("one"))


@pytest.mark.parametrize(
    "id_",
    [
        f"msg_{response_id(1)[5:]}_o1",
        f"msg_{response_id(1)[5:]}_o999999",
        f"fc_{response_id(1)[5:]}_o0",
        f"msg_{response_id(2)[5:]}_o0",
        f"msg_{response_id(3)[5:]}_o0",
        "msg_theirs",
        "",
    ],
)
async def test_references_to_nothing_are_named(id_: str) -> None:
    house = House()
    await take_turn(house, turn_of(1))
    await take_turn(house, turn_of(2, tenant="other"))
    error = await refusal(house, turn_of(9, reference(id_)))
    assert repr(id_) in error.message
    assert error.param == "input"


async def test_a_reference_without_an_id_is_refused() -> None:
    assert (await refusal(House(), turn_of(1, reference(7)))).param == "input"


async def test_a_request_cannot_have_ever_so_many_responses_looked_up() -> None:
    house = House()
    many = [reference(f"msg_{response_id(number)[5:]}_i0") for number in range(100)]
    for number in range(64):
        await keep(house, number, status=Status.COMPLETED, input=(user("x"),))
    error = await refusal(house, turn_of(200, *many))
    assert "more than 64" in error.message


@pytest.mark.parametrize(
    ("item", "what"),
    [
        (ToolResult("call_9", (Text("ok"),)), "function call output with call_id call_9"),
        (ToolResult("call_9", (), kind="custom"), "custom tool call output with call_id call_9"),
    ],
)
async def test_tool_results_need_their_calls(item: Item, what: str) -> None:
    house = House()
    error = await refusal(house, turn_of(1, user("Hi"), item))
    assert error.message == f"No tool call found for {what}."
    assert error.param == "input"
    assert house.store.calls == []


async def test_a_call_may_stand_in_what_is_continued() -> None:
    house = House()
    house.model.say(
        START, ToolCallStarted(0, "call_1", "f"), ToolCallDelta(0, "{}"),
        ResponseFinished((FinishReason.TOOL_CALLS,)),
    )  # fmt: skip
    await drain(await house.recording.open(turn_of(1)))
    result = ToolResult("call_1", (Text("ok"),))
    await take_turn(house, turn_of(2, result, previous=response_id(1)))
    assert house.model.items() == (user("Hi"), ToolCall("call_1", "f", "{}"), result)


# Conversations


async def test_a_turn_adds_what_was_said_to_its_conversation() -> None:
    house = House()
    conversation = await begin_conversation(house, user("zero"))
    await take_turn(house, turn_of(1, user("one"), conversation=conversation), "1")
    kept = await house.store.items("acme", conversation)
    assert kept is not None
    assert kept[1:] == [
        KeptItem(item_id(response_id(1), "i", 0, user("one")), user("one")),
        KeptItem(item_id(response_id(1), "o", 0, said("1")), said("1")),
    ]
    await take_turn(house, turn_of(2, user("two"), conversation=conversation))
    assert house.model.items() == (user("zero"), user("one"), said("1"), user("two"))


async def test_a_turn_that_is_not_kept_adds_to_its_conversation_all_the_same() -> None:
    house = House()
    conversation = await begin_conversation(house)
    await take_turn(house, turn_of(1, user("one"), conversation=conversation, store=False), "1")
    kept = await house.store.items("acme", conversation)
    assert kept is not None
    assert [one.item for one in kept] == [user("one"), said("1")]
    assert await house.record(1) is None


@pytest.mark.parametrize("tenant", ["acme", "other"])
async def test_a_conversation_that_is_not_the_tenants_is_not_found(tenant: str) -> None:
    house = House()
    theirs = await begin_conversation(house, tenant="third")
    with pytest.raises(NotFound):
        await house.recording.open(turn_of(1, conversation=theirs, tenant=tenant))
    assert house.state.leases == {}


async def test_one_writes_to_a_conversation_at_a_time() -> None:
    house = House()
    conversation = await begin_conversation(house)
    answer = await house.recording.open(turn_of(1, conversation=conversation))
    for other in (house, house.beside()):
        with pytest.raises(Conflict) as caught:
            await other.recording.open(turn_of(2, conversation=conversation))
        assert caught.value.reason == "conversation_locked"
    house.model.say_all()
    while not isinstance((await answer.read())[-1], ResponseFinished):
        pass
    # The next turn may follow the end by a microsecond, before the answer is closed.
    await house.recording.open(turn_of(3, conversation=conversation))


async def test_a_conversation_is_free_after_an_error_and_nothing_was_added() -> None:
    house = House()
    conversation = await begin_conversation(house)
    request = turn_of(1, conversation=conversation)
    answer = await house.recording.open(request)
    house.model.say(START, TextDelta("Hel"))
    house.model.fail(StreamCut("cut"))
    await answer.read()
    with pytest.raises(StreamCut):
        await answer.read()
    assert house.holder_of(conversation) is None
    assert await house.store.items("acme", conversation) == []


async def test_a_conversation_is_free_when_the_client_goes() -> None:
    house = House()
    conversation = await begin_conversation(house)
    answer = await house.recording.open(turn_of(1, conversation=conversation))
    reading = asyncio.create_task(drain(answer))
    await let_run()
    assert house.holder_of(conversation) == "one"
    reading.cancel()
    await asyncio.wait((reading,))
    assert house.holder_of(conversation) is None
    assert house.model.closes == 1
    assert await house.record(1) is None


async def test_a_conversation_is_free_when_the_model_does_not_answer() -> None:
    house = House()
    conversation = await begin_conversation(house)
    request = turn_of(1, conversation=conversation)

    broken = ScriptedProvider(Script(open_error=UpstreamFailed("no")))
    recording = replace(house.recording, inner=broken)
    with pytest.raises(UpstreamFailed):
        await recording.open(request)
    assert house.holder_of(conversation) is None
    assert record_of(request).failure == Failure("server_error", "no")
    assert await house.record(1) is None


async def test_an_answer_whose_conversation_was_taken_over_fails_and_adds_nothing() -> None:
    house = House()
    other = house.beside()
    conversation = await begin_conversation(house)
    request = turn_of(1, conversation=conversation)
    answer = await house.recording.open(request)
    house.clock.advance(7.0)  # this process was stopped for that long, and renewed nothing
    taken = await other.recording.open(turn_of(2, user("two"), conversation=conversation))
    house.model.say_all()
    with pytest.raises(Conflict):
        await drain(answer)
    assert record_of(request).status is Status.FAILED
    other.model.say_all("2")
    await drain(taken)
    kept = await house.store.items("acme", conversation)
    assert kept is not None
    assert [one.item for one in kept] == [user("two"), said("2")]


async def test_an_answer_stops_at_the_next_event_once_its_lease_is_known_to_be_lost() -> None:
    house = House()
    conversation = await begin_conversation(house)
    answer = await house.recording.open(turn_of(1, conversation=conversation))
    house.holding.start()
    await let_run()
    house.state.leases.clear()
    house.clock.advance(2.0)
    await let_run()
    house.model.say(START)
    with pytest.raises(Conflict):
        await answer.read()
    await answer.aclose()
    await house.holding.aclose()


# Stores that fail


async def test_an_answer_that_cannot_be_kept_fails_and_is_not_acknowledged() -> None:
    house = House()
    request = turn_of(1)
    answer = await house.recording.open(request)
    house.model.say_all()
    house.store.before["add"] = lambda: setattr(house.store, "down", True)
    await answer.read()
    await answer.read()
    with pytest.raises(StoreError):
        await answer.read()
    assert record_of(request).status is Status.FAILED
    await answer.aclose()


async def test_while_the_store_is_down_calls_that_need_it_cost_nothing() -> None:
    house = House()
    await _break_store(house)
    opens, calls = house.model.opens, len(house.store.calls)
    for _ in range(3):
        with pytest.raises(StoreError):
            await house.recording.open(turn_of(2))
    assert (house.model.opens, len(house.store.calls)) == (opens, calls)
    house.clock.advance(1.0)
    results = await asyncio.gather(
        *(house.recording.open(turn_of(n)) for n in range(3, 8)), return_exceptions=True
    )
    assert {type(result) for result in results} == {StoreError}
    assert house.store.calls[calls:] == ["ping"]  # one probe a second, by whoever comes
    await take_turn(house, turn_of(9, store=False))
    assert house.store.calls[calls:] == ["ping"]


async def test_a_store_that_is_back_is_used_again_after_a_probe() -> None:
    house = House()
    await _break_store(house)
    house.store.down = False
    house.clock.advance(1.0)
    await take_turn(house, turn_of(2))
    await take_turn(house, turn_of(3))
    assert house.store.calls.count("ping") == 1
    assert await house.record(3) is not None


async def _break_store(house: House) -> None:
    house.store.down = True
    with pytest.raises(StoreError):
        await take_turn(house, turn_of(1))


async def test_what_cannot_be_looked_up_is_refused_before_a_model_is_asked() -> None:
    house = House()
    house.store.down = True
    with pytest.raises(StoreError):
        await house.recording.open(turn_of(1, store=False, previous=response_id(9)))
    assert house.model.opens == 0


async def test_a_response_larger_than_may_be_kept_fails() -> None:
    house = House(state=MemoryState(StateLimits(response_bytes=2_000)))
    request = turn_of(1)
    with pytest.raises(InvalidRequest):
        await take_turn(house, request, "x" * 3_000)
    kept = await house.record(1)
    assert kept is not None
    assert kept.status is Status.FAILED


# Failures


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (UpstreamFailed("broken"), "server_error"),
        (UpstreamRateLimited("slow down"), "rate_limit_exceeded"),
        (InvalidRequest("too strange"), "invalid_prompt"),
    ],
)
async def test_a_stream_that_fails_is_kept_as_failed(error: ModelmuxError, code: str) -> None:
    house = House()
    request = turn_of(1)
    house.model.say(START, TextDelta("Hel"))
    house.model.fail(error)
    with pytest.raises(type(error)):
        await drain(await house.recording.open(request))
    kept = await house.record(1)
    assert kept == record_of(request)
    assert kept is not None
    assert (kept.status, kept.failure) == (Status.FAILED, Failure(code, error.message))


async def test_a_failure_that_cannot_be_kept_is_told_as_what_it_is() -> None:
    house = House()
    answer = await house.recording.open(turn_of(1))
    house.store.down = True
    house.model.fail(StreamCut("cut"))
    with pytest.raises(StreamCut):
        await answer.read()
    await answer.aclose()


# For those who only need the context


async def test_what_is_said_can_be_had_with_the_instructions_apart() -> None:
    house = House()
    await take_turn(house, turn_of(1, user("one")), "1")
    content = Generation((user("two"),), instructions="Be brief.")
    loader = ContextLoader(house.store)
    apart = await loader.said_in(turn_of(2, content=content, previous=response_id(1)))
    assert apart.items == (user("one"), said("1"), user("two"))
    assert apart.instructions == "Be brief."
    assert await loader.said_in(asking(content)) == content
