"""The laws of `Credentials`."""

import asyncio
from abc import ABC, abstractmethod

import pytest

from modelmux.application.ports import Credentials
from modelmux.domain.errors import UpstreamAuthFailed


class CredentialsContract(ABC):
    """Inherit, give `credentials` that sign in, and others that are refused, if there can be."""

    @pytest.fixture
    @abstractmethod
    def credentials(self) -> Credentials: ...

    @pytest.fixture
    def refused(self) -> Credentials | None:
        return None

    async def test_the_header_is_one_that_can_be_sent(self, credentials: Credentials) -> None:
        name, value = await credentials.header()
        assert name == name.lower()
        assert name.isascii()
        assert value
        assert value.isprintable()

    async def test_all_who_ask_at_once_get_the_same(self, credentials: Credentials) -> None:
        first = await credentials.header()
        assert set(await asyncio.gather(*(credentials.header() for _ in range(20)))) == {first}

    async def test_what_is_refused_is_told_at_every_call(self, refused: Credentials | None) -> None:
        if refused is None:
            pytest.skip("nobody can refuse these")
        for _ in range(2):
            with pytest.raises(UpstreamAuthFailed):
                await refused.header()
