"""The scripted counter keeps the port's laws."""

import pytest

from modelmux.adapters.memory.token_counter import ScriptedCounter
from modelmux.application.ports import TokenCounter
from modelmux.domain.errors import UpstreamFailed
from modelmux.domain.request import GenerationRequest
from tests.contracts.token_counter import TokenCounterContract
from tests.support.asking import asking


class TestScriptedCounter(TokenCounterContract):
    @pytest.fixture
    def well(self) -> TokenCounter:
        return ScriptedCounter(7)

    @pytest.fixture
    def unwell(self) -> TokenCounter:
        return ScriptedCounter(UpstreamFailed("It is down."))

    @pytest.fixture
    def request_(self) -> GenerationRequest:
        return asking()
