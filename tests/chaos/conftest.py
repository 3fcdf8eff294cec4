"""What every chaos test needs of the machine."""

import resource
from collections.abc import Generator

import pytest


@pytest.fixture(scope="session", autouse=True)
def _many_files() -> Generator[None, None, None]:
    """Allow thousands of connections: clients, gateway and upstream each hold their end."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(hard, 20_000)), hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
