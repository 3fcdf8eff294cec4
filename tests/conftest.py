"""What every test shares."""

import pytest


@pytest.fixture
def anyio_backend() -> str:
    """Run asynchronous tests on asyncio alone: it is the only loop the server runs on."""
    return "asyncio"
