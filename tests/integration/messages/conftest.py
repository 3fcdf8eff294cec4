"""One gateway with every provider family, asked through the official Anthropic SDK."""

from collections.abc import Generator

import anthropic
import pytest

from tests.support.families import CALLER_KEY, FAMILIES, Family, House, every_family
from tests.support.messages_asking import anthropic_client


@pytest.fixture(scope="package")
def every_house(tmp_path_factory: pytest.TempPathFactory) -> Generator[House]:
    with every_family(tmp_path_factory.mktemp("families")) as house:
        yield house


@pytest.fixture(params=list(FAMILIES))
def family(every_house: House, request: pytest.FixtureRequest) -> Family:
    return every_house.families[request.param]


@pytest.fixture(scope="package")
def sdk(every_house: House) -> Generator[anthropic.Anthropic]:
    with anthropic_client(every_house.gateway.url, CALLER_KEY) as client:
        yield client
