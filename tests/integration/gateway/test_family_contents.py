"""Images, files, forms of output and the rarer wishes over every provider family."""

import base64
import json
from typing import Any

import openai
import pytest
from openai.types.chat import ChatCompletionMessageParam
from pydantic import BaseModel

from tests.support.families import CHAT, CLAUDES, FAMILIES, Family, House
from tests.support.images import PNG_BASE64, PNG_URL
from tests.support.sdk_asking import ask, ask_raw, chunks, deltas_of, unstrict, user

# Those that take images by value alone, and those that Claude answers: once, and without a mode.
_FETCHING = ("claude", "gemini", "gemini-api", "bedrock", "bedrock-claude", "ollama")
_SINGLE = (*CLAUDES, "bedrock")
PDF = base64.b64encode(b"%PDF-1.4 a short one").decode()


class City(BaseModel):
    name: str
    inhabitants: int
    rivers: list[str]


@pytest.mark.parametrize("kind", ["data", "http"])
def test_an_image_arrives(
    sdk: openai.OpenAI, every_house: House, family: Family, kind: str
) -> None:
    url = PNG_URL if kind == "data" else every_house.image_url
    parts: list[dict[str, Any]] = [
        {"type": "text", "text": "What is this?"},
        {"type": "image_url", "image_url": {"url": url, "detail": "low"}},
    ]
    if family.name in ("deepseek", "cohere"):
        with pytest.raises(openai.BadRequestError, match="takes no images") as caught:
            ask(sdk, family.model, [user(parts)])
        assert caught.value.param == "messages"
        return
    answer, headers = ask_raw(sdk, family.model, [user(parts)])
    assert "What is this?" in (answer.choices[0].message.content or "")
    fetched = kind == "http" and family.name in _FETCHING
    assert ("messages.image_url=fetched" in headers.get("x-modelmux-adjusted", "")) == fetched
    if family.name in CLAUDES:
        source = {"type": "base64", "media_type": "image/png", "data": PNG_BASE64}
        if family.name == "anthropic" and kind == "http":
            source = {"type": "url", "url": url}
        assert family.asked()["messages"][0]["content"][1] == {"type": "image", "source": source}
    elif family.name == "bedrock":
        image = {"format": "png", "source": {"bytes": PNG_BASE64}}
        assert family.asked()["messages"][0]["content"][1] == {"image": image}
    elif family.name.startswith("gemini"):
        data = {"mimeType": "image/png", "data": PNG_BASE64}
        assert family.asked()["contents"][0]["parts"][1]["inlineData"] == data
    elif family.name == "ollama":
        assert family.asked()["messages"][0]["images"] == [PNG_BASE64]
    elif family.fake is not None:
        assert family.asked()["messages"][0]["content"] == parts


def test_a_pdf_arrives_or_is_refused_by_name(sdk: openai.OpenAI, family: Family) -> None:
    file = {"filename": "report.pdf", "file_data": f"data:application/pdf;base64,{PDF}"}
    parts: list[dict[str, Any]] = [
        {"type": "text", "text": "Read this."},
        {"type": "file", "file": file},
    ]
    if family.name in ("deepseek", "cohere", "ollama"):
        with pytest.raises(openai.BadRequestError, match="takes no file input"):
            ask(sdk, family.model, [user(parts)])
        return
    answer = ask(sdk, family.model, [user(parts)])
    assert "Read this." in (answer.choices[0].message.content or "")
    if family.name in CLAUDES:
        block = family.asked()["messages"][0]["content"][1]
        assert block["type"] == "document"
        assert block["source"]["data"] == PDF
    elif family.name == "bedrock":
        document = {"format": "pdf", "name": "report", "source": {"bytes": PDF}}
        assert family.asked()["messages"][0]["content"][1] == {"document": document}
    elif family.name.startswith("gemini"):
        data = {"mimeType": "application/pdf", "data": PDF}
        assert family.asked()["contents"][0]["parts"][1]["inlineData"] == data
    elif family.fake is not None:
        assert family.asked()["messages"][0]["content"][1]["file"] == file


def test_a_pydantic_model_is_filled(sdk: openai.OpenAI, family: Family) -> None:
    parsed = sdk.chat.completions.parse(
        model=family.model, messages=[user("Name a city.")], response_format=City
    )
    assert isinstance(parsed.choices[0].message.parsed, City)
    if family.name == "deepseek":  # it has no schemas: the answer is a forced call
        assert family.asked()["tool_choice"]["function"]["name"] == "give_answer"


def test_a_json_object_is_an_object(sdk: openai.OpenAI, family: Family) -> None:
    answer, headers = ask_raw(
        sdk, family.model, "Say it in JSON.", response_format={"type": "json_object"}
    )
    if family.name in _SINGLE:  # it has no such mode: it was told to
        assert headers["x-modelmux-adjusted"] == "response_format=emulated"
        assert "JSON" in json.dumps(family.asked()["system"])
    else:
        assert isinstance(json.loads(answer.choices[0].message.content or ""), dict)


def test_system_and_developer_are_both_heard(sdk: openai.OpenAI, family: Family) -> None:
    messages: list[ChatCompletionMessageParam] = [
        {"role": "system", "content": "Be short."},
        {"role": "developer", "content": [{"type": "text", "text": "No jokes."}]},
        user("Hello"),
    ]
    answer = ask(sdk, family.model, messages)
    assert answer.choices[0].message.content == "You said: Hello"
    if family.fake is not None:
        sent = json.dumps(family.asked())
        assert sent.index("Be short.") < sent.index("No jokes.")


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
def test_thoughts_come_as_reasoning_content(
    sdk: openai.OpenAI, family: Family, stream: bool
) -> None:
    if stream:
        told = chunks(sdk, family.model, "Hello, think", reasoning_effort="low")
        deltas = deltas_of(told)
        thoughts = [delta["reasoning_content"] for delta in deltas if "reasoning_content" in delta]
        assert "".join(thoughts) == "Let me think."
        assert not any("reasoning" in delta for delta in deltas)
        return
    message = ask(sdk, family.model, "Hello, think", reasoning_effort="low").choices[0].message
    assert (message.model_extra or {})["reasoning_content"] == "Let me think."
    assert message.content == "You said: Hello, think"


def test_two_answers_are_given_where_they_can_be(sdk: openai.OpenAI, family: Family) -> None:
    if family.name in (*_SINGLE, "deepseek", "cohere", "ollama"):
        with pytest.raises(openai.BadRequestError, match="n must be 1") as caught:
            ask(sdk, family.model, "Hello", n=2)
        assert caught.value.param == "n"
        return
    answer = ask(sdk, family.model, "Hello", n=2)
    if family.name in CHAT:  # their fake gives one, whatever is asked
        assert family.asked()["n"] == 2
    else:
        assert [choice.index for choice in answer.choices] == [0, 1]
        assert all(choice.message.content == "You said: Hello" for choice in answer.choices)


def test_logprobs_are_asked_for_or_told_to_be_dropped(sdk: openai.OpenAI, family: Family) -> None:
    _, headers = ask_raw(sdk, family.model, "Hello", logprobs=True, top_logprobs=2)
    dropped = "logprobs=dropped" if family.name in (*_SINGLE, "cohere") else None
    assert headers.get("x-modelmux-adjusted") == dropped
    if family.name in CHAT:
        assert family.asked()["top_logprobs"] == 2
    elif family.name.startswith("gemini"):
        assert family.asked()["generationConfig"]["logprobs"] == 2
    elif family.name == "ollama":
        assert family.asked()["top_logprobs"] == 2


@pytest.mark.parametrize("name", ["embeddings", "completions"])
def test_other_calls_are_relayed_or_refused_with_the_reason(
    sdk: openai.OpenAI, family: Family, name: str
) -> None:
    if family.name == "ollama" and name == "embeddings":
        made = unstrict(sdk).embeddings.create(model=family.model, input=["a", "bcd"])
        assert [one.embedding[0] for one in made.data] == [1.0, 3.0]
    elif family.name == "huggingface":
        body = {"model": family.model, "input": "x", "prompt": "x"}
        with pytest.raises(openai.BadRequestError, match=r"does not offer|makes no"):
            sdk.post(f"/{name}", body=body, cast_to=dict[str, Any])
    elif family.name not in CHAT:
        body = {"model": family.model, "input": "x", "prompt": "x"}
        refusal = "makes no embeddings" if name == "embeddings" else "only relayed to a provider"
        with pytest.raises(openai.BadRequestError, match=refusal) as caught:
            sdk.post(f"/{name}", body=body, cast_to=dict[str, Any])
        assert caught.value.param == "model"
    elif name == "completions":
        done = sdk.completions.create(model=family.model, prompt="Hello,")
        assert done.choices[0].text == " world"
        assert family.asked()["prompt"] == "Hello,"
    else:
        silent = unstrict(sdk).embeddings.create(model=family.model, input=["a", "b"])
        plain = sdk.embeddings.create(model=family.model, input="a", encoding_format="float")
        assert [len(silent.data), len(plain.data)] == [2, 1]
        assert silent.data[0].embedding == plain.data[0].embedding == [0.5, -0.25]


def test_models_are_listed_and_found_though_they_hold_slashes(every_house: House) -> None:
    listed = {model.id: model.owned_by for model in every_house.client.models.list()}
    assert listed == {model: name for name, model in FAMILIES.items()}
    assert every_house.client.models.retrieve("served/by-vllm").owned_by == "vllm"
    encoded = f"{every_house.gateway.url}/v1/models/served%2Fby-vllm"
    assert every_house.client.get(encoded, cast_to=dict[str, Any])["id"] == "served/by-vllm"


def test_a_request_keeps_the_id_its_caller_gave_it(sdk: openai.OpenAI) -> None:
    _, headers = ask_raw(sdk, "demo", "Hello", extra_headers={"x-request-id": "mine-1"})
    assert headers["x-request-id"] == "mine-1"
