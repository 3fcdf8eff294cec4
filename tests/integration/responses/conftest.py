"""Gateways whose Responses API the modules here ask through the official SDK."""

from collections.abc import Generator
from typing import Any

import httpx
import openai
import pytest

from tests.support.families import CALLER_KEY, FAMILIES, Family, House, every_family
from tests.support.sdk_asking import client_at
from tests.support.serving import ServedGateway, serving

KEY = "test-caller-key-not-secret"
OTHER_KEY = "test-other-key-not-secret"
_DEMO = """
[[providers]]
name = "demo"
type = "demo"
pace_s = {pace_s}

[[keys]]
name = "ours"
tenant = "acme"
key = "${{OURS}}"

[[keys]]
name = "theirs"
tenant = "other"
key = "${{THEIRS}}"
"""


def _serving_demo(
    factory: pytest.TempPathFactory, name: str, pace_s: float
) -> Generator[ServedGateway]:
    environment = {"OURS": KEY, "THEIRS": OTHER_KEY}
    config = _DEMO.format(pace_s=pace_s)
    with serving(factory.mktemp(name), config=config, environment=environment) as gateway:
        yield gateway


@pytest.fixture(scope="package")
def quick(tmp_path_factory: pytest.TempPathFactory) -> Generator[ServedGateway]:
    """Give a gateway of the demo, which answers at once."""
    yield from _serving_demo(tmp_path_factory, "quick", 0)


@pytest.fixture(scope="package")
def slow(tmp_path_factory: pytest.TempPathFactory) -> Generator[ServedGateway]:
    """Give a gateway of the demo, which says a word every tenth of a second."""
    yield from _serving_demo(tmp_path_factory, "slow", 0.1)


@pytest.fixture
def ours(quick: ServedGateway) -> Generator[openai.OpenAI]:
    with client_at(f"{quick.url}/v1", KEY) as client:
        yield client


@pytest.fixture
def theirs(quick: ServedGateway) -> Generator[openai.OpenAI]:
    with client_at(f"{quick.url}/v1", OTHER_KEY) as client:
        yield client


@pytest.fixture
def patient(slow: ServedGateway) -> Generator[openai.OpenAI]:
    """Give a client of the slow gateway."""
    with client_at(f"{slow.url}/v1", KEY) as client:
        yield client


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


@pytest.fixture(scope="package")
def http(every_house: House) -> Generator[httpx.Client]:
    """Give a plain client of the gateway of every family."""
    headers = {"authorization": f"Bearer {CALLER_KEY}"}
    url = f"{every_house.gateway.url}/v1"
    with httpx.Client(base_url=url, headers=headers, trust_env=False, timeout=20) as client:
        yield client


def answered(
    http: httpx.Client,
    family: Family,
    **members: Any,  # Any: JSON
) -> tuple[dict[str, Any], str]:
    """Return the response, and the notice of what was changed for it."""
    body = {"model": family.model, "input": "Hello", **members}
    answer = http.post("/responses", json=body)
    assert answer.status_code == 200, answer.text
    told: dict[str, Any] = answer.json()
    return told, answer.headers.get("x-modelmux-adjusted", "")
