"""One running gateway between hostile callers and hostile upstreams."""

from collections.abc import Generator

import pytest

from tests.support.hostile import House, hostile_house


@pytest.fixture(scope="session")
def house(tmp_path_factory: pytest.TempPathFactory) -> Generator[House]:
    with hostile_house(tmp_path_factory.mktemp("hostile")) as running:
        yield running
