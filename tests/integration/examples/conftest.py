"""One demo gateway for all examples."""

from collections.abc import Generator

import pytest

from tests.support.serving import ServedGateway, serving


@pytest.fixture(scope="package")
def demo_gateway(
    tmp_path_factory: pytest.TempPathFactory,
) -> Generator[ServedGateway, None, None]:
    """Run a gateway that has the demo provider and nothing else."""
    configuration = '[provider]\ntype = "demo"\n'
    with serving(tmp_path_factory.mktemp("demo"), config=configuration) as gateway:
        yield gateway
