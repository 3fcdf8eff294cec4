"""Answers that must fit a schema, from models that get it wrong at first, over a running gateway.

Some targets hold to schemas themselves, some are made to call a tool, some are told in words.
"""

import json
from collections.abc import Generator, Mapping
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
from tests.support.fake_upstream import Reply
from tests.support.families import CALLER_KEY
from tests.support.sdk_asking import ask, ask_raw, chunks, client_at, deltas_of
from tests.support.serving import ServedGateway, serving

NATIVE, BY_CALL = "claude-opus-4-8", "claude-opus-4-1"
GEMINI, CHAT, WORDS = "gemini-3.6-flash", "gpt-4.1", "deepseek-v4"
PROVIDERS = {NATIVE: "claude", BY_CALL: "claude", GEMINI: "gemini", CHAT: "openai"}
RULES = {
    "lenient": "{}",
    "repair": "{ repair = true }",
    "strict": "{ strict = true }",
    "both": "{ strict = true, repair = true }",
}
CITY: dict[str, Any] = {
    "type": "object",
    "properties": {"city": {"type": "string"}},
    "required": ["city"],
    "additionalProperties": False,
}
# The chat fake repeats what it was told last: words that only the second call has fit.
SAID: dict[str, Any] = {
    "type": "object",
    "properties": {"said": {"type": "string", "pattern": "corrected"}},
    "required": ["said"],
}
NEVER: dict[str, Any] = {**CITY, "properties": {"city": {"type": "string", "pattern": "^B"}}}
WRONG = {"town": 1}


def wanting(schema: Mapping[str, Any]) -> dict[str, Any]:
    return {"type": "json_schema", "json_schema": {"name": "city", "schema": schema}}


@dataclass(frozen=True, slots=True)
class House:
    gateway: ServedGateway
    client: openai.OpenAI
    claude: FakeClaude
    gemini: FakeGemini
    chat: FakeOpenAI
    deepseek: FakeOpenAI

    def fake(self, model: str) -> FakeClaude | FakeGemini:
        return self.gemini if model == GEMINI else self.claude

    def fail_once(self, model: str, text: str = json.dumps(WRONG)) -> None:
        """Have the model give an answer that does not fit, once."""
        if model == GEMINI:
            body: dict[str, Any] = {
                "candidates": [
                    {
                        "content": {"role": "model", "parts": [{"text": text}]},
                        "finishReason": "STOP",
                    }
                ],
                "usageMetadata": {"promptTokenCount": 7, "candidatesTokenCount": 3},
                "modelVersion": model,
                "responseId": "r",
            }
        else:
            block: dict[str, Any] = {"type": "text", "text": text}
            if model == BY_CALL:
                block = {"type": "tool_use", "id": "t_1", "name": "give_answer", "input": WRONG}
            body = {
                "id": "msg_1",
                "type": "message",
                "role": "assistant",
                "model": model,
                "content": [block],
                "stop_reason": "tool_use" if model == BY_CALL else "end_turn",
                "stop_sequence": None,
                "usage": {"input_tokens": 7, "output_tokens": 3},
            }
        self.fake(model).plan(Reply(body=json.dumps(body).encode()))


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Generator[House]:
    folder: Path = tmp_path_factory.mktemp("structured")
    with (
        fake_google() as google,
        fake_claude() as claude,
        fake_gemini() as gemini,
        fake_openai_in_thread() as chat,
        fake_openai_in_thread("deepseek") as deepseek,
    ):
        config = ""
        for name, fake in (("openai", chat), ("deepseek", deepseek)):
            config += (
                f'[[providers]]\nname = "{name}"\ntype = "openai_compat"\npreset = "{name}"\n'
                f'base_url = "{fake.base_url}"\napi_key = "{KEY}"\n'
            )
        for name, base_url in (("claude", claude.base_url), ("gemini", gemini.base_url)):
            config += (
                f'[[providers]]\nname = "{name}"\ntype = "vertex"\nproject = "p"\n'
                f'region = "global"\nbase_url = "{base_url}"\n'
            )
        for rule, written in RULES.items():
            for model, provider in {**PROVIDERS, WORDS: "deepseek"}.items():
                config += (
                    f'[[routes]]\nmodel = "{rule}/{model}"\nstructured_output = {written}\n'
                    f'targets = [{{ provider = "{provider}", model = "{model}" }}]\n'
                )
        environment = {"GCE_METADATA_HOST": google.host, "MODELMUX_API_KEY": CALLER_KEY}
        with (
            serving(folder, config=config, environment=environment) as gateway,
            client_at(f"{gateway.url}/v1", CALLER_KEY) as client,
        ):
            yield House(gateway, client, claude, gemini, chat, deepseek)


def told(headers: Mapping[str, str]) -> list[str]:
    return [one.strip() for one in headers.get("x-modelmux-adjusted", "").split(",") if one]


@pytest.mark.parametrize("model", [NATIVE, BY_CALL, GEMINI])
@pytest.mark.parametrize("rule", ["repair", "both"])
def test_a_wrong_answer_is_mended_by_one_further_call(house: House, rule: str, model: str) -> None:
    house.fail_once(model)
    before = len(house.fake(model).requests)
    answer, headers = ask_raw(
        house.client, f"{rule}/{model}", "Where?", response_format=wanting(CITY)
    )
    assert json.loads(answer.choices[0].message.content or "") == {"city": "value 0"}
    assert answer.choices[0].finish_reason == "stop"
    assert answer.choices[0].message.tool_calls is None
    assert told(headers)[-1] == "response_format=repaired"
    assert len(house.fake(model).requests) == before + 2
    assert answer.usage is not None
    assert answer.usage.prompt_tokens > 7
    assert answer.usage.completion_tokens > 3


def test_a_relayed_model_is_read_and_mended_where_the_route_asks(house: House) -> None:
    wanted = wanting(SAID)
    answer, headers = ask_raw(house.client, f"both/{CHAT}", "Hello", response_format=wanted)
    assert "corrected" in json.loads(answer.choices[0].message.content or "")["said"]
    assert told(headers) == ["response_format=repaired"]
    # Nobody looks where nobody asked to.
    answer, headers = ask_raw(house.client, f"lenient/{CHAT}", "Hello", response_format=wanted)
    assert json.loads(answer.choices[0].message.content or "") == {"said": "Hello"}
    assert told(headers) == []


@pytest.mark.parametrize("model", [NATIVE, BY_CALL, GEMINI, CHAT, WORDS])
@pytest.mark.parametrize("stream", [False, True])
def test_a_strict_route_gives_an_error_and_no_wrong_answer(
    house: House, model: str, stream: bool
) -> None:
    schema = SAID if model == CHAT else NEVER
    with pytest.raises(openai.APIStatusError) as caught:
        ask(
            house.client, f"strict/{model}", "Hello",
            response_format=wanting(schema), stream=stream,
        )  # fmt: skip
    assert caught.value.status_code == 502
    assert caught.value.code == "structured_output_invalid"
    assert "$." in caught.value.message


def test_a_strict_stream_gives_what_was_mended(house: House) -> None:
    said = chunks(house.client, f"both/{CHAT}", "Hello", response_format=wanting(SAID))
    text = "".join(delta.get("content") or "" for delta in deltas_of(said))
    assert "corrected" in json.loads(text)["said"]


def test_what_was_called_for_an_answer_streams_as_text(house: House) -> None:
    said = chunks(house.client, f"lenient/{BY_CALL}", "Where?", response_format=wanting(CITY))
    deltas = deltas_of(said)
    text = "".join(delta.get("content") or "" for delta in deltas)
    assert json.loads(text) == {"city": "value 0"}
    assert not any(delta.get("tool_calls") for delta in deltas)
    assert house.claude.last["tool_choice"]["name"] == "give_answer"


def test_a_lenient_route_tells_that_an_answer_does_not_fit(house: House) -> None:
    answer, headers = ask_raw(
        house.client, f"lenient/{BY_CALL}", "Where?", response_format=wanting(NEVER)
    )
    assert json.loads(answer.choices[0].message.content or "") == {"city": "value 0"}
    assert told(headers) == ["response_format=emulated", "response_format=unmet"]


def test_the_verdict_on_a_stream_is_counted(house: House) -> None:
    chunks(house.client, f"lenient/{BY_CALL}", "Where?", response_format=wanting(NEVER))
    page = httpx.get(f"{house.gateway.url}/metrics", trust_env=False).text
    assert 'action="unmet"' in page


@pytest.mark.parametrize("stream", [False, True])
def test_a_kept_response_has_the_verdict_among_its_metadata(house: House, stream: bool) -> None:
    wanted: Any = {"format": {"type": "json_schema", "name": "city", "schema": NEVER}}
    response: Any = house.client.responses.create(
        model=f"lenient/{BY_CALL}", input="Where?", text=wanted, metadata={"a": "b"}, stream=stream
    )
    if stream:
        response = list(response)[-1].response
    kept: Any = house.client.responses.retrieve(response.id)
    for one in (response, kept):
        assert one.metadata["a"] == "b"
        assert one.metadata["modelmux_structured_output"].startswith("unmet: $.city")
    fitting: Any = {"format": {**wanted["format"], "schema": CITY}}
    plain = house.client.responses.create(
        model=f"lenient/{BY_CALL}", input="Where?", text=fitting, metadata={"a": "b"}
    )
    assert plain.metadata == {"a": "b"}


def test_a_schema_that_leads_elsewhere_is_refused_where_answers_are_checked(house: House) -> None:
    schema = {"type": "object", "properties": {"a": {"$ref": "http://127.0.0.1:9/s.json"}}}
    before = len(house.chat.requests)
    with pytest.raises(openai.BadRequestError, match=r"127\.0\.0\.1") as caught:
        ask(house.client, f"strict/{CHAT}", "Hello", response_format=wanting(schema))
    assert caught.value.param == "response_format"
    assert len(house.chat.requests) == before
