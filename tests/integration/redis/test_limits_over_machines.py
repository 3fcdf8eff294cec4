"""Two gateways that share their limits through one Redis, which goes and comes back."""

import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Final

import httpx

from tests.support.servers import own_redis
from tests.support.serving import ServedGateway, serving

KEY: Final = "test-key-not-secret"
CONFIG: Final = """
[provider]
type = "demo"
pace_s = 0.0

[storage]
path = ":memory:"
redis_url = "${REDIS}"

[[keys]]
name = "ci"
key = "${CI_KEY}"

[limits]
shared = "redis"
key = { requests_per_minute = 8 }
"""


def ask(gateway: ServedGateway) -> int:
    answer = httpx.post(
        f"{gateway.url}/v1/chat/completions",
        json={"model": "demo", "messages": [{"role": "user", "content": "hi"}]},
        headers={"x-api-key": KEY},
        trust_env=False,
        timeout=30,
    )
    return answer.status_code


def shares(gateways: Sequence[ServedGateway], rounds: int) -> list[int]:
    return [ask(gateway) for _ in range(rounds) for gateway in gateways]


def test_two_gateways_share_a_limit_and_outlive_their_redis(tmp_path: Path) -> None:
    with own_redis() as redis, ExitStack() as stack:
        environment = {"REDIS": redis.url, "CI_KEY": KEY}
        gateways: list[ServedGateway] = []
        for name in ("one", "two"):
            (tmp_path / name).mkdir()
            gateways.append(
                stack.enter_context(
                    serving(tmp_path / name, config=CONFIG, environment=environment)
                )
            )
        assert shares(gateways, 3) == [200] * 6
        assert shares(gateways, 4).count(200) in (2, 3)  # one may have flowed in
        redis.kill()
        # Each machine goes on by what it has counted itself: it let four or five through.
        seen = shares(gateways, 8)
        assert set(seen) == {200, 429}
        assert 6 <= seen.count(200) <= 10
        redis.start()
        deadline = time.monotonic() + 15
        while any("limits_shared_again" not in one.log.read_text() for one in gateways):
            assert time.monotonic() < deadline
            time.sleep(0.1)
        for gateway in gateways:
            assert gateway.log.read_text().count("limits_counted_by_this_machine_alone") == 1
