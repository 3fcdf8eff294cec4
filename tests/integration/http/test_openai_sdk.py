"""The official SDK, response validation strict, against the HTTP side."""

from collections.abc import Iterator

import openai
import pytest

from modelmux.adapters.demo.provider import DemoProvider
from modelmux.adapters.memory.ids import CountingIds
from modelmux.adapters.memory.keys import MemoryKeyRing
from modelmux.adapters.memory.scripted import Script, ScriptedProvider
from modelmux.adapters.system.clock import SystemClock
from modelmux.domain.errors import ModelmuxError, StreamCut, UpstreamAuthFailed, UpstreamRateLimited
from modelmux.domain.events import ResponseStarted, TextDelta
from tests.support.http_server import RunningServer, services_with, serving_http

TOOL = {
    "type": "function",
    "function": {
        "name": "weather",
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string"}},
            "required": ["city"],
        },
    },
}


def client(server: RunningServer) -> openai.OpenAI:
    return openai.OpenAI(
        base_url=f"{server.url}/v1",
        api_key="test-key-not-secret",
        max_retries=0,
        _strict_response_validation=True,
    )


@pytest.fixture(scope="module")
def demo() -> Iterator[openai.OpenAI]:
    provider = DemoProvider(SystemClock(), CountingIds(), pace_s=0)
    with serving_http(services_with(provider)) as server, client(server) as sdk:
        yield sdk


def test_chat_is_answered_whole(demo: openai.OpenAI) -> None:
    answer = demo.chat.completions.create(
        model="demo", messages=[{"role": "user", "content": "hello there"}]
    )
    assert answer.choices[0].message.content
    assert answer.choices[0].finish_reason == "stop"
    assert answer.usage is not None
    assert answer.usage.total_tokens > 0
    assert answer._request_id  # pyright: ignore[reportPrivateUsage]  # the SDK's documented name


def test_chat_is_streamed_with_usage(demo: openai.OpenAI) -> None:
    chunks = list(
        demo.chat.completions.create(
            model="demo",
            messages=[{"role": "user", "content": "hello there"}],
            stream=True,
            stream_options={"include_usage": True},
        )
    )
    assert chunks[0].choices[0].delta.role == "assistant"
    assert "".join(c.choices[0].delta.content or "" for c in chunks if c.choices)
    assert chunks[-1].usage is not None
    assert len({chunk.id for chunk in chunks}) == 1


def test_a_tool_round_trip_streams(demo: openai.OpenAI) -> None:
    with demo.chat.completions.stream(
        model="demo",
        messages=[{"role": "user", "content": "weather in Rome?"}],
        tools=[TOOL],  # type: ignore[list-item]  # a plain dict, as callers write it
        tool_choice="required",
    ) as stream:
        message = stream.get_final_completion().choices[0].message
    assert message.tool_calls
    call = message.tool_calls[0]
    final = demo.chat.completions.create(
        model="demo",
        messages=[
            {"role": "user", "content": "weather in Rome?"},
            message.to_dict(),  # type: ignore[list-item]  # the answer goes back as it came
            {"role": "tool", "tool_call_id": call.id, "content": "sunny"},
        ],
        tools=[TOOL],  # type: ignore[list-item]  # as above
    )
    assert final.choices[0].message.content


def test_models_are_listed_and_found_though_they_hold_slashes(demo: openai.OpenAI) -> None:
    assert {"m", "org/name"} <= {model.id for model in demo.models.list()}
    assert demo.models.retrieve("org/name").id == "org/name"
    with pytest.raises(openai.NotFoundError) as caught:
        demo.models.retrieve("nothing")
    assert caught.value.code == "model_not_found"


@pytest.mark.parametrize(
    ("error", "kind", "status"),
    [
        (UpstreamRateLimited("slow down", retry_after_s=3), openai.RateLimitError, 429),
        (UpstreamAuthFailed("our key is refused"), openai.InternalServerError, 502),
        (StreamCut("broke off"), openai.InternalServerError, 502),
    ],
)
def test_an_error_before_the_first_byte_is_a_status(
    error: ModelmuxError, kind: type[openai.APIStatusError], status: int
) -> None:
    provider = ScriptedProvider(Script(open_error=error))
    with (
        serving_http(services_with(provider)) as server,
        client(server) as sdk,
        pytest.raises(kind) as caught,
    ):
        sdk.chat.completions.create(
            model="m", messages=[{"role": "user", "content": "x"}], stream=True
        )
    assert caught.value.status_code == status
    assert error.message in caught.value.message
    assert caught.value.request_id


def test_a_stream_that_breaks_off_raises_and_is_never_done() -> None:
    script = Script(
        batches=([ResponseStarted("x", "m"), TextDelta("half")],), read_error=StreamCut("broke off")
    )
    provider = ScriptedProvider(script)
    with serving_http(services_with(provider)) as server, client(server) as sdk:
        stream = sdk.chat.completions.create(
            model="m", messages=[{"role": "user", "content": "x"}], stream=True
        )
        seen: list[str] = []
        with pytest.raises(openai.APIError, match="broke off"):
            seen.extend(chunk.choices[0].delta.content or "" for chunk in stream)
        assert "".join(seen) == "half"
    assert (provider.opens, provider.closes) == (1, 1)
    (exchange,) = server.observer.exchanges
    assert (exchange.status, exchange.error) == (200, "stream_cut")


def test_a_broken_answer_that_is_not_streamed_is_a_502() -> None:
    script = Script(batches=([ResponseStarted("x", "m")],), read_error=StreamCut("broke off"))
    provider = ScriptedProvider(script)
    with (
        serving_http(services_with(provider)) as server,
        client(server) as sdk,
        pytest.raises(openai.InternalServerError),
    ):
        sdk.chat.completions.create(model="m", messages=[{"role": "user", "content": "x"}])
    assert (provider.opens, provider.closes) == (1, 1)


def test_a_bug_is_a_500_with_an_id_and_nothing_of_its_inside() -> None:
    provider = ScriptedProvider(Script(open_error=RuntimeError("secret detail")))
    with (
        serving_http(services_with(provider)) as server,
        client(server) as sdk,
        pytest.raises(openai.InternalServerError) as caught,
    ):
        sdk.chat.completions.create(model="m", messages=[{"role": "user", "content": "x"}])
    assert "secret detail" not in caught.value.message
    assert caught.value.status_code == 500
    assert str(caught.value.request_id) in caught.value.message


def test_without_a_valid_key_nobody_gets_in() -> None:
    provider = DemoProvider(SystemClock(), CountingIds(), pace_s=0)
    services = services_with(provider, keys=MemoryKeyRing(), open_access=False)
    with serving_http(services) as server, client(server) as sdk:
        with pytest.raises(openai.AuthenticationError) as caught:
            sdk.chat.completions.create(model="demo", messages=[{"role": "user", "content": "x"}])
        assert caught.value.code == "invalid_api_key"
        with pytest.raises(openai.AuthenticationError):
            sdk.models.list()
