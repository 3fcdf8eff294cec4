"""Whole tool conversations through a running gateway, as the official SDK sees them.

The client returns nothing but `tool_calls` and `tool` messages; the fakes refuse a turn whose
signatures are missing or altered, so each of these fails without the proof vault.
"""

import json
from collections.abc import Callable, Generator, Iterable
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import openai
import pytest
from openai.types.chat import ChatCompletion, ChatCompletionMessageParam, ChatCompletionToolParam

from tests.support.fake_claude import FakeClaude, fake_claude
from tests.support.fake_gemini import FakeGemini, fake_gemini
from tests.support.fake_google import fake_google
from tests.support.serving import ServedGateway, serving

CLAUDE, THINKER, GEMINI = "claude-opus-4-6", "claude-sonnet-4-5", "gemini-3.6-flash"
MODELS = (CLAUDE, THINKER, GEMINI)
TOOLS: list[ChatCompletionToolParam] = [
    {
        "type": "function",
        "function": {
            "name": name,
            "description": name,
            "parameters": {
                "type": "object",
                "properties": {"city": {"type": "string"}},
                "required": ["city"],
                "additionalProperties": False,
            },
        },
    }
    for name in ("get_weather", "get_time")
]


class House:
    """Two upstreams and the configuration that names them."""

    def __init__(self, folder: Path, claude: FakeClaude, gemini: FakeGemini, google: str) -> None:
        self.folder = folder
        self.claude = claude
        self.gemini = gemini
        self._google = google

    @contextmanager
    def serving(self) -> Generator[ServedGateway, None, None]:
        providers = "".join(
            f'[[providers]]\nname = "{name}"\ntype = "vertex"\nproject = "p"\nregion = "global"\n'
            f'base_url = "{url}"\nmodels = {json.dumps(models)}\n'
            for name, url, models in (
                ("google-claude", self.claude.base_url, [CLAUDE, THINKER]),
                ("google-gemini", self.gemini.base_url, [GEMINI]),
            )
        )
        environment = {"GCE_METADATA_HOST": self._google, "MODELMUX_API_KEY": "test-key-not-secret"}
        with serving(self.folder, config=providers, environment=environment) as gateway:
            yield gateway


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Generator[House, None, None]:
    folder = tmp_path_factory.mktemp("house")
    with fake_claude() as claude, fake_gemini() as gemini, fake_google() as google:
        yield House(folder, claude, gemini, google.host)


@pytest.fixture(scope="module")
def client(house: House) -> Generator[openai.OpenAI, None, None]:
    with house.serving() as gateway, client_of(gateway) as client:
        yield client


@contextmanager
def client_of(gateway: ServedGateway) -> Generator[openai.OpenAI, None, None]:
    with openai.OpenAI(
        base_url=f"{gateway.url}/v1",
        api_key="test-key-not-secret",
        max_retries=0,
        timeout=20,
        _strict_response_validation=True,
    ) as client:
        yield client


def ask(
    client: openai.OpenAI,
    model: str,
    messages: Iterable[ChatCompletionMessageParam],
    *,
    stream: bool,
    **more: Any,
) -> ChatCompletion:
    """Return the answer; of a stream, what the SDK's own helper makes of it."""
    more = {"tools": TOOLS, "reasoning_effort": "medium", **more}
    if not stream:
        # What **more holds decides the overload, which no type checker can see.
        create = cast("Callable[..., ChatCompletion]", client.chat.completions.create)
        return create(model=model, messages=messages, **more)
    with client.chat.completions.stream(model=model, messages=messages, **more) as events:
        return cast("ChatCompletion", events.get_final_completion())


def as_sent_back(answer: ChatCompletion) -> list[ChatCompletionMessageParam]:
    """Return what a plain client keeps of an answer with calls, and the tools' results."""
    calls = answer.choices[0].message.tool_calls or []
    sent: list[dict[str, Any]] = [
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [
                {
                    "id": call.id,
                    "type": "function",
                    "function": {"name": call.function.name, "arguments": call.function.arguments},
                }
                for call in calls
                if call.type == "function"
            ],
        }
    ]
    sent += [
        {"role": "tool", "tool_call_id": call.id, "content": f"result {place}"}
        for place, call in enumerate(calls)
    ]
    return cast("list[ChatCompletionMessageParam]", sent)


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("model", MODELS)
def test_parallel_and_sequential_calls_with_thinking_over_many_turns(
    client: openai.OpenAI, model: str, *, stream: bool
) -> None:
    history: list[ChatCompletionMessageParam] = []
    for wish, steps in (("parallel, think", [2]), ("sequential, think", [1, 1]), ("call", [1])):
        history.append({"role": "user", "content": wish})
        for calls in steps:
            answer = ask(client, model, history, stream=stream)
            assert answer.choices[0].finish_reason == "tool_calls"
            assert len(answer.choices[0].message.tool_calls or []) == calls
            history += as_sent_back(answer)
        final = ask(client, model, history, stream=stream)
        text = final.choices[0].message.content or ""
        assert "result 0" in text
        history.append({"role": "assistant", "content": text})


def test_a_restart_in_between_loses_no_proof(house: House) -> None:
    asked: list[ChatCompletionMessageParam] = [{"role": "user", "content": "parallel, think"}]
    with house.serving() as gateway, client_of(gateway) as client:
        histories = {
            model: [*asked, *as_sent_back(ask(client, model, asked, stream=True))]
            for model in MODELS
        }
    with house.serving() as gateway, client_of(gateway) as client:
        for model, history in histories.items():
            final = ask(client, model, history, stream=False)
            assert "result 0" in (final.choices[0].message.content or "")


@pytest.mark.parametrize(("first", "then"), [(CLAUDE, GEMINI), (GEMINI, CLAUDE), (GEMINI, THINKER)])
def test_the_vendor_may_change_in_the_middle_of_a_tool_turn(
    house: House, first: str, then: str
) -> None:
    with house.serving() as gateway, client_of(gateway) as client:
        history: list[ChatCompletionMessageParam] = [{"role": "user", "content": "parallel, think"}]
        history += as_sent_back(ask(client, first, history, stream=False))
        final = ask(client, then, history, stream=False)
        assert "result 0" in (final.choices[0].message.content or "")
        history.append({"role": "assistant", "content": final.choices[0].message.content})
        history.append({"role": "user", "content": "call"})
        again = ask(client, then, history, stream=True)
        history += as_sent_back(again)
        assert "result 0" in (
            ask(client, then, history, stream=True).choices[0].message.content or ""
        )


def test_another_tenants_call_ids_bring_nothing_back(tmp_path: Path) -> None:
    keys = "".join(
        f'[[keys]]\nname = "{tenant}"\ntenant = "{tenant}"\nkey = "${{KEY_{tenant.upper()}}}"\n'
        for tenant in ("one", "two")
    )
    with fake_gemini() as gemini, fake_google() as google:
        config = (
            f'[[providers]]\ntype = "vertex"\nproject = "p"\nregion = "global"\n'
            f'base_url = "{gemini.base_url}"\nmodels = ["{GEMINI}"]\n{keys}'
        )
        environment = {
            "GCE_METADATA_HOST": google.host,
            "KEY_ONE": "test-key-one-not-secret",
            "KEY_TWO": "test-key-two-not-secret",
        }
        with serving(tmp_path, config=config, environment=environment) as gateway:
            history: list[ChatCompletionMessageParam] = [{"role": "user", "content": "call, think"}]
            with client_of(gateway) as client:
                one = client.with_options(api_key="test-key-one-not-secret")
                two = client.with_options(api_key="test-key-two-not-secret")
                history += as_sent_back(ask(one, GEMINI, history, stream=False))
                ask(two, GEMINI, history, stream=False)
                assert "skip_thought_signature_validator" in json.dumps(gemini.last)
                ask(one, GEMINI, history, stream=False)
                assert "skip_thought_signature_validator" not in json.dumps(gemini.last)
