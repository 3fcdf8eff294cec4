"""Limits of a running gateway: what callers are told, over workers, and when clients leave."""

import threading
import time
from collections import Counter
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from typing import Final

import httpx
import pytest

from tests.support.serving import ServedGateway, serving

CONFIG: Final = """
[[providers]]
name = "demo"
type = "demo"
pace_s = 0.02

[[keys]]
name = "few"
key = "${FEW_KEY}"

[[keys]]
name = "paced"
key = "${PACED_KEY}"

[[keys]]
name = "narrow"
key = "${NARROW_KEY}"

[[keys]]
name = "free"
key = "${FREE_KEY}"

[[routes]]
model = "patient"
targets = [{ provider = "demo", model = "demo" }]
limits = { concurrent = 2, wait_s = 20 }

[limits.keys.few]
requests_per_minute = 3
tokens_per_minute = 60_000

[limits.keys.paced]
requests_per_minute = 1200
burst_s = 1

[limits.keys.narrow]
concurrent = 1
"""
KEYS: Final = {
    "FEW_KEY": "few-test-key-not-secret",
    "PACED_KEY": "paced-test-key-not-secret",
    "FREE_KEY": "free-test-key-not-secret",
    "NARROW_KEY": "narrow-test-key-not-secret",
}
CHAT: Final = "/v1/chat/completions"


@pytest.fixture(scope="module")
def gateway(
    tmp_path_factory: pytest.TempPathFactory,
) -> Generator[ServedGateway]:
    folder = tmp_path_factory.mktemp("limited")
    with serving(folder, config=CONFIG, arguments=["--workers", "3"], environment=KEYS) as running:
        yield running


# No connection is kept, so that every worker has its share.
_OF_THREAD: Final = threading.local()


def _client() -> httpx.Client:
    """Return this thread's own: one that is shared now and then closes what another reads."""
    if not hasattr(_OF_THREAD, "client"):
        _OF_THREAD.client = httpx.Client(
            trust_env=False, timeout=60, limits=httpx.Limits(max_keepalive_connections=0)
        )
    client: httpx.Client = _OF_THREAD.client
    return client


def body(model: str = "demo", **changes: object) -> dict[str, object]:
    messages = [{"role": "user", "content": "hi"}]
    return {"model": model, "messages": messages, "max_tokens": 100, **changes}


def ask(gateway: ServedGateway, key: str, path: str = CHAT, model: str = "demo") -> httpx.Response:
    headers = {"x-api-key": KEYS[key]}
    return _client().post(f"{gateway.url}{path}", json=body(model), headers=headers)


def test_over_workers_a_key_has_its_requests_and_no_more_and_is_told(
    gateway: ServedGateway,
) -> None:
    answers = [ask(gateway, "FEW_KEY") for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200] * 3
    left = [answer.headers["x-ratelimit-remaining-requests"] for answer in answers]
    assert left == ["2", "1", "0"]
    assert answers[0].headers["x-ratelimit-limit-requests"] == "3"
    assert answers[0].headers["x-ratelimit-limit-tokens"] == "60000"
    assert answers[0].headers["x-ratelimit-remaining-tokens"] < "60000"
    for _ in range(6):
        refused = ask(gateway, "FEW_KEY")
        assert refused.status_code == 429
        error = refused.json()["error"]
        assert (error["type"], error["code"]) == ("rate_limit_error", "rate_limit_exceeded")
        assert "requests per minute of the key" in error["message"]
        assert 0 < int(refused.headers["retry-after-ms"]) <= 20_000
        assert refused.headers["x-ratelimit-remaining-requests"] == "0"
        assert "x-should-retry" not in refused.headers
    told = ask(gateway, "FEW_KEY", "/v1/messages")
    assert told.status_code == 429
    assert told.json()["error"]["type"] == "rate_limit_error"
    assert told.headers["anthropic-ratelimit-requests-remaining"] == "0"
    assert told.headers["anthropic-ratelimit-requests-reset"].endswith("Z")


def test_what_many_get_through_all_workers_is_what_flows(gateway: ServedGateway) -> None:
    began = time.monotonic()
    until = began + 3.0

    def hammer() -> Counter[int]:
        seen: Counter[int] = Counter()
        while time.monotonic() < until:
            seen[ask(gateway, "PACED_KEY").status_code] += 1
        return seen

    with ThreadPoolExecutor(8) as pool:
        seen = sum(
            (one.result() for one in [pool.submit(hammer) for _ in range(8)]), Counter[int]()
        )
    elapsed_s = time.monotonic() - began
    assert set(seen) <= {200, 429}
    assert seen[200] <= 20 + elapsed_s * 20 + 1
    if seen[429]:  # a slow machine may not reach the limit
        assert seen[200] >= 3.0 * 20 * 0.9


def test_who_leaves_frees_its_place(gateway: ServedGateway) -> None:
    long = body(
        stream=True, max_tokens=4000, messages=[{"role": "user", "content": "word " * 4000}]
    )
    headers = {"x-api-key": KEYS["NARROW_KEY"]}
    with _client().stream("POST", f"{gateway.url}{CHAT}", json=long, headers=headers) as running:
        assert running.status_code == 200
        pieces = running.iter_bytes()  # which closes the connection when it is let go
        next(pieces)
        refused = ask(gateway, "NARROW_KEY")
        assert refused.status_code == 429
        assert "concurrent requests of the key" in refused.text
        assert refused.headers["retry-after"] == "1"
        del pieces
    deadline = time.monotonic() + 5
    while (answer := ask(gateway, "NARROW_KEY")).status_code == 429:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert answer.status_code == 200


def test_where_a_route_asks_all_wait_and_all_are_answered(gateway: ServedGateway) -> None:
    def ask_one(number: int) -> httpx.Response:
        del number
        return ask(gateway, "FREE_KEY", model="patient")

    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(ask_one, range(32)))
    assert [answer.status_code for answer in answers] == [200] * 32
    assert "x-ratelimit-limit-requests" not in answers[0].headers


def test_refusals_and_waits_are_counted(gateway: ServedGateway) -> None:
    page = _client().get(f"{gateway.url}/metrics", headers={"x-api-key": KEYS["PACED_KEY"]}).text
    lines = [line for line in page.splitlines() if "limit" in line and not line.startswith("#")]
    assert any('"refused"' in line and '"requests"' in line for line in lines), lines
