"""Every golden request, in each dialect, whole and streamed, to every family of providers.

What comes of each is a line of `tests/fixtures/goldens/matrix.<dialect>.txt`: a change of a line
is a change of what callers get. Remake: MODELMUX_ACCEPT_GOLDENS=1, and read the diff.
"""

import os
import re
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import pytest

from tests.matrix.asking import DIALECTS, client, outcome
from tests.support.families import FAMILIES, House, every_family

GOLDENS = Path(__file__).parents[2] / "fixtures" / "goldens"
_FOUND_LATE = re.compile(r", [a-z_.]+=unmet")
ACCEPT = os.environ.get("MODELMUX_ACCEPT_GOLDENS") == "1"


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Generator[House]:
    with every_family(tmp_path_factory.mktemp("matrix")) as house:
        yield house


@pytest.mark.parametrize("dialect", DIALECTS)
def test_what_comes_of_each_request_at_each_provider(house: House, dialect: str) -> None:
    _, requests = DIALECTS[dialect]
    lines: list[str] = []
    differing: list[str] = []

    def both(name: str, family: str) -> str:
        whole, streamed = (
            outcome(http, house, family, dialect, name, stream=stream) for stream in (False, True)
        )
        # What is found after the head of a stream, only the log is told.
        if _FOUND_LATE.sub("", whole) != streamed:
            differing.append(f"{name} {family}: {whole} | streamed: {streamed}")
        return whole

    with client() as http, ThreadPoolExecutor(8) as threads:
        for name in requests:
            lines.append(name)
            behind: dict[str, list[str]] = {}
            words = threads.map(partial(both, name), FAMILIES)
            for family, word in zip(FAMILIES, words, strict=True):
                behind.setdefault(word, []).append(family)
            lines += [f"    {', '.join(families)}: {word}" for word, families in behind.items()]
    assert not differing, "\n".join(differing)
    table = "\n".join(lines) + "\n"
    path = GOLDENS / f"matrix.{dialect}.txt"
    if ACCEPT:
        path.write_text(table)
    assert table == path.read_text()
