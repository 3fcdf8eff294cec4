"""The rules hold on the loop of production and on the standard one."""

from typing import Any

import pytest


@pytest.fixture(params=[False, True], ids=["asyncio", "uvloop"])
def anyio_backend(request: pytest.FixtureRequest) -> tuple[str, dict[str, Any]]:  # anyio's own type
    return "asyncio", {"use_uvloop": request.param}
