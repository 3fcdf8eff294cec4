"""GET /v1/capabilities on a running gateway."""

from collections.abc import Generator
from pathlib import Path
from typing import Final

import httpx
import pytest

from tests.support.serving import ServedGateway, serving

KEY: Final = "test-caller-key-not-secret"
CONFIG: Final = """
[[providers]]
type = "demo"
pace_s = 0

[[providers]]
name = "lab"
type = "openai_compat"
base_url = "http://127.0.0.1:9/v1"
models = ["org/tiny"]

[[routes]]
model = "fast"
aliases = ["quick"]
policy = "reject"
structured_output = { strict = true }
targets = [
  { provider = "lab", model = "org/tiny", capabilities = { tools = false } },
  { provider = "demo", model = "demo" },
]
"""


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Generator[ServedGateway]:
    folder: Path = tmp_path_factory.mktemp("capabilities")
    with serving(folder, config=CONFIG, environment={"MODELMUX_API_KEY": KEY}) as served:
        yield served


def asked(gateway: ServedGateway, query: str = "", key: str = KEY) -> httpx.Response:
    headers = {"authorization": f"Bearer {key}"}
    return httpx.get(f"{gateway.url}/v1/capabilities{query}", headers=headers, trust_env=False)


def test_every_name_is_told_with_its_targets(gateway: ServedGateway) -> None:
    told = asked(gateway).json()
    assert told["object"] == "list"
    names = {one["id"]: one for one in told["data"]}
    assert names.keys() == {"fast", "quick", "org/tiny", "demo"}
    fast = names["fast"]
    assert (fast["route"], fast["policy"]) == ("fast", "reject")
    assert fast["structured_output"] == {"strict": True, "repair": False}
    assert [(one["provider"], one["type"], one["model"]) for one in fast["targets"]] == [
        ("lab", "openai_compat", "org/tiny"),
        ("demo", "demo", "demo"),
    ]
    assert fast["targets"][0]["reason"] == "target 1 of route fast"
    assert names["quick"] == {**fast, "id": "quick"}


def test_a_record_is_that_of_the_target(gateway: ServedGateway) -> None:
    names = {one["id"]: one for one in asked(gateway).json()["data"]}
    assert names["fast"]["targets"][0]["capabilities"]["tools"] is False
    assert names["org/tiny"]["targets"][0]["capabilities"]["tools"] is True
    assert "chat_completions" in names["org/tiny"]["targets"][0]["capabilities"]["dialects"]


@pytest.mark.parametrize("name", ["quick", "org/tiny", "lab/org/tiny"])
def test_one_name_may_be_asked_for(name: str, gateway: ServedGateway) -> None:
    told = asked(gateway, f"?model={name}").json()
    assert [one["id"] for one in told["data"]] == [name]


def test_a_name_that_is_none_is_not_found(gateway: ServedGateway) -> None:
    answer = asked(gateway, "?model=fsat")
    assert answer.status_code == 404
    assert answer.json()["error"]["code"] == "model_not_found"
    assert "fast" in answer.json()["error"]["message"]


def test_a_key_is_needed_as_for_the_models(gateway: ServedGateway) -> None:
    answer = asked(gateway, key="another")
    assert answer.status_code == 401
    assert "lab" not in answer.text


def test_the_openapi_document_has_it(gateway: ServedGateway) -> None:
    document = httpx.get(f"{gateway.url}/docs/openapi.json", trust_env=False).json()
    operation = document["paths"]["/v1/capabilities"]["get"]
    assert [one["name"] for one in operation["parameters"]] == ["model"]
    assert "CapabilityList" in str(operation["responses"]["200"])
