"""What editors and chat programs send, written out as they send it.

Their payloads hold fields of their own, empty lists, keys in other headers; each wants a plain
streamed answer.
"""

import json
from collections.abc import Generator
from typing import Any  # payloads are JSON, as programs write it

import httpx
import openai
import pytest

from tests.support.families import CALLER_KEY, House, every_family
from tests.support.sdk_asking import ask, client_at

# Services that refuse members they do not know say so themselves; these are not among them.
FAMILIES = ("demo", "claude", "gemini", "vllm", "generic")
BEARER = {"authorization": f"Bearer {CALLER_KEY}"}
OPEN_WEBUI: dict[str, Any] = {
    "stream": True,
    "messages": [
        {"role": "system", "content": ""},
        {"role": "user", "content": "Hello"},
        {"role": "assistant", "content": "Hi."},
        {"role": "user", "content": [{"type": "text", "text": "How are you?"}]},
    ],
    "params": {},
    "features": {"image_generation": False, "web_search": False},
    "variables": {"{{USER_NAME}}": "me"},
    "session_id": "a1",
    "chat_id": "c1",
    "id": "m1",
    "background_tasks": {"title_generation": True},
    "stream_options": {"include_usage": True},
}
CONTINUE: dict[str, Any] = {
    "messages": [
        {"role": "system", "content": "You are in an editor."},
        {"role": "user", "content": "How are you?"},
    ],
    "max_tokens": 2048,
    "temperature": 0.5,
    "stream": True,
    "stop": ["/src/", "#- coding: utf-8"],
    "frequency_penalty": None,
    "presence_penalty": None,
    "top_p": None,
    "tools": None,
}
ZED: dict[str, Any] = {
    "messages": [
        {"role": "user", "content": [{"type": "text", "text": "How are"}]},
        {"role": "user", "content": [{"type": "text", "text": "you?"}]},
    ],
    "stream": True,
    "max_completion_tokens": 4096,
    "stop": [],
    "temperature": 1.0,
    "tool_choice": "auto",
    "parallel_tool_calls": False,
    "tools": [
        {
            "type": "function",
            "function": {
                "name": "now",
                "description": "The time",
                "parameters": {"type": "object", "properties": {}},
            },
        }
    ],
}
CURSOR: dict[str, Any] = {
    "messages": [
        {"role": "system", "content": "Answer well.", "name": "cursor"},
        {"role": "user", "content": "How are you?"},
    ],
    "stream": True,
    "temperature": 0,
    "user": "google-oauth2|1",
    "stream_options": {"include_usage": True},
    "tools": [{"type": "function", "function": {"name": "list_files", "parameters": {}}}],
    "tool_choice": "auto",
    "metadata": None,
    "store": False,
}
PAYLOADS = {"Open WebUI": OPEN_WEBUI, "Continue": CONTINUE, "Zed": ZED, "Cursor": CURSOR}


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Generator[House]:
    folder = tmp_path_factory.mktemp("clients")
    with every_family(folder, names=FAMILIES) as house:
        yield house


def post(house: House, body: dict[str, Any], path: str = "/v1/chat/completions") -> httpx.Response:
    return httpx.post(f"{house.gateway.url}{path}", json=body, headers=BEARER, trust_env=False)


def text_of(answer: httpx.Response) -> str:
    """Return the text of a streamed answer that ends as it must."""
    assert answer.status_code == 200, answer.text
    *frames, last = answer.text.strip().split("\n\n")
    assert last == "data: [DONE]"
    told = [json.loads(frame.removeprefix("data: ")) for frame in frames]
    return "".join(
        choice["delta"].get("content") or "" for chunk in told for choice in chunk["choices"]
    )


@pytest.mark.parametrize("name", PAYLOADS)
@pytest.mark.parametrize("family", FAMILIES)
def test_a_program_is_answered_by_every_family(house: House, name: str, family: str) -> None:
    listed = httpx.get(f"{house.gateway.url}/v1/models", headers=BEARER, trust_env=False).json()
    model = house.families[family].model
    assert model in [entry["id"] for entry in listed["data"]]
    answer = post(house, {"model": model, **PAYLOADS[name]})
    if family == "demo" and name in ("Zed", "Cursor"):  # it calls a tool wherever there is one
        assert '"finish_reason":"tool_calls"' in answer.text
    else:
        said = text_of(answer)
        assert said.startswith("You said: ")
        assert said.endswith("you?")


@pytest.mark.parametrize("header", ["authorization", "api-key", "x-api-key"])
def test_a_key_is_found_in_the_header_the_program_knows(house: House, header: str) -> None:
    shown = f"Bearer {CALLER_KEY}" if header == "authorization" else CALLER_KEY
    url = f"{house.gateway.url}/v1/models"
    assert httpx.get(url, headers={header: shown}, trust_env=False).status_code == 200
    assert httpx.get(url, headers={header: f"{shown}x"}, trust_env=False).status_code == 401


def test_a_slash_at_the_end_of_the_base_url_does_no_harm(house: House) -> None:
    with client_at(f"{house.gateway.url}/v1/", CALLER_KEY) as client:
        assert ask(client, "demo", "Hello").choices[0].message.content == "You said: Hello"
    for path in ("/v1//chat/completions", "/v1/chat/completions/"):
        assert post(house, {"model": "demo", **CONTINUE}, path).status_code == 200, path


def test_extra_members_reach_those_that_may_know_them(house: House) -> None:
    body = {"model": house.families["vllm"].model, **OPEN_WEBUI, "guided_choice": ["a", "b"]}
    text_of(post(house, body))
    sent = house.families["vllm"].asked()
    assert sent["guided_choice"] == ["a", "b"]
    assert sent["chat_id"] == "c1"


def test_extra_members_are_told_to_be_left_out_elsewhere(house: House) -> None:
    answer = post(house, {"model": house.families["claude"].model, **OPEN_WEBUI})
    assert "chat_id=dropped" in answer.headers["x-modelmux-adjusted"]
    assert "stream_options" not in answer.headers["x-modelmux-adjusted"]


def test_a_wrong_key_is_the_error_class_the_sdk_has_for_it(house: House) -> None:
    with (
        client_at(f"{house.gateway.url}/v1", "test-wrong-key-not-secret") as client,
        pytest.raises(openai.AuthenticationError) as caught,
    ):
        client.models.list()
    assert caught.value.code == "invalid_api_key"
