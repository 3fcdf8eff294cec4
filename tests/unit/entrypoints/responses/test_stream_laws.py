"""Any lawful answer as a Responses stream: the laws hold, and its end is what is kept."""

import json
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from modelmux.adapters.memory.sealer import MemorySealer
from modelmux.domain.events import StreamEvent
from modelmux.domain.turn import ResponseRecord
from modelmux.entrypoints.responses.turn_wire import ResponsesWire
from tests.support.lawful_answers import lawful_answers
from tests.support.responses_laws import ResponsesStreamLaws
from tests.support.responses_records import OpenSealer, answered, asked, whole_stream

REQUESTS = st.sampled_from(
    [
        asked(),
        asked(store=False),
        asked(include=["reasoning.encrypted_content", "message.output_text.logprobs"]),
        asked(background=True, top_logprobs=2),
    ]
)


@given(REQUESTS, lawful_answers())
def test_every_stream_keeps_the_laws_and_ends_with_what_is_kept(
    record: ResponseRecord, events: list[StreamEvent]
) -> None:
    wire = ResponsesWire(OpenSealer())
    laws = ResponsesStreamLaws()
    for frame in whole_stream(wire, record, events):
        laws.feed(frame)
    laws.close()
    assert laws.final == json.loads(wire.body(answered(record, events)))


@given(REQUESTS, lawful_answers())
def test_seals_may_differ_each_time(record: ResponseRecord, events: list[StreamEvent]) -> None:
    laws = ResponsesStreamLaws()
    for frame in whole_stream(ResponsesWire(MemorySealer()), record, events):
        laws.feed(frame)
    laws.close()


@given(REQUESTS, lawful_answers(), st.data())
def test_batches_of_any_size_give_the_same_bytes(
    record: ResponseRecord, events: list[StreamEvent], data: st.DataObject
) -> None:
    wire = ResponsesWire(OpenSealer())
    cuts = data.draw(st.lists(st.integers(0, len(events)), max_size=6).map(sorted))
    writer = wire.writer(record)
    frames = writer.begin()
    for start, end in pairwise([0, *cuts, len(events)]):
        frames += writer.write(events[start:end])
    assert frames == whole_stream(wire, record, events)[:-2]
    assert writer.number == len(frames)
