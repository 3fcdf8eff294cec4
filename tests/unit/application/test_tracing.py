"""Traces: which requests belong to which, what is noted, and what upstreams are told."""

import random

import pytest

from modelmux.adapters.memory.clock import ManualClock
from modelmux.adapters.memory.scripted import Script, ScriptedProvider
from modelmux.application.filters.tracing import Tracing
from modelmux.application.ports import TRACEPARENT, Answer, LlmProvider
from modelmux.application.tracing import Traces
from modelmux.domain.errors import StreamCut, UpstreamFailed
from modelmux.domain.request import GenerationRequest
from modelmux.domain.trace import Trace, parse_traceparent
from tests.support.asking import HELLO_EVENTS, asking, drain

PARENT = b"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
UNSAMPLED = PARENT[:-1] + b"0"
TRACE_ID = int(PARENT[3:35], 16)


def traces(ratio: float = 1.0, *, tells: bool = True, seed: int = 3) -> Traces:
    return Traces(ManualClock(), random.Random(seed).getrandbits, ratio, tells)


def begun(traceparent: bytes | None = None, ratio: float = 1.0) -> Trace:
    trace = traces(ratio).begin(traceparent)
    assert trace is not None
    return trace


def test_a_request_without_a_trace_begins_one() -> None:
    one, other = begun(), traces(seed=4).begin(None)
    assert one.parent is None
    assert one.told
    assert other is not None
    assert one.trace_id != other.trace_id
    assert one.span_id != one.new_span_id()


def test_a_request_within_a_trace_belongs_to_it_and_does_as_that_does() -> None:
    trace = begun(PARENT, ratio=0.0)
    assert trace.trace_id == TRACE_ID
    assert trace.parent is not None
    assert trace.span_id != trace.parent.span_id
    assert trace.told
    unsampled = begun(UNSAMPLED)
    assert (unsampled.trace_id, unsampled.sampled, unsampled.told) == (TRACE_ID, False, False)


def test_a_malformed_header_begins_a_trace_of_its_own() -> None:
    assert begun(b"\xff not a trace").parent is None


def test_a_share_of_requests_is_sampled() -> None:
    some = traces(0.25)
    kept = [one for _ in range(4000) if (one := some.begin(None)) is not None and one.sampled]
    assert 880 < len(kept) < 1120
    assert not begun(ratio=0.0).sampled


class Upstream(LlmProvider):
    """Notes which trace it was told."""

    def __init__(self, script: Script) -> None:
        self._inner = ScriptedProvider(script)
        self.told: list[str] = []

    async def open(self, request: GenerationRequest) -> Answer:
        self.told.append(TRACEPARENT.get())
        return await self._inner.open(request)


async def asked(trace: Trace | None, script: Script, *, names_calls: bool = True) -> list[str]:
    upstream = Upstream(script)
    request = asking()
    request.journal.trace = trace
    tracing = Tracing(upstream, "main", "openai", ManualClock(), names_calls)
    try:
        await drain(await tracing.open(request))
    finally:
        assert TRACEPARENT.get() == ""
    return upstream.told


async def test_each_attempt_is_named_to_its_upstream_and_noted() -> None:
    trace = begun(PARENT)
    told = await asked(trace, Script((HELLO_EVENTS,)))
    (attempt,) = trace.attempts
    assert told == [f"00-{TRACE_ID:032x}-{attempt.span_id:016x}-01"]
    assert (attempt.provider, attempt.type, attempt.model) == ("main", "openai", "m")
    assert attempt.usage is not None
    assert attempt.error is None
    assert attempt.first_event_at is not None
    assert attempt.ended_at is not None


async def test_a_failed_attempt_is_noted_with_its_error() -> None:
    trace = begun()
    with pytest.raises(UpstreamFailed):
        await asked(trace, Script(open_error=UpstreamFailed("down")))
    assert [one.error for one in trace.attempts] == ["UpstreamFailed"]
    cut = begun()
    with pytest.raises(StreamCut):
        await asked(cut, Script((HELLO_EVENTS[:1],), read_error=StreamCut("gone")))
    assert [one.error for one in cut.attempts] == ["StreamCut"]
    assert cut.attempts[0].ended_at is not None


async def test_what_is_not_sampled_is_named_and_not_noted() -> None:
    trace = begun(UNSAMPLED)
    (told,) = await asked(trace, Script((HELLO_EVENTS,)))
    assert told.endswith("-00")
    assert trace.attempts == []


async def test_without_a_trace_and_where_it_is_switched_off_nothing_is_told() -> None:
    assert await asked(None, Script((HELLO_EVENTS,))) == [""]
    trace = begun(PARENT)
    assert await asked(trace, Script((HELLO_EVENTS,)), names_calls=False) == [""]
    assert len(trace.attempts) == 1


async def test_where_nothing_is_told_the_callers_own_name_is_passed_on_newly_written() -> None:
    passing = traces(tells=False)
    assert passing.begin(None) is None
    assert passing.begin(b"nonsense") is None
    trace = passing.begin(b"cc" + PARENT[2:-2] + b"ff-later")
    (told,) = await asked(trace, Script((HELLO_EVENTS,)))
    assert told == PARENT.decode()
    assert parse_traceparent(told) is not None
    assert trace is not None
    assert trace.attempts == []
