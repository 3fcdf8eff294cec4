"""The laws of `IdSource`."""

import re
from abc import ABC, abstractmethod

import pytest

from modelmux.application.ports import IdSource


class IdSourceContract(ABC):
    """Inherit, give `ids`."""

    @pytest.fixture
    @abstractmethod
    def ids(self) -> IdSource: ...

    def test_an_id_is_its_prefix_and_letters_and_digits(self, ids: IdSource) -> None:
        assert re.fullmatch(r"chatcmpl-[0-9A-Za-z]{17,32}", ids.new("chatcmpl-"))

    def test_no_id_comes_twice(self, ids: IdSource) -> None:
        assert len({ids.new("x") for _ in range(10_000)}) == 10_000

    def test_ids_have_one_length(self, ids: IdSource) -> None:
        assert len({len(ids.new("req_")) for _ in range(1000)}) == 1
