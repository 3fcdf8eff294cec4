"""Embeddings through a running gateway: by OpenAI's own SDKs, over every way they are made."""

import base64
import json
import struct
import time
from collections.abc import Generator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from math import hypot
from typing import Any, Final

import httpx
import openai
import pytest

from tests.support.fake_cohere import fake_cohere
from tests.support.fake_gemini import FakeGemini, fake_gemini
from tests.support.fake_google import fake_google
from tests.support.fake_openai import KEY, FakeOpenAI, fake_openai_in_thread
from tests.support.fake_upstream import FakeUpstream
from tests.support.gemini_embeddings import vector_of
from tests.support.node import run_node
from tests.support.serving import ServedGateway, serving

CALLER_KEY: Final = "test-caller-key-not-secret"
# Asked as `provider/model`, but for the last, which is a route.
GOOGLES: Final = (
    "vertex/text-embedding-005",
    "vertex/gemini-embedding-2",
    "developer/gemini-embedding-2",
)
QUERIES: Final = "queries"


@dataclass(frozen=True, slots=True)
class House:
    gateway: ServedGateway
    client: openai.OpenAI
    vertex: FakeGemini
    developer: FakeGemini
    cohere: FakeUpstream
    mistral: FakeOpenAI

    def post(self, **body: Any) -> httpx.Response:
        headers = {"authorization": f"Bearer {CALLER_KEY}"}
        url = f"{self.gateway.url}/v1/embeddings"
        return httpx.post(url, json=body, headers=headers, timeout=60)


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Generator[House]:
    with ExitStack() as stack:
        google = stack.enter_context(fake_google())
        vertex = stack.enter_context(fake_gemini())
        developer = stack.enter_context(fake_gemini(key=KEY))
        cohere = stack.enter_context(fake_cohere(token=KEY))
        mistral = stack.enter_context(fake_openai_in_thread("mistral"))
        config = f"""
            [retry]
            attempts = 2
            first_wait_s = 0.01
            [[providers]]
            name = "vertex"
            type = "vertex"
            project = "p"
            base_url = "{vertex.base_url}"
            [[providers]]
            name = "developer"
            type = "gemini"
            base_url = "{developer.base_url}"
            api_key = "{KEY}"
            [[providers]]
            name = "cohere"
            type = "cohere"
            base_url = "{cohere.base_url}"
            api_key = "{KEY}"
            [[providers]]
            name = "mistral"
            type = "openai_compat"
            preset = "mistral"
            base_url = "{mistral.base_url}"
            api_key = "{KEY}"
            [[providers]]
            name = "demo"
            type = "demo"
            [[routes]]
            model = "{QUERIES}"
            [[routes.targets]]
            provider = "developer"
            model = "gemini-embedding-001"
            capabilities = {{ embedding_task = "RETRIEVAL_QUERY" }}
        """
        environment = {"GCE_METADATA_HOST": google.host, "MODELMUX_API_KEY": CALLER_KEY}
        folder = tmp_path_factory.mktemp("embeddings")
        gateway = stack.enter_context(serving(folder, config=config, environment=environment))
        # Not strict: it looks at base64 before it decodes it, and finds no numbers.
        client = openai.OpenAI(base_url=f"{gateway.url}/v1", api_key=CALLER_KEY, max_retries=0)
        stack.enter_context(client)
        yield House(gateway, client, vertex, developer, cohere, mistral)


@pytest.mark.parametrize("model", GOOGLES)
@pytest.mark.parametrize("wanted", ["silent base64", "float"])
def test_the_sdk_gets_its_vectors_in_order(house: House, model: str, wanted: str) -> None:
    texts = [f"scattered text {number}" for number in range(40)]
    more: dict[str, Any] = {} if wanted == "silent base64" else {"encoding_format": "float"}
    found = house.client.embeddings.create(model=model, input=texts, **more)
    assert [one.index for one in found.data] == list(range(40))
    assert [one.embedding for one in found.data] == [vector_of(text) for text in texts]
    assert found.model == model
    told = 0 if model.startswith("developer") else 120
    assert found.usage.prompt_tokens == found.usage.total_tokens == told


def test_base64_is_of_float32_and_only_for_who_asked(house: House) -> None:
    asked: dict[str, Any] = {"model": GOOGLES[0], "input": "x"}
    plain = house.post(**asked).json()["data"][0]["embedding"]
    packed = house.post(**asked, encoding_format="base64").json()["data"][0]["embedding"]
    assert plain == vector_of("x")
    assert list(struct.unpack("<8f", base64.b64decode(packed))) == plain


def test_a_service_without_base64_gives_it_all_the_same(house: House) -> None:
    found = house.client.embeddings.create(model="mistral/mistral-embed", input=["a", "b"])
    assert [one.embedding for one in found.data] == [[0.5, -0.25]] * 2
    assert "encoding_format" not in house.mistral.last
    answer = house.post(model="mistral/mistral-embed", input="a", encoding_format="base64")
    assert answer.json()["data"][0]["embedding"] == "AAAAPwAAgL4="
    assert "x-modelmux-adjusted" not in answer.headers


def test_cohere_is_told_what_the_vectors_are_for(house: House) -> None:
    found = house.client.embeddings.create(model="cohere/embed-v4.0", input=["a", "b"])
    assert len(found.data) == 2
    assert house.cohere.last["input_type"] == "search_document"
    assert house.cohere.last["truncate"] == "NONE"


def test_a_route_says_what_the_vectors_are_for(house: House) -> None:
    found = house.client.embeddings.create(model=QUERIES, input="why?", dimensions=3)
    assert hypot(*found.data[0].embedding) == pytest.approx(1.0)
    (asked,) = house.developer.last["requests"]
    assert asked["taskType"] == "RETRIEVAL_QUERY"
    assert asked["outputDimensionality"] == 3


def test_as_many_as_there_may_be_are_answered_in_parts(house: House) -> None:
    texts = [f"{number} of many" for number in range(2048)]
    before = len(house.developer.requests)
    found = house.client.embeddings.create(model=GOOGLES[2], input=texts)
    assert [one.embedding for one in found.data] == [vector_of(text) for text in texts]
    assert len(house.developer.requests) - before == 21


def test_a_part_that_fails_fails_the_whole(house: House) -> None:
    texts = [*(f"scattered {number}" for number in range(30)), "this fails", "scattered last"]
    answer = house.post(model=GOOGLES[1], input=texts)
    assert answer.status_code == 502
    assert answer.json()["error"]["code"] == "upstream_failed"
    assert "data" not in answer.json()
    refused = house.post(model=GOOGLES[1], input=["fine", "refused"])
    assert refused.status_code == 400
    assert "token count" in refused.json()["error"]["message"]


@pytest.mark.parametrize(
    ("members", "param", "code"),
    [
        ({"input": ["x"] * 3000}, "input", "array_above_max_length"),
        ({"input": ["a", ""]}, "input[1]", "empty_string"),
        ({"input": ""}, "input", "empty_string"),
        ({"input": []}, "input", "empty_array"),
        ({"input": [1, 2, 3]}, "input", "unsupported_parameter"),
        ({"input": [[1], [2]]}, "input", "unsupported_parameter"),
        ({"input": "x", "dimensions": 0}, "dimensions", "invalid_value"),
        ({"input": "x", "encoding_format": "hex"}, "encoding_format", "invalid_value"),
    ],
)
def test_bad_input_is_refused_by_name_and_costs_no_call(
    house: House, members: Mapping[str, Any], param: str, code: str
) -> None:
    before = len(house.vertex.requests)
    answer = house.post(model=GOOGLES[0], **members)
    error = answer.json()["error"]
    assert (answer.status_code, error["type"]) == (400, "invalid_request_error")
    assert (error["param"], error["code"]) == (param, code)
    assert len(house.vertex.requests) == before


@pytest.mark.parametrize("model", ["demo", "vertex/gemini-3.6-flash", "vertex/claude-opus-4-8"])
def test_a_model_that_makes_none_is_refused_by_name(house: House, model: str) -> None:
    answer = house.post(model=model, input="x")
    assert answer.status_code == 400
    assert answer.json()["error"]["param"] == "model"
    assert "makes no embeddings" in answer.json()["error"]["message"]


def test_what_is_left_out_is_told(house: House) -> None:
    answer = house.post(model=GOOGLES[0], input="x", user="u", input_type="query")
    assert answer.status_code == 200
    assert answer.headers["x-modelmux-adjusted"] == "user=dropped, input_type=dropped"
    relayed = house.post(model="mistral/mistral-embed", input=["x"] * 3000)
    assert relayed.status_code == 400


def test_the_sdk_for_node_gets_its_vectors(house: House) -> None:
    models = [GOOGLES[0], "mistral/mistral-embed"]
    script = f"""
        import OpenAI from "openai";
        const client = new OpenAI({{ maxRetries: 0 }});
        const found = [];
        for (const model of {json.dumps(models)}) {{
          const answer = await client.embeddings.create({{ model, input: ["a", "b"] }});
          found.push(answer.data.map((one) => one.embedding));
        }}
        console.log(JSON.stringify(found));
    """
    environment = {"OPENAI_BASE_URL": f"{house.gateway.url}/v1", "OPENAI_API_KEY": CALLER_KEY}
    ended = run_node(script, environment=environment)
    assert ended.returncode == 0, ended.stderr
    made = [vector_of("a"), vector_of("b")]
    assert json.loads(ended.stdout) == [made, [[0.5, -0.25]] * 2]


def test_a_large_batch_does_not_keep_others_waiting(house: House) -> None:
    """A hundred vectors of 3072: the answer is 1.6 MB of base64."""
    began = time.perf_counter()
    answer = house.post(
        model=GOOGLES[2],
        input=[str(number) for number in range(100)],
        dimensions=3072,
        encoding_format="base64",
    )
    assert answer.status_code == 200
    assert len(base64.b64decode(answer.json()["data"][99]["embedding"])) == 3072 * 4
    assert time.perf_counter() - began < 20
