"""A gateway of several workers counts as one, also when one of them is killed."""

import os
import signal
import time
from pathlib import Path

import httpx
import pytest

from tests.support.serving import ServedGateway, serving

CONFIG = '[provider]\ntype = "demo"\n[storage]\npath = "kept.db"\n'
ASKED = {"model": "demo", "messages": [{"role": "user", "content": "Hi"}]}
COUNTED = 'modelmux_http_requests_total{method="POST",path="/v1/chat/completions",status="200"}'
WITHIN_S = 30.0


def read(gateway: ServedGateway) -> dict[str, float]:
    """Return the page: value by name and labels. Each call is a connection of its own."""
    text = httpx.get(f"{gateway.url}/metrics", trust_env=False).text
    lines = (line for line in text.splitlines() if not line.startswith("#"))
    return {name: float(number) for name, _, number in (line.rpartition(" ") for line in lines)}


def ask(gateway: ServedGateway, times: int) -> None:
    for _ in range(times):
        url = f"{gateway.url}/v1/chat/completions"
        assert httpx.post(url, json=ASKED, trust_env=False).status_code == 200


def workers(gateway: ServedGateway) -> set[int]:
    """Return the processes below the one we started."""
    children = Path(f"/proc/{gateway.process.pid}/task/{gateway.process.pid}/children")
    return {int(pid) for pid in children.read_text().split()}


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="looks for processes in /proc")
def test_the_page_is_exact_over_workers_and_over_a_kill(tmp_path: Path) -> None:
    with serving(tmp_path, config=CONFIG, arguments=["--workers", "2"]) as gateway:
        wait_for(gateway, 2)
        ask(gateway, 20)
        for _ in range(4):  # whoever answers
            assert read(gateway)[COUNTED] == 20
        before = workers(gateway)
        victim = min(before)
        os.kill(victim, signal.SIGKILL)
        deadline = time.monotonic() + WITHIN_S
        while (now := workers(gateway)) == before or len(now) < len(before):
            assert time.monotonic() < deadline
            time.sleep(0.1)
        wait_for(gateway, 2)
        assert read(gateway)[COUNTED] == 20
        ask(gateway, 20)
        page = read(gateway)
        assert page[COUNTED] == 40
        assert {name for name in page if name.startswith("process_open_fds")} == {
            'process_open_fds{worker="0"}',
            'process_open_fds{worker="1"}',
        }
        health = httpx.get(f"{gateway.url}/health", trust_env=False).json()
        assert health["metrics"]["total_requests"] == 40


def wait_for(gateway: ServedGateway, count: int) -> None:
    deadline = time.monotonic() + WITHIN_S
    while read(gateway)["modelmux_workers"] != count:
        assert time.monotonic() < deadline
        time.sleep(0.1)
