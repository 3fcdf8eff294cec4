"""One gateway with every provider family, for the modules that ask them all."""

from collections.abc import Generator

import openai
import pytest

from tests.support.families import FAMILIES, Family, House, every_family


@pytest.fixture(scope="package")
def every_house(tmp_path_factory: pytest.TempPathFactory) -> Generator[House]:
    with every_family(tmp_path_factory.mktemp("families")) as house:
        yield house


@pytest.fixture(params=list(FAMILIES))
def family(every_house: House, request: pytest.FixtureRequest) -> Family:
    return every_house.families[request.param]


@pytest.fixture
def sdk(every_house: House) -> openai.OpenAI:
    return every_house.client
