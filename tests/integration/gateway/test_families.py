"""Every provider family through a running gateway, as the official SDK sees it.

What a caller says is the same everywhere; the fakes refuse what their services refuse.
"""

import base64
import json
from collections.abc import Generator
from typing import Any

import openai
import pytest
from openai.types.chat import ChatCompletionMessageParam
from pydantic import BaseModel

from tests.support.families import FAMILIES, Family, House, every_family
from tests.support.images import PNG_BASE64, PNG_URL
from tests.support.sdk_asking import (
    ONE_CALL,
    TOOLS,
    TWO_CALLS,
    as_sent_back,
    ask,
    ask_raw,
    chunks,
    streamed,
    user,
)

# Those that are sent chat completions, and of them those that get the caller's own body.
CHAT = ("vllm", "generic", "openai", "deepseek", "mistral", "azure", "azure-deployments")
RELAYED = tuple(name for name in CHAT if name != "mistral")
NEWEST_CHAT = ("openai", "azure", "azure-deployments")
PDF = base64.b64encode(b"%PDF-1.4 a short one").decode()


class City(BaseModel):
    name: str
    inhabitants: int
    rivers: list[str]


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Generator[House]:
    with every_family(tmp_path_factory.mktemp("families")) as house:
        yield house


@pytest.fixture(params=list(FAMILIES))
def family(house: House, request: pytest.FixtureRequest) -> Family:
    return house.families[request.param]


@pytest.fixture
def client(house: House) -> openai.OpenAI:
    return house.client


def deltas_of(told: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [choice["delta"] for chunk in told for choice in chunk["choices"]]


def test_a_text_is_answered_whole(client: openai.OpenAI, family: Family) -> None:
    answer, headers = ask_raw(client, family.model, "Hello", metadata={"team": "red"}, stop=["X"])
    (choice,) = answer.choices
    assert choice.message.content == "You said: Hello"
    assert choice.finish_reason == "stop"
    assert answer.usage is not None
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens
    assert headers["x-request-id"]
    assert headers["x-modelmux-provider"] == family.name
    assert headers["x-modelmux-model"] == family.model
    assert headers["x-modelmux-attempts"] == "1"
    adjusted = {"claude": "metadata=dropped", "deepseek": "metadata=dropped"}
    assert headers.get("x-modelmux-adjusted") == adjusted.get(family.name)
    if family.fake is None:
        return
    asked = family.asked()
    if family.name == "claude":
        assert asked["stop_sequences"] == ["X"]
    elif family.name == "gemini":
        assert asked["generationConfig"]["stopSequences"] == ["X"]
        assert asked["labels"] == {"team": "red"}
    else:
        assert asked["stop"] == ["X"]
        assert asked.get("metadata") == (None if family.name == "deepseek" else {"team": "red"})


def test_a_text_is_streamed_in_the_shape_the_reference_gives(
    client: openai.OpenAI, family: Family
) -> None:
    told = chunks(client, family.model, "one two three", stream_options={"include_usage": True})
    if family.name.startswith("azure"):
        assert "prompt_filter_results" in told.pop(0)
    *with_choice, last = told
    assert {chunk["object"] for chunk in told} == {"chat.completion.chunk"}
    for name in ("id", "created", "model"):
        assert len({chunk[name] for chunk in told}) == 1, name
    assert last["choices"] == []
    assert last["usage"]["total_tokens"] > 0
    assert all(chunk["usage"] is None for chunk in with_choice)
    choices = [chunk["choices"][0] for chunk in with_choice]
    assert choices[0]["delta"]["role"] == "assistant"
    assert all("role" not in choice["delta"] for choice in choices[1:])
    assert [choice["finish_reason"] for choice in choices] == [None] * (len(choices) - 1) + ["stop"]
    assert not choices[-1]["delta"].get("content")
    texts = [choice["delta"].get("content") or "" for choice in choices]
    assert "".join(texts) == "You said: one two three"
    assert sum(bool(text) for text in texts) > 1
    assert streamed(client, family.model, "one").choices[0].message.content == "You said: one"


def test_usage_that_nobody_asked_for_is_not_streamed(client: openai.OpenAI, family: Family) -> None:
    told = chunks(client, family.model, "one")
    assert all(chunk["choices"] or "prompt_filter_results" in chunk for chunk in told)
    assert not any(chunk.get("usage") for chunk in told)


@pytest.mark.parametrize("said", [ONE_CALL, TWO_CALLS], ids=["one", "parallel"])
def test_a_tool_round_trip_is_streamed(client: openai.OpenAI, family: Family, said: str) -> None:
    history: list[ChatCompletionMessageParam] = [user(said)]
    called = streamed(client, family.model, history, tools=TOOLS)
    (choice,) = called.choices
    assert choice.finish_reason == "tool_calls"
    calls = choice.message.tool_calls or []
    wanted = ["get_weather"] if said == ONE_CALL else ["get_weather", "get_time"]
    assert [call.function.name for call in calls if call.type == "function"] == wanted
    assert len({call.id for call in calls}) == len(wanted)
    for call in calls:
        assert call.type == "function"
        assert isinstance(json.loads(call.function.arguments)["city"], str)
    history += as_sent_back(called)
    final = streamed(client, family.model, history, tools=TOOLS)
    assert final.choices[0].finish_reason == "stop"
    text = final.choices[0].message.content or ""
    assert f"result {0 if family.fake else len(wanted) - 1}" in text


def test_streamed_calls_have_dense_indexes_and_open_with_their_names(
    client: openai.OpenAI, family: Family
) -> None:
    told = chunks(client, family.model, TWO_CALLS, tools=TOOLS)
    deltas = [call for delta in deltas_of(told) for call in delta.get("tool_calls", ())]
    arguments = {0: "", 1: ""}
    opened: list[int] = []
    for delta in deltas:
        index, function = delta["index"], delta["function"]
        if index in opened:
            assert set(delta) == {"index", "function"}
            assert set(function) == {"arguments"}
        else:
            opened.append(index)
            assert delta["id"]
            assert delta["type"] == "function"
            assert function["name"]
        arguments[index] += function["arguments"]
    assert opened == [0, 1]
    assert all("city" in json.loads(text) for text in arguments.values())


def test_a_named_tool_is_called_whatever_is_said(client: openai.OpenAI, family: Family) -> None:
    choice = {"type": "function", "function": {"name": "get_time"}}
    answer = ask(client, family.model, "Hello", tools=TOOLS, tool_choice=choice)
    calls = answer.choices[0].message.tool_calls or []
    assert len(calls) == 1
    if family.name not in CHAT:  # their fake calls the first one there is
        assert calls[0].type == "function"
        assert calls[0].function.name == "get_time"
    else:
        assert family.asked()["tool_choice"] == choice


def test_tools_that_may_not_be_called_are_not(client: openai.OpenAI, family: Family) -> None:
    answer = ask(client, family.model, ONE_CALL, tools=TOOLS, tool_choice="none")
    assert answer.choices[0].finish_reason == "stop"
    assert answer.choices[0].message.tool_calls is None


def test_the_old_form_of_functions_makes_a_round_trip(
    client: openai.OpenAI, family: Family
) -> None:
    functions = [tool["function"] for tool in TOOLS]
    asked: dict[str, Any] = {"functions": functions, "function_call": "auto"}
    answer = ask(client, family.model, ONE_CALL, **asked)
    if family.name in NEWEST_CHAT:  # they know it themselves; their fake does not
        assert family.asked()["functions"] == functions
        return
    (choice,) = answer.choices
    assert choice.finish_reason == "function_call"
    called = choice.message.function_call
    assert called is not None
    assert called.name == "get_weather"
    assert choice.message.tool_calls is None
    if family.name == "deepseek":
        return  # it wants its thoughts back, and the old form has no id to find them by
    history: list[Any] = [
        user(ONE_CALL),
        {"role": "assistant", "content": None, "function_call": called.to_dict()},
        {"role": "function", "name": "get_weather", "content": "sunny"},
    ]
    assert "sunny" in (ask(client, family.model, history, **asked).choices[0].message.content or "")


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
def test_a_custom_tool_is_called_with_a_text(
    client: openai.OpenAI, family: Family, stream: bool
) -> None:
    tools = [{"type": "custom", "custom": {"name": "get_weather", "description": "a place"}}]
    if family.name in NEWEST_CHAT:  # they know it themselves; their fake does not
        ask(client, family.model, ONE_CALL, tools=tools)
        assert family.asked()["tools"] == tools
        return
    if stream:
        told = chunks(client, family.model, ONE_CALL, tools=tools)
        deltas = [call for delta in deltas_of(told) for call in delta.get("tool_calls", ())]
        assert deltas[0]["type"] == "custom"
        assert deltas[0]["custom"]["name"] == "get_weather"
        assert "".join(delta["custom"].get("input", "") for delta in deltas)
        return
    answer, headers = ask_raw(client, family.model, ONE_CALL, tools=tools)
    (call,) = answer.choices[0].message.tool_calls or []
    assert call.type == "custom"
    assert call.custom.name == "get_weather"
    assert call.custom.input
    emulated = None if family.name == "demo" else "tools=emulated"
    assert headers.get("x-modelmux-adjusted") == emulated


@pytest.mark.parametrize("kind", ["data", "http"])
def test_an_image_arrives(client: openai.OpenAI, house: House, family: Family, kind: str) -> None:
    url = PNG_URL if kind == "data" else house.image_url
    parts: list[dict[str, Any]] = [
        {"type": "text", "text": "What is this?"},
        {"type": "image_url", "image_url": {"url": url, "detail": "low"}},
    ]
    if family.name == "deepseek":
        with pytest.raises(openai.BadRequestError, match="takes no images") as caught:
            ask(client, family.model, [user(parts)])
        assert caught.value.param == "messages"
        return
    answer, headers = ask_raw(client, family.model, [user(parts)])
    assert "What is this?" in (answer.choices[0].message.content or "")
    fetched = kind == "http" and family.name in ("claude", "gemini")
    assert ("messages.image_url=fetched" in headers.get("x-modelmux-adjusted", "")) == fetched
    if family.name == "claude":
        source = {"type": "base64", "media_type": "image/png", "data": PNG_BASE64}
        assert family.asked()["messages"][0]["content"][1] == {"type": "image", "source": source}
    elif family.name == "gemini":
        data = {"mimeType": "image/png", "data": PNG_BASE64}
        assert family.asked()["contents"][0]["parts"][1]["inlineData"] == data
    elif family.fake is not None:
        assert family.asked()["messages"][0]["content"] == parts


def test_a_pdf_arrives_or_is_refused_by_name(client: openai.OpenAI, family: Family) -> None:
    file = {"filename": "report.pdf", "file_data": f"data:application/pdf;base64,{PDF}"}
    parts: list[dict[str, Any]] = [
        {"type": "text", "text": "Read this."},
        {"type": "file", "file": file},
    ]
    if family.name == "deepseek":
        with pytest.raises(openai.BadRequestError, match="takes no file input"):
            ask(client, family.model, [user(parts)])
        return
    answer = ask(client, family.model, [user(parts)])
    assert "Read this." in (answer.choices[0].message.content or "")
    if family.name == "claude":
        block = family.asked()["messages"][0]["content"][1]
        assert block["type"] == "document"
        assert block["source"]["data"] == PDF
    elif family.name == "gemini":
        data = {"mimeType": "application/pdf", "data": PDF}
        assert family.asked()["contents"][0]["parts"][1]["inlineData"] == data
    elif family.fake is not None:
        assert family.asked()["messages"][0]["content"][1]["file"] == file


def test_a_pydantic_model_is_filled(client: openai.OpenAI, family: Family) -> None:
    if family.name in CHAT:  # their fakes answer any schema with what was said
        said = ask(
            client,
            family.model,
            "Name a city.",
            response_format={
                "type": "json_schema",
                "json_schema": {"name": "said", "schema": City.model_json_schema()},
            },
        )
        if family.name == "deepseek":
            assert family.asked()["response_format"] == {"type": "json_object"}
        else:
            assert family.asked()["response_format"]["json_schema"]["name"] == "said"
        assert "said" in json.loads(said.choices[0].message.content or "")
        return
    parsed = client.chat.completions.parse(
        model=family.model, messages=[user("Name a city.")], response_format=City
    )
    assert isinstance(parsed.choices[0].message.parsed, City)


def test_a_json_object_is_an_object(client: openai.OpenAI, family: Family) -> None:
    answer, headers = ask_raw(
        client, family.model, "Say it in JSON.", response_format={"type": "json_object"}
    )
    if family.name == "claude":  # it has no such mode: it was told to
        assert headers["x-modelmux-adjusted"] == "response_format=emulated"
        assert "JSON" in family.asked()["system"]
    else:
        assert isinstance(json.loads(answer.choices[0].message.content or ""), dict)


def test_system_and_developer_are_both_heard(client: openai.OpenAI, family: Family) -> None:
    messages: list[ChatCompletionMessageParam] = [
        {"role": "system", "content": "Be short."},
        {"role": "developer", "content": [{"type": "text", "text": "No jokes."}]},
        user("Hello"),
    ]
    answer = ask(client, family.model, messages)
    assert answer.choices[0].message.content == "You said: Hello"
    if family.fake is not None:
        sent = json.dumps(family.asked())
        assert sent.index("Be short.") < sent.index("No jokes.")


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
def test_thoughts_come_as_reasoning_content(
    client: openai.OpenAI, family: Family, stream: bool
) -> None:
    if stream:
        told = chunks(client, family.model, "Hello, think", reasoning_effort="low")
        deltas = deltas_of(told)
        thoughts = [delta["reasoning_content"] for delta in deltas if "reasoning_content" in delta]
        assert "".join(thoughts) == "Let me think."
        assert not any("reasoning" in delta for delta in deltas)
        return
    message = ask(client, family.model, "Hello, think", reasoning_effort="low").choices[0].message
    assert (message.model_extra or {})["reasoning_content"] == "Let me think."
    assert message.content == "You said: Hello, think"


def test_two_answers_are_given_where_they_can_be(client: openai.OpenAI, family: Family) -> None:
    if family.name in ("claude", "deepseek"):
        with pytest.raises(openai.BadRequestError, match="n must be 1") as caught:
            ask(client, family.model, "Hello", n=2)
        assert caught.value.param == "n"
        return
    answer = ask(client, family.model, "Hello", n=2)
    if family.name in CHAT:  # their fake gives one, whatever is asked
        assert family.asked()["n"] == 2
    else:
        assert [choice.index for choice in answer.choices] == [0, 1]
        assert all(choice.message.content == "You said: Hello" for choice in answer.choices)


def test_logprobs_are_asked_for_or_told_to_be_dropped(
    client: openai.OpenAI, family: Family
) -> None:
    _, headers = ask_raw(client, family.model, "Hello", logprobs=True, top_logprobs=2)
    dropped = "logprobs=dropped" if family.name == "claude" else None
    assert headers.get("x-modelmux-adjusted") == dropped
    if family.name in CHAT:
        assert family.asked()["top_logprobs"] == 2
    elif family.name == "gemini":
        assert family.asked()["generationConfig"]["logprobs"] == 2


@pytest.mark.parametrize("name", ["embeddings", "completions"])
def test_other_calls_are_relayed_or_refused_with_the_reason(
    client: openai.OpenAI, family: Family, name: str
) -> None:
    if family.name not in CHAT:
        body = {"model": family.model, "input": "x", "prompt": "x"}
        with pytest.raises(openai.BadRequestError, match="only relayed to a provider") as caught:
            client.post(f"/{name}", body=body, cast_to=dict[str, Any])
        assert caught.value.param == "model"
    elif name == "completions":
        done = client.completions.create(model=family.model, prompt="Hello,")
        assert done.choices[0].text == " world"
        assert family.asked()["prompt"] == "Hello,"
    else:
        silent = client.embeddings.create(model=family.model, input=["a", "b"])
        plain = client.embeddings.create(model=family.model, input="a", encoding_format="float")
        assert [len(silent.data), len(plain.data)] == [2, 1]
        assert silent.data[0].embedding == plain.data[0].embedding == [0.5, -0.25]


def test_models_are_listed_and_found_though_they_hold_slashes(house: House) -> None:
    listed = {model.id: model.owned_by for model in house.client.models.list()}
    assert listed == {model: name for name, model in FAMILIES.items()}
    assert house.client.models.retrieve("served/by-vllm").owned_by == "vllm"
    encoded = f"{house.gateway.url}/v1/models/served%2Fby-vllm"
    assert house.client.get(encoded, cast_to=dict[str, Any])["id"] == "served/by-vllm"


def test_a_request_keeps_the_id_its_caller_gave_it(client: openai.OpenAI) -> None:
    _, headers = ask_raw(client, "demo", "Hello", extra_headers={"x-request-id": "mine-1"})
    assert headers["x-request-id"] == "mine-1"
