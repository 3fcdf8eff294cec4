"""What OpenAI's own SDK sees through a running gateway, over each kind of compatible upstream."""

from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import openai
import pytest
from openai.types.chat import ChatCompletionMessageParam, ChatCompletionToolParam

from tests.support.fake_openai import KEY, FakeOpenAI, fake_openai_in_thread
from tests.support.sdk_asking import unstrict
from tests.support.serving import serving

FLAVOURS = ("openai", "vllm", "azure", "mistral", "deepseek", "ollama")
WEATHER: ChatCompletionToolParam = {
    "type": "function",
    "function": {
        "name": "weather",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
    },
}


@dataclass(frozen=True, slots=True)
class Gateway:
    client: openai.OpenAI
    upstreams: dict[str, FakeOpenAI]


@contextmanager
def _gateway(folder: Path) -> Generator[Gateway, None, None]:
    with ExitStack() as stack:
        upstreams: dict[str, FakeOpenAI] = {}
        tables: list[str] = []
        for flavour in FLAVOURS:
            played = "any" if flavour == "ollama" else flavour
            fake = stack.enter_context(fake_openai_in_thread(played))
            upstreams[flavour] = fake
            base_url = fake.root_url if flavour == "azure" else fake.base_url
            # Its name alone is the type of a provider that speaks Ollama's own language.
            kind = 'openai_compat"\npreset = "ollama' if flavour == "ollama" else flavour
            tables.append(
                f'[[providers]]\nname = "{flavour}"\ntype = "{kind}"\n'
                f'base_url = "{base_url}"\napi_key = "{KEY}"\nmodels = ["plain"]\n'
                "trust_env_proxy = false\n"
            )
        served = stack.enter_context(serving(folder, config="\n".join(tables)))
        client = openai.OpenAI(
            base_url=f"{served.url}/v1",
            api_key="unused",
            max_retries=0,
            _strict_response_validation=True,
        )
        stack.callback(client.close)
        yield Gateway(client, upstreams)


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Generator[Gateway, None, None]:
    with _gateway(tmp_path_factory.mktemp("gateway")) as running:
        yield running


@pytest.mark.parametrize("flavour", FLAVOURS)
def test_a_streamed_tool_round_trip(gateway: Gateway, flavour: str) -> None:
    messages: list[ChatCompletionMessageParam] = [
        {"role": "user", "content": "parallel calls, please"}
    ]
    with gateway.client.chat.completions.stream(
        model=f"{flavour}/plain", messages=messages, tools=[WEATHER]
    ) as stream:
        first = stream.get_final_completion().choices[0]
    assert first.finish_reason == "tool_calls"
    calls = first.message.tool_calls
    assert calls is not None
    assert [call.function.name for call in calls] == ["weather", "weather"]
    assert [call.function.arguments for call in calls] == [
        '{"city": "value 0"}',
        '{"city": "value 1"}',
    ]

    messages.append(
        {
            "role": "assistant",
            "tool_calls": [
                {
                    "id": call.id,
                    "type": "function",
                    "function": {
                        "name": call.function.name,
                        "arguments": call.function.arguments,
                    },
                }
                for call in calls
            ],
        }
    )
    messages.extend({"role": "tool", "tool_call_id": one.id, "content": "sun"} for one in calls)
    with gateway.client.chat.completions.stream(
        model=f"{flavour}/plain",
        messages=messages,
        tools=[WEATHER],
        stream_options={"include_usage": True},
    ) as stream:
        second = stream.get_final_completion()
    assert second.choices[0].message.content == "The tools said: sun; sun"
    assert second.usage is not None
    assert second.usage.total_tokens == 12


@pytest.mark.parametrize("flavour", FLAVOURS)
def test_whole_text(gateway: Gateway, flavour: str) -> None:
    answer = gateway.client.chat.completions.create(
        model=f"{flavour}/plain", messages=[{"role": "user", "content": "Hello"}]
    )
    assert answer.choices[0].message.content == "You said: Hello"
    assert answer.usage is not None
    assert answer.usage.prompt_tokens == 7


@pytest.mark.parametrize("flavour", FLAVOURS)
def test_embeddings(gateway: Gateway, flavour: str) -> None:
    client = unstrict(gateway.client)
    found = client.embeddings.create(model=f"{flavour}/plain", input=["a", "b"])
    assert [one.index for one in found.data] == [0, 1]
    assert found.data[0].embedding == [0.5, -0.25]


@pytest.mark.parametrize("flavour", FLAVOURS)
def test_completions(gateway: Gateway, flavour: str) -> None:
    answer = gateway.client.completions.create(model=f"{flavour}/plain", prompt="Hello")
    assert answer.choices[0].text == " world"


@pytest.mark.parametrize("flavour", ["openai", "vllm", "mistral"])
def test_a_cut_stream_is_told(gateway: Gateway, flavour: str) -> None:
    stream = gateway.client.chat.completions.create(
        model=f"{flavour}/cut", messages=[{"role": "user", "content": "Hello"}], stream=True
    )
    with pytest.raises(openai.APIError):
        for _ in stream:
            pass


def test_an_image_by_address_is_not_left_to_a_server_that_reads_bytes(gateway: Gateway) -> None:
    """Ollama fetches nothing: the gateway does, and refuses addresses that are not public."""
    with pytest.raises(openai.BadRequestError, match="public"):
        gateway.client.chat.completions.create(
            model="ollama/plain",
            messages=[
                {
                    "role": "user",
                    "content": [
                        {"type": "image_url", "image_url": {"url": "http://127.0.0.1/a.png"}}
                    ],
                }
            ],
        )
