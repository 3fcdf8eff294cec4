import os
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest

from modelmux.adapters.system.ids import RandomIds
from modelmux.application.ports import IdSource
from tests.contracts.id_source import IdSourceContract


class TestRandomIds(IdSourceContract):
    @pytest.fixture
    def ids(self) -> IdSource:
        return RandomIds()

    def test_every_letter_is_as_likely_as_any_other(self) -> None:
        ids = RandomIds()
        seen = Counter("".join(ids.new("") for _ in range(20_000)))
        expected = 20_000 * 20 / 62
        assert len(seen) == 62
        # Six standard deviations; favouring eight letters by a quarter would be twenty.
        assert all(abs(times - expected) < 6 * expected**0.5 for times in seen.values())

    def test_threads_share_no_id(self) -> None:
        ids = RandomIds()

        def draw(number: int) -> list[str]:
            return [ids.new("") for _ in range(number)]

        with ThreadPoolExecutor(4) as pool:
            drawn = list(pool.map(draw, [5000] * 4))
        assert len({id_ for part in drawn for id_ in part}) == 20_000

    @pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
    def test_a_forked_child_draws_its_own(self) -> None:
        ids = RandomIds()
        ids.new("")
        reader, writer = os.pipe()
        child = os.fork()
        if child == 0:
            os.write(writer, ids.new("").encode())
            os._exit(0)
        os.close(writer)
        told = os.read(reader, 100).decode()
        os.close(reader)
        os.waitpid(child, 0)
        assert told
        assert told != ids.new("")
