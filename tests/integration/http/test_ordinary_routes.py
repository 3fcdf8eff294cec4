"""Health, models, metrics, the greeting, and what there is not."""

from collections.abc import Iterator

import httpx
import pytest

from modelmux.adapters.memory.scripted import Script, ScriptedProvider
from modelmux.adapters.memory.state import MemoryState
from modelmux.adapters.memory.state_store import MemoryStateStore
from modelmux.adapters.system.clock import SystemClock
from modelmux.application.check_health import CheckHealth
from modelmux.application.plan import ProviderEntry
from modelmux.application.planning import Planner
from modelmux.application.ports import Totals
from modelmux.application.store_guard import StoreGuard
from modelmux.application.targets import TargetStates
from modelmux.domain.capabilities import Capabilities
from modelmux.domain.errors import ConfigurationError, StoreError
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


def test_health_tells_what_is_behind_and_nothing_that_is_secret() -> None:
    clock = SystemClock()
    states = TargetStates()
    well = ProviderEntry("p", "scripted", ScriptedProvider(RELAYED), lambda _: Capabilities())
    state = states.of("p", "m")
    state.admit(clock.monotonic())
    state.began(clock.monotonic(), 0.125, trial=False)
    store = StoreGuard(MemoryStateStore(MemoryState(), clock), clock)
    check = CheckHealth(Planner([well]), clock, states, lambda: Totals(200, 3, 100.0), store)
    services = services_with(ScriptedProvider(RELAYED), check_health=check, store_counts=True)
    with (
        serving_http(services) as running,
        httpx.Client(base_url=running.url, trust_env=False) as client,
    ):
        health = client.get("/health").json()
        assert set(health) == {
            "status", "version", "uptime_seconds", "providers", "metrics", "state_store", "cache",
            "provider",
        }  # fmt: skip
        assert health["provider"] == health["providers"][0]
        (target,) = health["provider"].pop("targets")
        assert health["provider"] == {
            "name": "p", "type": "scripted", "healthy": True, "detail": "answers calls",
            "last_check": health["provider"]["last_check"], "breaker": "closed",
            "error_rate": 0.0, "avg_latency_ms": 125.0,
        }  # fmt: skip
        assert target == {
            "model": "m", "breaker": "closed", "resting_s": 0.0, "first_event_ms": 125.0,
            "error_rate": 0.0, "in_flight": 1,
        }  # fmt: skip
        assert health["metrics"] == {
            "total_requests": 200, "success_rate": 0.985, "avg_latency_ms": 500.0,
        }  # fmt: skip
        assert (health["state_store"], health["cache"]) == ("up", "off")
        assert client.get("/health/ready").json() == {"status": "ok", "state_store": "up"}
        state.rest(clock.monotonic(), 60.0)
        ready = client.get("/health/ready")
        assert (ready.status_code, ready.json()["status"]) == (503, "no_usable_target")
        store.failed(StoreError("gone"))
        ready = client.get("/health/ready")
        assert (ready.status_code, ready.json()["status"]) == (503, "store_down")
        assert client.get("/health").json()["status"] == "degraded"
        assert client.get("/health/live").status_code == 200


def test_a_lost_store_is_told_but_counts_only_where_it_shall() -> None:
    clock = SystemClock()
    store = StoreGuard(MemoryStateStore(MemoryState(), clock), clock)
    store.failed(StoreError("gone"))
    check = CheckHealth(Planner([]), clock, store=store)
    services = services_with(ScriptedProvider(RELAYED), check_health=check)
    with (
        serving_http(services) as running,
        httpx.Client(base_url=running.url, trust_env=False) as client,
    ):
        ready = client.get("/health/ready")
        assert (ready.status_code, ready.json()) == (200, {"status": "ok", "state_store": "down"})
        assert "provider" not in client.get("/health").json()


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
