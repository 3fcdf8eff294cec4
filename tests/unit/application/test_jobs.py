"""Jobs: a background response runs on, can be followed and cancelled from anywhere, ends once."""

import asyncio
import logging
from dataclasses import replace

import pytest

from modelmux.application.followed import Broadcast
from modelmux.application.ports import Answer
from modelmux.domain.conversation import Message, Role, Text
from modelmux.domain.errors import (
    Conflict,
    InvalidRequest,
    ModelNotFound,
    NotFound,
    ShuttingDown,
    StoreError,
    TooManyWaiting,
    UpstreamFailed,
)
from modelmux.domain.events import TextDelta, Usage
from modelmux.domain.turn import Status
from tests.support.asking import asking, drain, user
from tests.support.turning import END, START, House, frames, let_run, response_id, turn_of

ID = response_id(1)
WHOLE = "0:begun 1:Hello 2:completed done"


async def begin(house: House, number: int = 1, *, streamed: bool = True) -> Answer:
    answer = await house.jobs.open(turn_of(number, background=True, streamed=streamed))
    await let_run()
    return answer


async def status(house: House, number: int = 1) -> Status | None:
    record = await house.record(number)
    return None if record is None else record.status


async def follow(house: House, after: int = -1) -> str:
    return await frames(await house.jobs.follow("acme", ID, after))


# Starting


async def test_other_calls_pass_through() -> None:
    house = House()
    house.model.say_all()
    await drain(await house.jobs.open(asking()))
    house.model.say_all()
    request = turn_of(1)
    await drain(await house.jobs.open(request))
    assert await status(house) is Status.COMPLETED
    assert not request.journal.relayed


async def test_a_background_response_is_queued_at_once_and_runs_on_without_its_client() -> None:
    house = House()
    request = turn_of(1, user("Think."), background=True, streamed=False)
    answer = await house.jobs.open(request)
    assert await frames(answer) == f"{ID} queued"
    assert request.journal.relayed
    assert await answer.read() == ()
    kept = await house.record(1)
    assert kept is not None
    assert kept.input == (user("Think."),)
    await let_run()
    assert await status(house) is Status.IN_PROGRESS
    house.model.say_all()
    await let_run()
    kept = await house.record(1)
    assert kept is not None
    assert kept.status is Status.COMPLETED
    assert kept.output == (Message(Role.ASSISTANT, (Text("Hello"),)),)
    assert (house.jobs.running, house.model.closes, house.state.leases) == (0, 1, {})


async def test_faults_of_the_request_are_told_at_once_and_nothing_is_kept() -> None:
    house = House()
    conversation = (await house.conversations.create("acme", {})).id
    hold = await house.recording.open(turn_of(9, conversation=conversation))
    for request, error in (
        (replace(turn_of(1, background=True), model="nobody's"), ModelNotFound),
        (turn_of(1, background=True, previous=response_id(8)), InvalidRequest),
        (turn_of(1, background=True, conversation="conv_x"), NotFound),
        (turn_of(1, background=True, conversation=conversation), Conflict),
    ):
        with pytest.raises(error):
            await house.jobs.open(request)
    await hold.aclose()
    assert (await house.record(1), house.jobs.running, house.state.leases) == (None, 0, {})


async def test_so_many_run_at_once_and_no_more() -> None:
    house = House(max_running=2)
    await begin(house, 1)
    await begin(house, 2)
    with pytest.raises(TooManyWaiting):
        await begin(house, 3)
    assert await house.record(3) is None
    await house.jobs.cancel("acme", ID)
    await begin(house, 3)
    assert house.jobs.running == 2


async def test_a_store_that_is_down_refuses_before_a_model_is_asked() -> None:
    house = House()
    house.store.down = True
    with pytest.raises(StoreError):
        await begin(house)
    calls = len(house.store.calls)
    with pytest.raises(StoreError):
        await begin(house)  # known by now
    assert (house.model.opens, len(house.store.calls)) == (0, calls)
    assert (house.jobs.running, house.state.leases) == (0, {})


async def test_a_client_that_goes_before_the_answer_leaves_nothing_running() -> None:
    house = House()
    house.store.gates["add"] = asyncio.Event()
    opening = asyncio.create_task(begin(house))
    await let_run()
    opening.cancel()
    await asyncio.wait((opening,))
    assert (house.jobs.running, house.model.opens, house.state.leases) == (0, 0, {})
    house.jobs.start()  # it was kept already: whoever finds it ends it
    await let_run()
    assert await status(house) is Status.FAILED
    await house.jobs.aclose()


async def test_each_job_is_observed_as_an_exchange_of_its_own() -> None:
    house = House()
    request = turn_of(1, background=True)
    answer = await house.jobs.open(request)
    await let_run()
    assert house.observer.in_flight == 1
    house.clock.advance(3.0)
    house.model.requests[0].journal.usage = Usage(3, 1)  # as the inner use case notes it
    house.model.requests[0].journal.provider = "told"
    house.model.say_all()
    await frames(answer)
    await let_run()
    (exchange,) = house.observer.exchanges
    assert (exchange.method, exchange.path, exchange.status) == ("JOB", "/v1/responses", 200)
    assert (exchange.tenant, exchange.key_id, exchange.model) == ("acme", "key-1", "m")
    assert (exchange.stream, exchange.duration_s) == (True, 3.0)
    assert exchange.journal.usage == Usage(3, 1)
    assert request.journal.usage is None  # tokens are counted once
    assert house.observer.in_flight == 0


# Ends


async def test_a_job_that_fails_says_why() -> None:
    house = House()
    answer = await begin(house)
    house.model.say(START, TextDelta("Hel"))
    house.model.fail(UpstreamFailed("The provider failed."))
    assert await frames(answer) == "0:begun 1:Hel 2:failed done"
    kept = await house.record(1)
    assert kept is not None
    assert kept.failure is not None
    assert kept.failure.message == "The provider failed."
    (exchange,) = house.observer.exchanges
    assert (exchange.status, exchange.error) == (500, "server_error")


async def test_a_job_that_fails_for_no_foreseen_reason_is_failed_too() -> None:
    house = House()
    answer = await begin(house)
    house.model.fail(ZeroDivisionError())
    assert await frames(answer) == "0:begun 1:failed done"
    assert (house.jobs.running, house.model.closes, house.state.leases) == (0, 1, {})


async def test_a_job_adds_to_its_conversation_and_holds_it_meanwhile() -> None:
    house = House()
    conversation = (await house.conversations.create("acme", {})).id
    await house.jobs.open(turn_of(1, user("one"), background=True, conversation=conversation))
    await let_run()
    with pytest.raises(Conflict):
        await house.recording.open(turn_of(2, conversation=conversation))
    house.model.say_all("1")
    await let_run()
    kept = await house.store.items("acme", conversation)
    assert kept is not None
    assert [one.item for one in kept] == [user("one"), Message(Role.ASSISTANT, (Text("1"),))]
    assert house.holder_of(conversation) is None


async def test_the_end_is_told_only_when_it_is_kept() -> None:
    house = House()
    gate = house.store.gates["settle completed"] = asyncio.Event()
    answer = await begin(house)
    house.model.say_all()
    reading = asyncio.create_task(frames(answer))
    await let_run()
    assert not reading.done()
    gate.set()
    assert await reading == WHOLE


async def test_an_end_that_cannot_be_kept_is_found_by_whoever_looks() -> None:
    house = House()
    answer = await begin(house)
    house.store.before["settle completed"] = lambda: setattr(house.store, "down", True)
    house.model.say_all()
    await let_run()
    assert (house.jobs.running, house.state.leases) == (0, {})
    house.store.down = False
    other = house.beside()
    other.jobs.start()
    await let_run()
    assert await frames(answer) == "0:begun 1:Hello 2:failed done"
    await other.jobs.aclose()


# Following


async def test_a_stream_is_told_as_it_comes_and_replayed_from_any_number() -> None:
    house = House()
    answer = await begin(house)
    house.model.say_all()
    assert await frames(answer) == WHOLE
    for process in (house, house.beside()):
        assert await follow(process) == WHOLE
        assert await follow(process, 0) == "1:Hello 2:completed done"
        assert await follow(process, 1) == "2:completed done"


@pytest.mark.parametrize("after", [2, 3, 1000])
async def test_whoever_has_the_end_already_gets_no_other(after: int) -> None:
    house = House()
    following = await house_follows_live(house, after)
    house.model.say_all()
    assert await frames(following) == "done"
    assert await follow(house, after) == "done"


async def house_follows_live(house: House, after: int) -> Answer:
    await begin(house)
    return await house.jobs.follow("acme", ID, after)


@pytest.mark.parametrize("elsewhere", [False, True])
@pytest.mark.parametrize("after", [-1, 0, 1, 2, 3])
async def test_followers_join_at_any_moment_and_miss_nothing(after: int, elsewhere: bool) -> None:
    house = House()
    await begin(house)
    process = house.beside() if elsewhere else house
    house.model.say(START, TextDelta("a"))
    await let_run()
    following = asyncio.create_task(follow(process, after))
    for text in ("b", "c"):
        await pass_polls(house)
        house.model.say(TextDelta(text))
    await pass_polls(house)
    house.model.say(END)
    await pass_polls(house)
    parts = ["0:begun", "1:a", "2:b", "3:c", "4:completed", "done"]
    assert await following == " ".join(parts[after + 1 :])


async def pass_polls(house: House) -> None:
    for _ in range(6):
        await let_run()
        house.clock.advance(0.5)
    await let_run()


async def test_words_between_a_look_at_the_log_and_the_end_are_not_missed() -> None:
    house = House()
    await begin(house)
    other = house.beside()
    gate = other.log.read_gate = asyncio.Event()
    following = asyncio.create_task(follow(other, 0))
    await let_run()
    house.model.say_all()
    await let_run()
    gate.set()
    assert await following == "1:Hello 2:completed done"


async def test_live_followers_cost_the_store_nothing() -> None:
    house = House()
    answers = [await begin(house)]
    answers += [await house.jobs.follow("acme", ID, -1) for _ in range(3)]
    reads = [asyncio.create_task(frames(answer)) for answer in answers]
    await let_run()
    before = house.log.reads
    for number in range(50):
        house.model.say(*([START] if number == 0 else []), TextDelta(str(number)))
        await let_run()
    house.model.say(END)
    ends = {await read for read in reads}
    assert len(ends) == 1
    assert ends.pop().endswith(" 50:49 51:completed done")
    assert house.log.reads == before


async def test_a_follower_that_is_slow_finds_the_rest_in_the_log() -> None:
    house = House()
    answer = await begin(house)
    house.model.say(START)
    for _ in range(100):
        house.model.say(TextDelta("x" * 1_000))
        await let_run()
    house.model.say(END)
    said = await frames(answer)
    numbers = [int(frame.partition(":")[0]) for frame in said.split(" ")[:-1]]
    assert numbers == list(range(102))
    assert house.log.reads > 0


async def test_little_waits_in_memory_for_a_slow_follower() -> None:
    broadcast = Broadcast()
    slow, quick = broadcast.sit(0), broadcast.sit(0)
    for _ in range(100):
        broadcast.publish([b"x" * 1_000])
        assert quick.take() == [b"x" * 1_000]
    assert (len(slow.waiting), slow.end) == (8, 8)


async def test_a_follower_who_leaves_ends_nothing_but_its_following() -> None:
    house = House()
    answer = await begin(house)
    reading = asyncio.create_task(frames(answer))
    await let_run()
    reading.cancel()
    await asyncio.wait((reading,))
    house.model.say_all()
    await let_run()
    assert await status(house) is Status.COMPLETED


@pytest.mark.parametrize(
    ("tenant", "number", "streamed", "error"),
    [
        ("other", 1, True, NotFound),
        ("acme", 2, True, NotFound),
        ("acme", 1, False, InvalidRequest),
    ],
)
async def test_only_background_streams_of_the_tenant_are_followed(
    tenant: str, number: int, streamed: bool, error: type[Exception]
) -> None:
    house = House()
    await begin(house, streamed=streamed)
    with pytest.raises(error):
        await house.jobs.follow(tenant, response_id(number), -1)
    house.model.say_all()


async def test_who_follows_what_is_deleted_is_told() -> None:
    house = House()
    await begin(house)
    following = await house.beside().jobs.follow("acme", ID, -1)
    await following.read()
    await house.recall.forget("acme", ID)
    with pytest.raises(NotFound):
        await following.read()
    await following.aclose()


async def test_a_poll_waits_longer_the_longer_nothing_comes() -> None:
    house = House()
    await begin(house)
    other = house.beside()
    following = asyncio.create_task(follow(other))
    await let_run()
    before = other.log.reads
    for step in (0.1, 0.15, 0.225, 0.3375, 0.5, 0.5):
        house.clock.advance(step - 0.01)
        await let_run()
        assert other.log.reads == before
        house.clock.advance(0.02)
        await let_run()
        before += 1
        assert other.log.reads == before
    following.cancel()
    await asyncio.wait((following,))


# Cancelling


@pytest.mark.parametrize("streamed", [True, False])
async def test_a_cancelled_job_stops_at_once_and_twice_is_as_good_as_once(streamed: bool) -> None:
    house = House()
    answer = await begin(house, streamed=streamed)
    ended = await house.jobs.cancel("acme", ID)
    assert ended.status is Status.CANCELLED
    assert (house.jobs.running, house.model.closes, house.state.leases) == (0, 1, {})
    assert await house.jobs.cancel("acme", ID) == ended == await house.record(1)
    assert house.observer.exchanges[0].status == 499
    if streamed:
        assert await frames(answer) == "0:begun 1:cancelled done"


async def test_a_job_is_cancelled_before_its_first_step() -> None:
    house = House()
    await house.jobs.open(turn_of(1, background=True))
    await house.jobs.cancel("acme", ID)
    assert (house.model.opens, house.jobs.running, house.state.leases) == (0, 0, {})
    assert await status(house) is Status.CANCELLED


async def test_a_cancelled_job_lets_its_conversation_go_and_adds_nothing() -> None:
    house = House()
    conversation = (await house.conversations.create("acme", {})).id
    await house.jobs.open(turn_of(1, background=True, conversation=conversation))
    await let_run()
    await house.jobs.cancel("acme", ID)
    assert house.holder_of(conversation) is None
    assert await house.store.items("acme", conversation) == []


async def test_another_process_cancels_a_silent_job_within_a_round() -> None:
    house = House()
    house.holding.start()
    answer = await begin(house)
    ended = await house.beside().jobs.cancel("acme", ID)
    assert ended.status is Status.CANCELLED
    assert house.model.closes == 0
    house.clock.advance(2.0)
    await let_run()
    assert (house.jobs.running, house.model.closes) == (0, 1)
    assert await frames(answer) == "0:begun 1:cancelled done"
    assert await house.record(1) == ended
    await house.holding.aclose()


async def test_another_process_cancels_a_talking_job_at_its_next_word() -> None:
    house = House()
    answer = await begin(house)
    await house.beside().jobs.cancel("acme", ID)
    house.model.say(START, TextDelta("late"))
    assert await frames(answer) == "0:begun 1:cancelled done"
    assert house.model.closes == 1


async def test_a_cancel_that_comes_first_wins_against_the_end() -> None:
    house = House()
    answer = await begin(house, streamed=False)
    await answer.aclose()
    other = house.beside()
    gate = other.store.gates["settle cancelled"] = asyncio.Event()
    cancelling = asyncio.create_task(other.jobs.cancel("acme", ID))
    await let_run()
    house.model.say_all()  # in the same moment: neither has told anybody yet
    await let_run()
    gate.set()
    assert (await cancelling).status is Status.CANCELLED
    assert await status(house) is Status.CANCELLED
    assert (house.jobs.running, house.observer.exchanges[0].status) == (0, 499)


async def test_an_end_that_comes_first_wins_against_a_cancel() -> None:
    house = House()
    answer = await begin(house)
    gate = house.store.gates["settle completed"] = asyncio.Event()
    house.model.say_all()
    await let_run()
    ended = await house.jobs.cancel("acme", ID)
    assert ended.status is Status.COMPLETED
    gate.set()
    assert await frames(answer) == WHOLE


async def test_an_end_between_looking_and_cancelling_wins_as_well() -> None:
    house = House()
    await begin(house, streamed=False)
    other = house.beside()
    gate = other.store.gates["find"] = asyncio.Event()
    cancelling = asyncio.create_task(other.jobs.cancel("acme", ID))
    await let_run()
    house.model.say_all()
    await let_run()
    gate.set()
    assert await cancelling == await house.record(1)
    assert await status(house) is Status.COMPLETED


async def test_a_cancel_loses_no_number_that_was_logged() -> None:
    house = House()
    answer = await begin(house)
    house.log.gate = asyncio.Event()  # durable, and not yet told to anybody
    house.model.say(START, TextDelta("a"))
    await let_run()
    await house.jobs.cancel("acme", ID)
    expected = "0:begun 1:a 2:cancelled done"
    assert await frames(answer) == expected
    assert await follow(house.beside()) == expected


@pytest.mark.parametrize(("tenant", "number"), [("other", 1), ("acme", 2)])
async def test_what_is_not_there_is_not_cancelled(tenant: str, number: int) -> None:
    house = House()
    await begin(house)
    with pytest.raises(NotFound):
        await house.jobs.cancel(tenant, response_id(number))
    assert await status(house) is Status.IN_PROGRESS


async def test_what_does_not_run_in_the_background_is_not_cancelled() -> None:
    house = House()
    house.model.say_all()
    await drain(await house.jobs.open(turn_of(1)))
    with pytest.raises(InvalidRequest):
        await house.jobs.cancel("acme", ID)


# Crashes and shutdown


async def test_what_a_dead_process_ran_is_failed_within_eight_seconds() -> None:
    dead = House()
    answer = await begin(dead)  # nobody renews its lease
    house = dead.beside()
    house.jobs.start()
    await let_run()
    assert await status(house) is Status.IN_PROGRESS
    following = await house.jobs.follow("acme", ID, -1)
    for _ in range(4):
        dead.clock.advance(2.0)
        await let_run()
    kept = await house.record(1)
    assert kept is not None
    assert kept.failure is not None
    assert (kept.status, kept.failure.code) == (Status.FAILED, "server_error")
    assert "stopped while" in kept.failure.message
    assert await frames(following) == "0:begun 1:failed done"
    # Should it come back to life, it changes nothing and ends.
    dead.model.say_all()
    await frames(answer)
    assert await house.record(1) == kept
    await house.jobs.aclose()


async def test_what_runs_here_is_left_alone_by_the_reaper() -> None:
    house = House()
    house.holding.start()
    house.jobs.start()
    await begin(house)
    for _ in range(10):
        house.clock.advance(2.0)
        await let_run()
    assert await status(house) is Status.IN_PROGRESS
    await house.jobs.aclose()
    await house.holding.aclose()


async def test_what_runs_here_ends_by_its_own_hold_and_not_by_the_reaper() -> None:
    house = House()
    house.jobs.start()
    await begin(house)
    for _ in range(10):  # nobody renews
        house.clock.advance(2.0)
        await let_run()
    assert await status(house) is Status.IN_PROGRESS
    await house.jobs.aclose()


async def test_a_job_whose_lease_is_lost_stops() -> None:
    house = House()
    house.holding.start()
    answer = await begin(house)
    house.state.leases.clear()
    house.clock.advance(2.0)
    await let_run()
    assert (house.jobs.running, house.model.closes) == (0, 1)
    assert await frames(answer) == "0:begun 1:failed done"
    await house.holding.aclose()


async def test_the_reaper_goes_on_after_a_store_that_was_down(
    caplog: pytest.LogCaptureFixture,
) -> None:
    dead = House()
    await begin(dead)
    dead.clock.advance(7.0)
    house = dead.beside()
    house.store.down = True
    caplog.set_level(logging.INFO)
    house.jobs.start()
    for _ in range(3):
        await let_run()
        dead.clock.advance(2.0)
    await let_run()
    house.store.down = False
    dead.clock.advance(2.0)
    await let_run()
    assert await status(house) is Status.FAILED
    assert [record.message for record in caplog.records] == ["store_down", "store_up_again"]
    await house.jobs.aclose()


async def test_a_house_that_opens_without_its_store_refuses_before_a_model_is_asked() -> None:
    house = House()
    house.store.down = True
    house.jobs.start()
    await let_run()
    with pytest.raises(StoreError):
        await house.jobs.open(turn_of(1))
    assert house.model.opens == 0
    await house.jobs.aclose()


async def test_closing_fails_what_runs_and_takes_nothing_new() -> None:
    house = House()
    house.jobs.start()
    answer = await begin(house)
    await house.jobs.aclose()
    assert (house.jobs.running, house.model.closes, house.state.leases) == (0, 1, {})
    assert await frames(answer) == "0:begun 1:failed done"
    with pytest.raises(ShuttingDown):
        await begin(house, 2)
    await house.jobs.aclose()
    assert house.clock.sleepers == 0


async def test_closing_without_a_store_leaves_the_jobs_to_others() -> None:
    house = House()
    await begin(house)
    house.store.down = True
    await house.jobs.aclose()
    assert (house.jobs.running, house.model.closes, house.state.leases) == (0, 1, {})
    other = house.beside()
    other.jobs.start()
    await let_run()
    assert await status(other) is Status.FAILED
    await other.jobs.aclose()
