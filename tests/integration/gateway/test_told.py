"""What was changed is told in `x-modelmux-adjusted`, in every dialect and both lanes.

The fakes refuse what their services refuse, so an adjustment that was only told would fail.
"""

import json
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any, Final

import httpx
import pytest

from tests.support.fake_claude import FakeClaude, fake_claude
from tests.support.fake_gemini import FakeGemini, fake_gemini
from tests.support.fake_openai import KEY, FakeOpenAI, fake_openai_in_thread
from tests.support.families import CALLER_KEY
from tests.support.serving import serving

CLAUDE, GEMINI, REASONING, VECTORS = (
    "claude-opus-4-8",
    "gemini-3.6-flash",
    "o3-mini",
    "gemini-embedding-2",
)
MODELS: Final = {CLAUDE: "claude", GEMINI: "gemini", REASONING: "openai", VECTORS: "gemini"}
HELLO: Final = [{"role": "user", "content": "Hello"}]
CHAT: Final = ("/v1/chat/completions", {"messages": HELLO})
RESPONSES: Final = ("/v1/responses", {"input": "Hello", "store": False})
KEPT: Final = ("/v1/responses", {"input": "Hello"})
MESSAGES: Final = ("/v1/messages", {"max_tokens": 64, "messages": HELLO})
EMBEDDINGS: Final = ("/v1/embeddings", {"input": "Hello"})


@dataclass(frozen=True, slots=True)
class House:
    url: str
    fakes: Mapping[str, FakeClaude | FakeGemini | FakeOpenAI]

    def ask(self, path: str, body: Mapping[str, object]) -> httpx.Response:
        headers = {"x-api-key": CALLER_KEY}
        return httpx.post(f"{self.url}{path}", json=body, headers=headers, trust_env=False)

    def requests(self) -> int:
        return sum(len(fake.requests) for fake in self.fakes.values())


@dataclass(frozen=True, slots=True)
class Case:
    """A wish that the target cannot fulfil, how it is told, and where it must not be."""

    call: tuple[str, Mapping[str, object]]
    model: str
    wish: Mapping[str, object]
    told: str
    is_left_out: Callable[[dict[str, Any]], bool]  # Any: JSON
    relayed_else: bool
    streams: bool = True


def lacks(*names: str) -> Callable[[dict[str, Any]], bool]:
    return lambda body: not any(f'"{name}"' in json.dumps(body) for name in names)


def case(
    call: tuple[str, Mapping[str, object]], model: str, *, relayed: bool, **wish: object
) -> Case:
    told = ", ".join(f"{name}=dropped" for name in wish)
    return Case(call, model, wish, told, lacks(*wish), relayed, call is not EMBEDDINGS)


CASES: Final = {
    "chat, translated": case(CHAT, CLAUDE, relayed=False, temperature=0.5, seed=3),
    "chat, relayed but for this": case(CHAT, REASONING, relayed=True, temperature=0.5),
    "Responses, translated": case(RESPONSES, CLAUDE, relayed=False, temperature=0.5),
    "Responses, kept": case(KEPT, CLAUDE, relayed=False, temperature=0.5),
    "Responses, relayed but for this": case(RESPONSES, REASONING, relayed=True, temperature=0.5),
    "Messages, translated": case(MESSAGES, REASONING, relayed=False, top_k=5),
    "Messages, relayed but for this": case(MESSAGES, CLAUDE, relayed=True, temperature=0.5),
    "embeddings, translated": case(EMBEDDINGS, VECTORS, relayed=False, user="somebody"),
}
each_case = pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())


def routes() -> Sequence[str]:
    return [
        f'[[routes]]\nmodel = "{policy}/{model}"\npolicy = "{policy}"\n'
        f'targets = [{{ provider = "{provider}", model = "{model}" }}]\n'
        for policy in ("warn", "reject", "quiet")
        for model, provider in MODELS.items()
    ]


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Generator[House]:
    with ExitStack() as stack:
        claude = stack.enter_context(fake_claude())
        gemini = stack.enter_context(fake_gemini(key=KEY))
        reasoning = stack.enter_context(fake_openai_in_thread())
        providers = (
            ("claude", "anthropic", claude.base_url),
            ("gemini", "gemini", gemini.base_url),
            ("openai", "openai", reasoning.base_url),
        )
        config = "".join(
            f'[[providers]]\nname = "{name}"\ntype = "{kind}"\nbase_url = "{url}"\n'
            f'api_key = "{KEY}"\n'
            for name, kind, url in providers
        )
        gateway = stack.enter_context(
            serving(
                tmp_path_factory.mktemp("told"),
                config=config + "".join(routes()),
                environment={"MODELMUX_API_KEY": CALLER_KEY},
            )
        )
        yield House(gateway.url, {"claude": claude, "gemini": gemini, "openai": reasoning})


def body_of(case: Case, policy: str, *, stream: bool = False) -> dict[str, object]:
    more = {"stream": True} if stream else {}
    return {"model": f"{policy}/{case.model}", **case.call[1], **case.wish, **more}


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
@each_case
def test_a_warning_is_in_the_header(house: House, case: Case, stream: bool) -> None:
    if stream and not case.streams:
        pytest.skip("embeddings are not streamed")
    answer = house.ask(case.call[0], body_of(case, "warn", stream=stream))
    assert answer.status_code == 200, answer.text
    assert answer.headers["x-modelmux-adjusted"] == case.told
    assert case.is_left_out(house.fakes[MODELS[case.model]].last)


@each_case
def test_a_quiet_route_tells_nothing_and_does_the_same(house: House, case: Case) -> None:
    answer = house.ask(case.call[0], body_of(case, "quiet"))
    assert answer.status_code == 200, answer.text
    assert "x-modelmux-adjusted" not in answer.headers
    assert case.is_left_out(house.fakes[MODELS[case.model]].last)


@each_case
def test_a_strict_route_refuses_in_the_callers_words(house: House, case: Case) -> None:
    before = house.requests()
    answer = house.ask(case.call[0], body_of(case, "reject"))
    assert answer.status_code == 400
    assert house.requests() == before
    name = next(iter(case.wish))
    error = answer.json()["error"]
    if case.call is MESSAGES:
        assert answer.json()["type"] == "error"
        assert error["type"] == "invalid_request_error"
        assert error["message"].startswith(f"{name}: ")
    else:
        assert (error["param"], error["code"]) == (name, "unsupported_parameter")


@each_case
def test_what_fits_is_told_of_in_no_way(house: House, case: Case) -> None:
    for policy in ("warn", "reject", "quiet"):
        answer = house.ask(case.call[0], {"model": f"{policy}/{case.model}", **case.call[1]})
        assert answer.status_code == 200, answer.text
        assert "x-modelmux-adjusted" not in answer.headers


RELAYED: Final = {name: case for name, case in CASES.items() if case.relayed_else}


@pytest.mark.parametrize("case", RELAYED.values(), ids=RELAYED.keys())
def test_a_relayed_body_keeps_what_only_its_server_knows(house: House, case: Case) -> None:
    body = {"model": f"warn/{case.model}", **case.call[1], "metadata": {"user_id": "u-1"}}
    answer = house.ask(case.call[0], body)
    assert answer.status_code == 200, answer.text
    assert "x-modelmux-adjusted" not in answer.headers
    assert house.fakes[MODELS[case.model]].last["metadata"] == {"user_id": "u-1"}
