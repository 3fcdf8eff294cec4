import pytest

from modelmux.adapters.memory.sealer import MemorySealer
from modelmux.application.ports import Sealer
from tests.contracts.sealer import SealerContract


class TestMemorySealer(SealerContract):
    @pytest.fixture
    def sealer(self) -> Sealer:
        return MemorySealer()
