"""Messages over the wire: keys, versions, errors, models and token counts of a running gateway."""

import json
from collections.abc import Generator, Mapping
from typing import Any

import anthropic
import httpx
import pytest

from tests.support.families import Family
from tests.support.messages_asking import anthropic_client
from tests.support.serving import ServedGateway, serving

KEY = "test-caller-key-not-secret"
OTHER_KEY = "test-other-key-not-secret"
CONFIG = """
[server]
max_body_bytes = 1_000_000

[[providers]]
name = "demo"
type = "demo"
pace_s = 0

[[routes]]
model = "assistant"
aliases = ["helper"]
targets = [{ provider = "demo", model = "demo" }]

[[keys]]
name = "ours"
tenant = "acme"
key = "${OURS}"
"""
BODY: dict[str, Any] = {
    "model": "demo",
    "max_tokens": 100,
    "messages": [{"role": "user", "content": "Hello"}],
}
VERSION = {"anthropic-version": "2023-06-01"}


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Generator[ServedGateway]:
    folder = tmp_path_factory.mktemp("messages")
    with serving(folder, config=CONFIG, environment={"OURS": KEY}) as served:
        yield served


@pytest.fixture
def client(gateway: ServedGateway) -> Generator[anthropic.Anthropic]:
    with anthropic_client(gateway.url, KEY) as sdk:
        yield sdk


@pytest.fixture
def http(gateway: ServedGateway) -> Generator[httpx.Client]:
    headers = {"x-api-key": KEY}
    with httpx.Client(base_url=gateway.url, headers=headers, trust_env=False) as plain:
        yield plain


def error_of(answer: httpx.Response, status: int, kind: str) -> Mapping[str, Any]:
    """Return the error, once it is known to have Anthropic's shape."""
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/json"
    body = answer.json()
    assert body.keys() == {"type", "error", "request_id"}
    assert body["type"] == "error"
    assert body["request_id"] == answer.headers["request-id"] == answer.headers["x-request-id"]
    error: Mapping[str, Any] = body["error"]
    assert error["type"] == kind
    assert error["message"]
    return error


@pytest.mark.parametrize(
    "headers",
    [
        {"x-api-key": KEY, **VERSION},
        {"authorization": f"Bearer {KEY}", "anthropic-version": "2026-10-21"},
        {"x-api-key": KEY, "authorization": f"Bearer {OTHER_KEY}", **VERSION},
        {"x-api-key": KEY},
        {"x-api-key": KEY, "anthropic-version": "latest"},
        {"x-api-key": KEY, **VERSION, "anthropic-beta": "of-tomorrow-2027-01-01, other"},
    ],
)
@pytest.mark.parametrize("path", ["/v1/messages", "/v1/messages?beta=true"])
def test_both_carriers_of_the_key_and_any_version(
    gateway: ServedGateway, headers: dict[str, str], path: str
) -> None:
    answer = httpx.post(f"{gateway.url}{path}", json=BODY, headers=headers, trust_env=False)
    assert answer.status_code == 200
    assert answer.json()["type"] == "message"
    named = headers.get("anthropic-version", "")
    told = answer.headers["anthropic-version"]
    assert told == (named if named.startswith("20") else "2023-06-01")
    assert answer.headers["request-id"] == answer.headers["x-request-id"]


def test_the_named_key_wins_also_when_it_is_wrong(gateway: ServedGateway) -> None:
    headers = {"x-api-key": OTHER_KEY, "authorization": f"Bearer {KEY}", **VERSION}
    for path in ("/v1/messages", "/v1/messages/count_tokens"):
        answer = httpx.post(f"{gateway.url}{path}", json=BODY, headers=headers, trust_env=False)
        error_of(answer, 401, "authentication_error")


def test_the_sdk_is_answered_whole_and_in_a_stream(client: anthropic.Anthropic) -> None:
    asked: list[anthropic.types.MessageParam] = [{"role": "user", "content": "Hello"}]
    message = client.messages.create(model="demo", max_tokens=100, messages=asked)
    assert [block.type for block in message.content] == ["text"]
    with client.messages.stream(model="demo", max_tokens=100, messages=asked) as stream:
        streamed = stream.get_final_message()
    assert streamed.content[0].model_dump()["text"] == message.content[0].model_dump()["text"]
    beta = client.beta.messages.create(
        model="demo", max_tokens=100, messages=[{"role": "user", "content": "Hello"}]
    )
    assert beta.stop_reason == "end_turn"


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (b"{", "could not be read as JSON"),
        (b"", "could not be read as JSON"),
        (b"[]", "must be a JSON object"),
        (b'{"model":"demo","messages":[{"role":"user","content":"x"}]}',
         "max_tokens: Field required"),
        (b'{"model":"demo","max_tokens":1,"messages":[]}', "messages: "),
        (b'{"model":"demo","max_tokens":1,"messages":[{"role":"user","content":[{"type":"text",'
         b'"text":""}]}]}', "messages.0.content.0.text: text content blocks must be non-empty"),
    ],
)  # fmt: skip
def test_bad_bodies_are_refused_in_anthropics_shape(
    http: httpx.Client, body: bytes, told: str
) -> None:
    answer = http.post(
        "/v1/messages", content=body, headers={"content-type": "application/json", **VERSION}
    )
    assert told in error_of(answer, 400, "invalid_request_error")["message"]


def test_so_is_whatever_else_goes_wrong(http: httpx.Client, gateway: ServedGateway) -> None:
    unknown = error_of(
        http.post("/v1/messages", json={**BODY, "model": "nobody"}), 404, "not_found_error"
    )
    assert unknown["details"] == {"error_code": "model_not_found"}
    method = http.get("/v1/messages")
    error_of(method, 405, "invalid_request_error")
    assert "POST" in method.headers["allow"]
    error_of(http.post("/v1/messages/of_tomorrow", json=BODY), 404, "not_found_error")
    large = {**BODY, "system": "x" * 1_100_000}
    error_of(http.post("/v1/messages", json=large), 413, "request_too_large")
    kind = {"content-type": "text/plain"}
    error_of(http.post("/v1/messages", content=b"x", headers=kind), 415, "invalid_request_error")
    bare = httpx.post(f"{gateway.url}/v1/messages", json=BODY, trust_env=False)
    error_of(bare, 401, "authentication_error")


def test_the_sdk_raises_what_it_should(client: anthropic.Anthropic, gateway: ServedGateway) -> None:
    with pytest.raises(anthropic.NotFoundError) as missing:
        client.messages.create(
            model="nobody", max_tokens=1, messages=[{"role": "user", "content": "x"}]
        )
    assert missing.value.type == "not_found_error"
    with (
        anthropic_client(gateway.url, OTHER_KEY) as stranger,
        pytest.raises(anthropic.AuthenticationError),
    ):
        stranger.models.list()


def test_what_fails_before_the_stream_has_a_status(http: httpx.Client) -> None:
    call: dict[str, Any] = {"type": "tool_use", "id": "a", "name": "f", "input": {}}
    messages: list[Any] = [*BODY["messages"], {"role": "assistant", "content": [call]}]
    answer = http.post("/v1/messages", json={**BODY, "messages": messages, "stream": True})
    error = error_of(answer, 400, "invalid_request_error")
    assert error["message"].startswith("messages.1.content.0: `tool_use` ids were found without")


def test_every_event_of_a_stream_has_its_name(http: httpx.Client) -> None:
    answer = http.post("/v1/messages", json={**BODY, "stream": True}, headers=VERSION)
    assert answer.headers["content-type"].startswith("text/event-stream")
    frames = [frame for frame in answer.text.split("\n\n") if frame]
    for frame in frames:
        event, data = frame.split("\n")
        assert event == f"event: {json.loads(data.removeprefix('data: '))['type']}"
    assert frames[0].startswith("event: message_start")
    assert frames[-1].startswith("event: message_stop")


@pytest.mark.parametrize("query", ["", "?beta=true"])
def test_tokens_are_counted(http: httpx.Client, query: str) -> None:
    body = {"model": "demo", "messages": BODY["messages"]}
    short = http.post(f"/v1/messages/count_tokens{query}", json=body, headers=VERSION)
    assert short.status_code == 200
    assert short.json().keys() == {"input_tokens"}
    tool = {"name": "f", "description": "d" * 400, "input_schema": {"type": "object"}}
    long = http.post("/v1/messages/count_tokens", json={**body, "tools": [tool]}, headers=VERSION)
    assert long.json()["input_tokens"] > short.json()["input_tokens"] > 0


def test_counting_refuses_what_asking_refuses(
    http: httpx.Client, client: anthropic.Anthropic
) -> None:
    refused = http.post("/v1/messages/count_tokens", json={"model": "demo", "messages": [7]})
    message = error_of(refused, 400, "invalid_request_error")["message"]
    assert message.startswith("messages.0: ")
    with pytest.raises(anthropic.NotFoundError):
        client.messages.count_tokens(model="nobody", messages=[{"role": "user", "content": "x"}])


def test_models_have_the_shape_of_who_asks(http: httpx.Client, client: anthropic.Anthropic) -> None:
    plain = http.get("/v1/models").json()
    assert plain["object"] == "list"
    listed = list(client.models.list(limit=1))
    assert [model.id for model in listed] == [model["id"] for model in plain["data"]]
    assert {model.type for model in listed} == {"model"}
    assert {model.lifecycle for model in listed} == {"active"}
    shown = client.models.retrieve("demo")
    assert shown == next(model for model in listed if model.id == "demo")
    assert http.get("/v1/models/demo").json()["object"] == "model"
    error_of(http.get("/v1/models/nobody", headers=VERSION), 404, "not_found_error")


def test_models_come_in_pages_both_ways(http: httpx.Client) -> None:
    ids = [model["id"] for model in http.get("/v1/models").json()["data"]]
    assert len(ids) > 2
    whole = http.get("/v1/models", headers=VERSION).json()
    assert (whole["first_id"], whole["last_id"], whole["has_more"]) == (ids[0], ids[-1], False)
    after = http.get("/v1/models", params={"after_id": ids[0]}, headers=VERSION).json()
    assert [model["id"] for model in after["data"]] == ids[1:]
    before = http.get("/v1/models", params={"before_id": ids[-1]}, headers=VERSION).json()
    assert [model["id"] for model in before["data"]] == ids[:-1]
    near = {"before_id": ids[-1], "limit": "1"}
    page = http.get("/v1/models", params=near, headers=VERSION).json()
    assert (page["first_id"], page["last_id"], page["has_more"]) == (ids[-2], ids[-2], True)
    for wrong in ({"limit": "0"}, {"limit": "x"}, {"after_id": "nobody"},
                  {"after_id": ids[0], "before_id": ids[0]}):  # fmt: skip
        refused = http.get("/v1/models", params=wrong, headers=VERSION)
        error_of(refused, 400, "invalid_request_error")


def test_the_routes_stand_in_the_api_document(http: httpx.Client) -> None:
    paths = http.get("/docs/openapi.json").json()["paths"]
    assert "post" in paths["/v1/messages"]
    assert "post" in paths["/v1/messages/count_tokens"]


def test_a_provider_counts_itself_where_it_can(sdk: anthropic.Anthropic, family: Family) -> None:
    said: list[anthropic.types.MessageParam] = [{"role": "user", "content": "Hello " * 50}]
    counted = sdk.messages.count_tokens(model=family.model, messages=said)
    assert counted.input_tokens > 0
    if family.name == "claude":
        assert counted.input_tokens == 3  # the fake's word; an estimate would be far more
