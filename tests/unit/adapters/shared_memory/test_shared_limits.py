"""Limits in shared memory keep the port's laws, over processes, crashes and full tables."""

from collections.abc import Generator
from pathlib import Path

import pytest

from modelmux.adapters.memory.clock import ManualClock
from modelmux.adapters.shared_memory.limits import SharedMemoryRateLimiter
from modelmux.application.ports import RateLimiter
from tests.contracts.rate_limiter import RateLimiterContract


class TestSharedMemoryRateLimiter(RateLimiterContract):
    @pytest.fixture
    def limiter(self, clock: ManualClock, tmp_path: Path) -> Generator[RateLimiter]:
        limiter = SharedMemoryRateLimiter(tmp_path, clock)
        yield limiter
        limiter.close()
