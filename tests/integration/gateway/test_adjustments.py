"""What a target cannot do, under each policy, as the caller of a running gateway sees it.

The fakes refuse what their services refuse, so an adjustment that was only told would fail.
"""

import json
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest

from tests.support.fake_claude import FakeClaude, fake_claude
from tests.support.fake_gemini import FakeGemini, fake_gemini
from tests.support.fake_google import fake_google
from tests.support.fake_openai import KEY, FakeOpenAI, fake_openai_in_thread
from tests.support.families import CALLER_KEY
from tests.support.images import PNG_BASE64, image_server
from tests.support.sdk_asking import TOOLS, TWO_CALLS, ask, ask_raw, client_at, frames, user
from tests.support.serving import ServedGateway, serving

SAMPLING, FORCED = "claude-opus-4-8", "claude-opus-5-5"
GEMINI, REASONING = "gemini-3.6-flash", "o3-mini"
MODELS = {SAMPLING: "claude", FORCED: "claude", GEMINI: "gemini", REASONING: "openai"}
SCHEMA = {
    "type": "object",
    "properties": {"name": {"type": "string", "pattern": "^[A-Z]", "minLength": 1}},
    "required": ["name"],
    "additionalProperties": False,
}
PLAINER = {**SCHEMA, "properties": {"name": {"type": "string"}}}
Fakes = Mapping[str, FakeClaude | FakeGemini | FakeOpenAI]


@dataclass(frozen=True, slots=True)
class House:
    gateway: ServedGateway
    client: openai.OpenAI
    fakes: Fakes
    image_url: str

    def requests(self) -> int:
        return sum(len(fake.requests) for fake in self.fakes.values())


@dataclass(frozen=True, slots=True)
class Case:
    """A wish, how its change is told, and whether the upstream's body shows it."""

    model: str
    wish: Mapping[str, Any]
    told: str
    is_fitted: Callable[[dict[str, Any]], bool]

    def more(self, image_url: str) -> dict[str, Any]:
        if self.wish:
            return dict(self.wish)
        image = {"type": "image_url", "image_url": {"url": image_url}}
        return {"messages": [user([{"type": "text", "text": "Hello"}, image])]}


CASES = {
    "temperature for Claude": Case(
        SAMPLING,
        {"temperature": 0.5},
        "temperature=dropped",
        lambda body: "temperature" not in body,
    ),
    "temperature for a reasoning model": Case(
        REASONING,
        {"temperature": 0.5},
        "temperature=dropped",
        lambda body: "temperature" not in body,
    ),
    "too many stop sequences": Case(
        GEMINI,
        {"stop": list("ABCD")},
        "stop=clamped",
        lambda body: body["generationConfig"]["stopSequences"] == list("AB"),
    ),
    "a forced tool": Case(
        FORCED,
        {"tools": TOOLS, "tool_choice": "required"},
        "tool_choice=emulated",
        lambda body: "tool_choice" not in body and "tool" in json.dumps(body["system"]),
    ),
    "an image by its address": Case(
        SAMPLING,
        {},
        "messages.image_url=fetched",
        lambda body: body["messages"][0]["content"][1]["source"]["data"] == PNG_BASE64,
    ),
    "schema keywords in the output": Case(
        GEMINI,
        {
            "response_format": {
                "type": "json_schema",
                "json_schema": {"name": "it", "schema": SCHEMA, "strict": True},
            }
        },
        # What the model was not told of, its answer is held to here.
        "response_format.schema=dropped, response_format=unmet",
        lambda body: body["generationConfig"]["responseJsonSchema"] == PLAINER,
    ),
    "one tool at a time": Case(
        GEMINI,
        {"tools": TOOLS, "parallel_tool_calls": False},
        "parallel_tool_calls=emulated",
        lambda body: len(body["tools"][0]["functionDeclarations"]) == len(TOOLS),
    ),
    "schema keywords in a tool": Case(
        GEMINI,
        {"tools": [{"type": "function", "function": {"name": "f", "parameters": SCHEMA}}]},
        "tools.parameters=dropped",
        lambda body: body["tools"][0]["functionDeclarations"][0]["parametersJsonSchema"] == PLAINER,
    ),
}


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Generator[House]:
    folder: Path = tmp_path_factory.mktemp("adjustments")
    with (
        fake_google() as google,
        fake_claude() as claude,
        fake_gemini() as gemini,
        fake_openai_in_thread() as reasoning,
        image_server() as image_url,
    ):
        port = image_url.rpartition(":")[2].partition("/")[0]
        config = (
            f'[media]\nallow_networks = ["127.0.0.1/32"]\nports = [80, {port}]\n'
            '[[providers]]\nname = "openai"\ntype = "openai_compat"\npreset = "openai"\n'
            f'base_url = "{reasoning.base_url}"\napi_key = "{KEY}"\n'
        )
        for name, base_url in (("claude", claude.base_url), ("gemini", gemini.base_url)):
            config += (
                f'[[providers]]\nname = "{name}"\ntype = "vertex"\nproject = "p"\n'
                f'region = "global"\nbase_url = "{base_url}"\n'
            )
        for policy in ("warn", "reject", "quiet"):
            for model, provider in MODELS.items():
                config += (
                    f'[[routes]]\nmodel = "{policy}/{model}"\npolicy = "{policy}"\n'
                    f'targets = [{{ provider = "{provider}", model = "{model}", '
                    # No model here takes fewer sequences than a request may have.
                    f"capabilities = {{ {'max_stop = 2' if model == GEMINI else ''} }} }}]\n"
                )
        environment = {"GCE_METADATA_HOST": google.host, "MODELMUX_API_KEY": CALLER_KEY}
        with (
            serving(folder, config=config, environment=environment) as gateway,
            client_at(f"{gateway.url}/v1", CALLER_KEY) as client,
        ):
            fakes: Fakes = {"claude": claude, "gemini": gemini, "openai": reasoning}
            yield House(gateway, client, fakes, image_url)


@pytest.fixture(params=list(CASES))
def case(request: pytest.FixtureRequest) -> Case:
    return CASES[request.param]


def messages_of(more: dict[str, Any]) -> Any:  # Any: a text or messages
    return more.pop("messages", "Hello")


def test_a_warning_is_in_the_header(house: House, case: Case) -> None:
    more = case.more(house.image_url)
    _, headers = ask_raw(house.client, f"warn/{case.model}", messages_of(more), **more)
    assert headers["x-modelmux-adjusted"] == case.told
    assert case.is_fitted(house.fakes[MODELS[case.model]].last)


def test_a_quiet_route_tells_nothing_and_does_the_same(house: House, case: Case) -> None:
    more = case.more(house.image_url)
    _, headers = ask_raw(house.client, f"quiet/{case.model}", messages_of(more), **more)
    assert "x-modelmux-adjusted" not in headers
    assert case.is_fitted(house.fakes[MODELS[case.model]].last)


def test_a_strict_route_refuses_and_names_the_parameter(house: House, case: Case) -> None:
    more = case.more(house.image_url)
    before = house.requests()
    with pytest.raises(openai.BadRequestError) as caught:
        ask(house.client, f"reject/{case.model}", messages_of(more), **more)
    assert caught.value.param == case.told.partition("=")[0]
    assert caught.value.code == "unsupported_parameter"
    assert house.requests() == before


def test_a_request_that_fits_is_not_touched_under_any_policy(house: House) -> None:
    for model in MODELS:
        for policy in ("warn", "reject", "quiet"):
            answer, headers = ask_raw(house.client, f"{policy}/{model}", "Hello")
            assert answer.choices[0].message.content == "You said: Hello"
            assert "x-modelmux-adjusted" not in headers


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
def test_one_tool_at_a_time_is_held_to_where_the_model_cannot_be_told(
    house: House, stream: bool
) -> None:
    for parallel, calls in ((True, 2), (False, 1)):
        more = {"tools": TOOLS, "parallel_tool_calls": parallel}
        model = f"warn/{GEMINI}"
        if stream:
            said = [
                json.loads(frame) for frame in frames(house.client, model, TWO_CALLS, **more)[:-1]
            ]
            deltas = [choice["delta"] for chunk in said for choice in chunk["choices"]]
            started = [call for delta in deltas for call in delta.get("tool_calls", ())]
            places = {call["index"] for call in started}
        else:
            answer = ask(house.client, model, TWO_CALLS, **more)
            assert answer.choices[0].finish_reason == "tool_calls"
            places = set(range(len(answer.choices[0].message.tool_calls or ())))
        assert places == set(range(calls))


def test_adjustments_are_counted_whoever_is_told(house: House) -> None:
    ask(house.client, f"quiet/{SAMPLING}", "Hello", temperature=0.5)
    page = httpx.get(f"{house.gateway.url}/metrics", trust_env=False).text
    assert 'param="temperature"' in page


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.2/picture.png",
        "http://169.254.169.254/computeMetadata/v1/",
        "http://[::1]/picture.png",
        "http://localhost.localdomain:1/picture.png",
        "http://user:name@127.0.0.1/picture.png",
    ],
)
def test_an_image_that_may_not_be_fetched_is_refused_politely(house: House, url: str) -> None:
    before = house.requests()
    with pytest.raises(openai.BadRequestError, match="image's address") as caught:
        ask(
            house.client,
            f"warn/{SAMPLING}",
            [user([{"type": "image_url", "image_url": {"url": url}}])],
        )
    assert "127.0.0" not in caught.value.message
    assert house.requests() == before
