"""The bench's other languages: a few calls and streams of each pair, through a real gateway."""

from collections.abc import Generator

import pytest

from bench.gateway import Gateway, Stub, drive, gateway, stub
from bench.languages import CALLS, STREAMS, Row
from bench.payloads import (
    DIRECT,
    agent_request,
    claude_answer,
    converse_answer,
    gemini_answer,
)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Generator[tuple[Stub, Gateway], None, None]:
    folder = tmp_path_factory.mktemp("bench")
    with stub() as upstream, gateway(upstream, folder, every_language=True) as running:
        yield upstream, running


def test_the_bodies_have_the_sizes_that_the_rows_name() -> None:
    assert len(claude_answer()) == len(gemini_answer()) == len(converse_answer()) == 620
    assert 36_000 < len(agent_request(DIRECT)) < 44_000


@pytest.mark.parametrize("row", CALLS, ids=lambda row: row.name)
def test_each_pair_is_called(served: tuple[Stub, Gateway], row: Row) -> None:
    _, running = served
    assert drive(row.call(running, 12, connections=3)).requests == 12


@pytest.mark.parametrize("row", STREAMS, ids=lambda row: row.name)
def test_each_pair_is_streamed(served: tuple[Stub, Gateway], row: Row) -> None:
    upstream, running = served
    upstream.set_pace(chunks=100, interval_ms=50)
    streamed = drive(row.streams(running, 3, seconds=1))
    assert streamed.streams == 3
    # Three streams of twenty chunks a second; a busy machine delivers fewer, never more.
    assert 15 < streamed.chunks / streamed.wall_s < 75
