import pytest

from modelmux.adapters.system.clock import SystemClock
from modelmux.application.ports import Clock
from tests.contracts.clock import ClockContract


class TestSystemClock(ClockContract):
    @pytest.fixture
    def clock(self) -> Clock:
        return SystemClock()
