"""Truncating: what may go, what must stay together, and how often it is tried."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelmux.adapters.memory.scripted import Script, ScriptedProvider
from modelmux.application.filters.truncating import Truncating, shortened
from modelmux.application.ports import Answer, LlmProvider
from modelmux.domain.adjustments import Policy
from modelmux.domain.capabilities import Capabilities
from modelmux.domain.conversation import (
    Item,
    Message,
    Reasoning,
    Role,
    Text,
    ToolCall,
    ToolResult,
)
from modelmux.domain.deferred import Deferred
from modelmux.domain.dialect import Dialect
from modelmux.domain.errors import ContextTooLong
from modelmux.domain.request import GenerationRequest, Verbatim
from tests.support.asking import HELLO_EVENTS, asking, content_of, user

SYSTEM = Message(Role.SYSTEM, (Text("Be brief."),))


def said(text: str) -> Message:
    return Message(Role.ASSISTANT, (Text(text),))


def called(*ids: str) -> list[Item]:
    calls = [ToolCall(id_, "f", "{}") for id_ in ids]
    return [Reasoning(f"I call {ids[0]}"), *calls, *(ToolResult(id_, ()) for id_ in ids)]


class Narrow(LlmProvider):
    """Takes at most `most` items."""

    def __init__(self, most: int) -> None:
        self.most = most
        self.inner = ScriptedProvider(Script((HELLO_EVENTS,)))
        self.asked: list[tuple[Item, ...]] = []

    async def open(self, request: GenerationRequest) -> Answer:
        self.asked.append(request.content.get().items)
        if len(self.asked[-1]) > self.most:
            raise ContextTooLong(f"{len(self.asked[-1])} are too many")
        return await self.inner.open(request)


def truncatable(*items: Item, dialects: Sequence[Dialect] = ()) -> GenerationRequest:
    return replace(
        asking(),
        dialect=Dialect.RESPONSES,
        content=Deferred.of(content_of(*items, truncate=True)),
        capabilities=Capabilities(dialects=frozenset(dialects)),
    )


TALK = (SYSTEM, *(item for n in range(20) for item in (user(f"u{n}"), said(f"a{n}"))), user("last"))


async def test_ever_more_of_the_oldest_goes_until_it_fits() -> None:
    target, request = Narrow(24), truncatable(*TALK)
    await Truncating(target).open(request)
    assert [len(items) for items in target.asked] == [42, 39, 37, 32, 22]
    assert target.asked[-1] == (SYSTEM, *TALK[21:])
    [told] = request.journal.told
    assert str(told) == "truncation=truncated"
    assert told.detail.startswith("20 items")


async def test_what_fits_is_sent_once_and_nothing_is_told() -> None:
    target, request = Narrow(100), truncatable(*TALK)
    await Truncating(target).open(request)
    assert target.asked == [TALK]
    assert request.journal.adjustments == []


async def test_what_never_fits_is_refused_after_few_tries() -> None:
    target, request = Narrow(1), truncatable(*TALK)
    with pytest.raises(ContextTooLong, match="2 are too many"):
        await Truncating(target).open(request)
    assert len(target.asked) == 6
    assert request.journal.adjustments == []


async def test_a_route_that_rejects_changes_does_what_the_caller_asked_for() -> None:
    request = replace(truncatable(*TALK), policy=Policy.REJECT)
    await Truncating(Narrow(30)).open(request)
    assert [str(one) for one in request.journal.told] == ["truncation=truncated"]


@pytest.mark.parametrize(
    "request_",
    [
        replace(truncatable(*TALK), content=Deferred.of(content_of(*TALK))),
        truncatable(*TALK, dialects=[Dialect.RESPONSES]),
        replace(truncatable(*TALK), verbatim=Verbatim(Dialect.RESPONSES, {})),
    ],
    ids=["not allowed", "the target does it", "relayed"],
)
async def test_otherwise_too_long_is_too_long(request_: GenerationRequest) -> None:
    target = Narrow(30)
    with pytest.raises(ContextTooLong):
        await Truncating(target).open(request_)
    assert len(target.asked) == 1


def test_a_long_task_loses_its_first_steps_and_keeps_what_was_asked_and_what_is_open() -> None:
    steps = [called(f"c{n}", f"d{n}") for n in range(4)]
    items = (SYSTEM, user("old"), user("the task"), *(item for step in steps for item in step))
    assert shortened(items)[-1] == (SYSTEM, user("the task"), *steps[-1])


def test_nothing_may_go_of_a_single_question() -> None:
    assert shortened((SYSTEM, user("q"))) == []
    assert shortened((user("q"), *called("c"))) == []
    assert shortened(()) == []


def test_the_end_of_an_answer_to_be_continued_stays() -> None:
    assert shortened((user("a"), said("b"), user("c"), said("d")))[-1] == (user("c"), said("d"))


# Turns of a conversation, each one valid: words, or steps of thoughts and calls with results
# that come at once, in another order, or behind something the user says.
turns = st.lists(
    st.one_of(
        st.just("user"),
        st.just("words"),
        st.just("instruction"),
        st.tuples(st.integers(1, 3), st.booleans(), st.booleans()),
    ),
    max_size=12,
)


def conversation(turns: list[str | tuple[int, bool, bool]]) -> list[Item]:
    items: list[Item] = []
    for number, turn in enumerate(turns):
        if turn == "user":
            items.append(user(f"u{number}"))
        elif turn == "words":
            items += [Reasoning(f"r{number}"), said(f"a{number}")]
        elif turn == "instruction":
            items.append(Message(Role.DEVELOPER, (Text(f"d{number}"),)))
        elif not isinstance(turn, str):
            count, interrupted, reordered = turn
            ids = [f"c{number}.{index}" for index in range(count)]
            items.append(Reasoning(f"r{number}"))
            items += [ToolCall(id_, "f", "{}") for id_ in ids]
            if interrupted:
                items.append(user(f"wait {number}"))
            results = [ToolResult(id_, ()) for id_ in ids]
            items += reversed(results) if reordered else results
    return items


@given(turns)
def test_truncation_parts_nothing_that_belongs_together(
    turns: list[str | tuple[int, bool, bool]],
) -> None:
    items = conversation(turns)
    spoken = [item for item in items if isinstance(item, Message) and item.role is Role.USER]
    tries = shortened(items)
    assert len(tries) <= 5
    for longer, shorter in zip([tuple(items), *tries], tries, strict=False):
        assert len(shorter) < len(longer)
        assert [item for item in longer if item in shorter] == list(shorter)
        assert {item.id for item in shorter if isinstance(item, ToolCall)} == {
            item.call_id for item in shorter if isinstance(item, ToolResult)
        }
        for item in items:
            if isinstance(item, Message) and item.role is Role.DEVELOPER:
                assert item in shorter
        assert spoken[-1:] == [] or spoken[-1] in shorter
        if not (isinstance(items[-1], Message) and items[-1].role is Role.DEVELOPER):
            assert items[-1] in shorter
        for thought, after in pairwise(items):
            if isinstance(thought, Reasoning):
                assert (thought in shorter) is (after in shorter)
