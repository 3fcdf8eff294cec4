"""Health, models, metrics, the greeting, and what there is not."""

from collections.abc import Iterator

import httpx
import pytest

from modelmux.adapters.memory.scripted import Script, ScriptedProvider
from modelmux.domain.errors import ConfigurationError
from modelmux.domain.events import FinishReason, RelayedBytes, ResponseFinished, ResponseStarted
from modelmux.entrypoints.server import listen
from tests.support.http_server import RunningServer, services_with, serving_http

RELAYED = Script(
    batches=(
        [
            ResponseStarted("x", "m"),
            RelayedBytes(b'{"object":"list"}'),
            ResponseFinished((FinishReason.STOP,)),
        ],
    )
)


@pytest.fixture(scope="module")
def server() -> Iterator[RunningServer]:
    with serving_http(services_with(ScriptedProvider(RELAYED))) as running:
        yield running


@pytest.fixture
def client(server: RunningServer) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=server.url, trust_env=False) as http:
        yield http


@pytest.mark.parametrize(
    "path",
    ["/", "/health", "/health/live", "/health/ready", "/metrics", "/v1/models", "/v1/models/m"],
)
def test_get_and_head_agree(client: httpx.Client, path: str) -> None:
    got, head = client.get(path), client.head(path)
    assert got.status_code == head.status_code == 200
    assert got.content
    assert not head.content
    assert got.headers["x-request-id"] != head.headers["x-request-id"]
    assert head.headers["content-type"] == got.headers["content-type"]


def test_health_tells_version_uptime_and_providers(client: httpx.Client) -> None:
    health = client.get("/health").json()
    assert (health["status"], health["providers"][0]["name"]) == ("ok", "p")
    assert health["uptime_seconds"] >= 0
    assert health["version"]


def test_a_draining_server_is_alive_but_not_ready(
    server: RunningServer, client: httpx.Client
) -> None:
    server.app.calls.draining = True
    try:
        assert client.get("/health/ready").status_code == 503
        assert client.get("/health/live").status_code == 200
        assert client.get("/health").json()["status"] == "draining"
    finally:
        server.app.calls.draining = False


@pytest.mark.parametrize("path", ["/v1/models/org/name", "/v1/models/org%2Fname"])
def test_a_model_is_found_by_either_spelling_of_its_slash(client: httpx.Client, path: str) -> None:
    assert client.get(path).json()["id"] == "org/name"


@pytest.mark.parametrize(
    ("method", "path", "status", "code", "allow"),
    [
        ("GET", "/nothing", 404, "not_found", None),
        ("POST", "/v1/assistants", 404, "not_found", None),
        ("GET", "/v1/models/none/such", 404, "model_not_found", None),
        ("GET", "/v1/chat/completions", 405, "method_not_allowed", {"POST", "OPTIONS"}),
        ("DELETE", "/v1/models", 405, "method_not_allowed", {"GET", "HEAD", "OPTIONS"}),
    ],
)
def test_what_is_not_here_is_told_in_openais_shape(
    client: httpx.Client, method: str, path: str, status: int, code: str, allow: set[str] | None
) -> None:
    answer = client.request(method, path)
    assert answer.status_code == status
    error = answer.json()["error"]
    assert set(error) == {"message", "type", "param", "code"}
    assert error["code"] == code
    assert answer.headers["x-request-id"] in error["message"]
    if allow is not None:
        assert set(answer.headers["allow"].split(", ")) == allow


def test_paths_become_labels_by_their_template(server: RunningServer, client: httpx.Client) -> None:
    client.get("/v1/models/org/name")
    client.get("/some/random/text")
    paths = [exchange.path for exchange in server.observer.exchanges[-2:]]
    assert paths == ["/v1/models/{model_id}", "unmatched"]


def test_the_log_learns_who_asked_and_for_what_was_not_here(
    server: RunningServer, client: httpx.Client
) -> None:
    client.get("/v1/models")
    client.get("/v1/v1/models")
    listed, missed = server.observer.exchanges[-2:]
    assert listed.tenant == "local"
    assert missed.error_detail == "There is nothing at /v1/v1/models; see GET / for what is here."


def test_a_relayed_dialect_passes_the_upstreams_bytes(client: httpx.Client) -> None:
    path = "/v1/completions"
    answer = client.post(path, json={"model": "m", "prompt": "x", "stream": True})
    assert (answer.status_code, answer.text) == (200, '{"object":"list"}')
    missing = client.post(path, json={"model": "m"})
    assert missing.status_code == 400
    assert missing.json()["error"]["code"] == "missing_required_parameter"


def test_the_document_lists_the_hot_routes_too(client: httpx.Client) -> None:
    paths = client.get("/docs/openapi.json").json()["paths"]
    assert {"/v1/chat/completions", "/v1/embeddings", "/v1/completions", "/v1/models"} <= set(paths)


def test_an_address_in_use_is_a_sentence(server: RunningServer) -> None:
    with pytest.raises(ConfigurationError, match="cannot listen on"):
        listen("127.0.0.1", server.port).listen()
