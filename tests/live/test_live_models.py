"""Real providers, for people with credentials; costs money, so it runs only when asked for.

    MODELMUX_LIVE=1 MODELMUX_LIVE_CONFIG=modelmux.toml MODELMUX_LIVE_MODELS=sonnet,gemini \
        .venv/bin/pytest tests/live

The configuration is that of a gateway; each model named is asked a few short questions through it.
"""

import os
from collections.abc import Generator
from pathlib import Path
from typing import Any, cast

import openai
import pytest
from openai.types.chat import (
    ChatCompletion,
    ChatCompletionMessageParam,
    ChatCompletionToolParam,
)
from openai.types.responses import Response

from tests.support.responses_asking import TOOLS, results_for, sent_back
from tests.support.sdk_asking import as_sent_back
from tests.support.serving import serving

MODELS = [name for name in os.environ.get("MODELMUX_LIVE_MODELS", "").split(",") if name]
CONFIG = os.environ.get("MODELMUX_LIVE_CONFIG", "")
WEATHER: ChatCompletionToolParam = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "Tells the weather in a city.",
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string"}},
            "required": ["city"],
            "additionalProperties": False,
        },
    },
}
pytestmark = [
    pytest.mark.live,
    pytest.mark.skipif(
        os.environ.get("MODELMUX_LIVE") != "1" or not CONFIG or not MODELS,
        reason="needs MODELMUX_LIVE=1, MODELMUX_LIVE_CONFIG and MODELMUX_LIVE_MODELS",
    ),
]


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Generator[openai.OpenAI, None, None]:
    arguments = ("--config", str(Path(CONFIG).resolve()))
    environment = dict(os.environ)  # the person's own: credentials are to be found
    folder = tmp_path_factory.mktemp("live")
    with (
        serving(folder, arguments=arguments, environment=environment) as gateway,
        openai.OpenAI(
            base_url=f"{gateway.url}/v1",
            api_key=os.environ.get("MODELMUX_API_KEY", "none-on-loopback"),
            timeout=120,
            _strict_response_validation=True,
        ) as client,
    ):
        yield client


@pytest.mark.parametrize("model", MODELS or ["none"])
def test_a_whole_answer_has_text_and_usage(client: openai.OpenAI, model: str) -> None:
    answer = client.chat.completions.create(
        model=model, messages=[{"role": "user", "content": "Say the word: pond."}], max_tokens=2048
    )
    assert answer.choices[0].finish_reason == "stop"
    assert answer.choices[0].message.content
    assert answer.usage is not None
    assert answer.usage.completion_tokens > 0


@pytest.mark.parametrize("model", MODELS or ["none"])
def test_a_streamed_tool_conversation_comes_to_its_end(client: openai.OpenAI, model: str) -> None:
    messages: list[ChatCompletionMessageParam] = [
        {"role": "user", "content": "Use get_weather for Paris, then tell me in one sentence."}
    ]
    answer: ChatCompletion | None = None
    for _ in range(3):
        with client.chat.completions.stream(
            model=model, messages=messages, tools=[WEATHER], max_tokens=4096
        ) as events:
            answer = cast("ChatCompletion", events.get_final_completion())
        if answer.choices[0].finish_reason != "tool_calls":
            break
        messages += as_sent_back(answer)
    assert answer is not None
    assert answer.choices[0].finish_reason == "stop"
    assert answer.choices[0].message.content
    assert len(messages) > 1, "the model called no tool"


@pytest.mark.parametrize("model", MODELS or ["none"])
def test_a_kept_tool_conversation_is_continued_and_counted(
    client: openai.OpenAI, model: str
) -> None:
    said: Any = (
        "Use get_weather for Paris, then tell me in one sentence."  # Any: text, then results
    )
    previous: str | None = None
    response: Response | None = None
    for _ in range(3):
        with client.responses.stream(
            model=model,
            input=said,
            tools=[TOOLS[0]],  # type: ignore[list-item]  # JSON, as tests send it
            max_output_tokens=4096,
            previous_response_id=previous or openai.omit,
        ) as events:
            response = events.get_final_response()
        previous = response.id
        said = results_for(response)
        if not said:
            break
    assert response is not None
    assert response.status == "completed"
    assert response.output_text
    assert client.responses.retrieve(response.id).output_text == response.output_text
    counted = client.responses.input_tokens.count(model=model, input="Say the word: pond.")
    assert 0 < counted.input_tokens < 500


@pytest.mark.parametrize("model", MODELS or ["none"])
def test_reasoning_that_the_client_carries_is_taken_back(client: openai.OpenAI, model: str) -> None:
    said: list[Any] = [{"role": "user", "content": "Use get_weather for Paris, then tell me."}]
    response: Response | None = None
    for _ in range(3):
        response = client.responses.create(
            model=model,
            input=said,
            tools=[TOOLS[0]],  # type: ignore[list-item]  # JSON, as tests send it
            max_output_tokens=4096,
            store=False,
        )
        results = results_for(response)
        said += [*sent_back(response), *results]
        if not results:
            break
    assert response is not None
    assert response.output_text
