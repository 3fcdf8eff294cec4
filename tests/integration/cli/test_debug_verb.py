"""`modelmux debug`: one key's bodies in the log of every worker, for a while."""

import json
import subprocess
import time
from pathlib import Path
from typing import Any

import httpx
import pytest

from modelmux.application.keys import configured_key
from modelmux.domain.secret import Secret
from modelmux.entrypoints.cli.debug import seconds_of
from tests.support.command_line import modelmux
from tests.support.serving import ServedGateway, serving

CONFIG = """
[log]
level = "error"
format = "json"

[[providers]]
type = "demo"

[[keys]]
name = "watched"
key = "${WATCHED}"

[[keys]]
name = "other"
key = "${OTHER}"
"""
KEYS = {"WATCHED": "test-key-watched-0123456789", "OTHER": "test-key-other-0123456789"}

ID = configured_key(Secret(KEYS["WATCHED"]), name="", tenant="").record.id


def ask(gateway: ServedGateway, key: str, said: str, request_id: str = "") -> None:
    headers = {"authorization": f"Bearer {KEYS[key.upper()]}"}
    if request_id:
        headers["x-request-id"] = request_id
    body = {"model": "demo", "messages": [{"role": "user", "content": said}]}
    url = f"{gateway.url}/v1/chat/completions"
    httpx.post(url, json=body, headers=headers, trust_env=False).raise_for_status()


def verb(gateway: ServedGateway, folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    port = str(gateway.port)
    runtime = {"XDG_STATE_HOME": str(folder / "state"), **KEYS}
    return modelmux(folder, "debug", "--port", port, *words, environment=runtime)


def until_all_serve(gateway: ServedGateway, workers: int) -> None:
    deadline = time.monotonic() + 20
    while len(gateway.workers()) < workers:
        assert time.monotonic() < deadline, "a worker does not get ready"
        time.sleep(0.05)


def bodies(gateway: ServedGateway) -> list[str]:
    told: list[dict[str, Any]] = [
        json.loads(line) for line in gateway.log.read_text().splitlines() if '"body"' in line
    ]
    return [one["body"] for one in told if one["what"] == "request"]


def test_the_bodies_of_one_key_are_shown_for_a_while(tmp_path: Path) -> None:
    with serving(
        tmp_path, config=CONFIG, arguments=["--workers", "2"], environment=KEYS
    ) as gateway:
        until_all_serve(gateway, 2)  # one that starts later is told nothing
        assert verb(gateway, tmp_path).stdout == "no bodies are shown\n"
        ask(gateway, "watched", "before")
        began = verb(gateway, tmp_path, "--key", ID, "--for", "5m")
        assert (began.returncode, began.stderr) == (0, "")
        assert began.stdout.startswith(f"key {ID}: ")
        for number in range(6):
            ask(gateway, "watched", f"said {number} sk-live-abcdefghijklmnopqrstuvwx")
            ask(gateway, "other", "of another key")
        ended = verb(gateway, tmp_path, "--key", ID, "--end")
        assert ended.stdout == "no bodies are shown\n"
        ask(gateway, "watched", "after")
        assert verb(gateway, tmp_path, "--request-id", "mine-1").returncode == 0
        ask(gateway, "other", "by its id", "mine-1")
        shown = bodies(gateway)
        text = gateway.log.read_text()
    assert [f"said {number}" in body for number, body in enumerate(shown[:6])] == [True] * 6
    assert "by its id" in shown[6]
    assert len(shown) == 7
    assert "sk-live-abcdefghijklmnopqrstuvwx" not in text
    assert "bodies_no_longer_shown" in text


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--key", "a", "--request-id", "b"), "not both"),
        (("--end",), "whose?"),
        (("--key", "a", "--for", "soon"), "90s, 10m or 1h"),
        (("--request-id", "no id!"), "no client can send that"),
    ],
)
def test_a_mistake_of_usage_is_told(tmp_path: Path, words: tuple[str, ...], told: str) -> None:
    ended = modelmux(tmp_path, "debug", *words)
    assert ended.returncode == 2
    assert told in ended.stderr


def test_a_whole_key_stands_for_its_id(tmp_path: Path) -> None:
    with serving(tmp_path) as gateway:
        began = verb(gateway, tmp_path, "--key", "mmx_0123456789_not-told-to-anybody")
        text = gateway.log.read_text()
    assert began.stdout.startswith("key 0123456789: ")
    assert "not-told-to-anybody" not in began.stdout + text


def test_too_long_a_time_is_refused_by_the_workers(tmp_path: Path) -> None:
    with serving(tmp_path) as gateway:
        ended = verb(gateway, tmp_path, "--key", "a", "--for", "2h")
    assert ended.returncode == 1
    assert "up to 60 minutes" in ended.stderr


@pytest.mark.parametrize(("text", "seconds"), [("90", 90), ("90s", 90), ("10m", 600), ("1h", 3600)])
def test_durations_are_read(text: str, seconds: int) -> None:
    assert seconds_of(text) == seconds
