"""Routes over three upstreams behind a running gateway: who is asked, and what is told of it."""

import asyncio
import json
import subprocess
import time
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest
from websockets.asyncio.client import connect

from tests.support.fake_openai import KEY, FakeOpenAI, fake_openai_in_thread
from tests.support.families import CALLER_KEY
from tests.support.misbehaving import misbehaving
from tests.support.sdk_asking import ask, client_at
from tests.support.serving import COMMAND, ServedGateway, serving

NAMES = ("a", "b", "c")


@dataclass(frozen=True, slots=True)
class House:
    gateway: ServedGateway
    client: openai.OpenAI
    upstreams: dict[str, FakeOpenAI]
    folder: Path

    def asked(self) -> dict[str, int]:
        """Return how often each upstream was asked since the last time, and forget it."""
        counts = {name: len(fake.requests) for name, fake in self.upstreams.items()}
        for fake in self.upstreams.values():
            fake.requests.clear()
        return counts

    def one_asked(self) -> str:
        """Return the only upstream that was asked."""
        (name,) = [name for name, count in self.asked().items() if count]
        return name


def provider(name: str, base_url: str) -> str:
    told = (f'name = "{name}"', 'type = "openai_compat"', f'base_url = "{base_url}"')
    return "\n".join(["[[providers]]", *told, f'api_key = "{KEY}"', ""])


def route(model: str, *lines: str, first: str = "") -> str:
    targets = ", ".join(f'{{ provider = "{name}", model = "plain" }}' for name in NAMES)
    head = ["[[routes]]", f'model = "{model}"', f"targets = [{first}{targets}]"]
    return "\n".join([*head, *lines, ""])


TIRED = '{ provider = "tired", model = "429 in 60" }, '
WEIGHED = """\
[[routes]]
model = "weighed"
strategy = "weighted"
targets = [
    { provider = "a", model = "plain", weight = 0 },
    { provider = "b", model = "plain", weight = 9 },
    { provider = "c", model = "plain", weight = 1 },
]
"""


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Generator[House]:
    folder = tmp_path_factory.mktemp("routing")
    with (
        misbehaving() as tired,
        fake_openai_in_thread("openai") as a,
        fake_openai_in_thread("openai") as b,
        fake_openai_in_thread("openai") as c,
    ):
        upstreams: dict[str, FakeOpenAI] = {"a": a, "b": b, "c": c}
        config = "\n".join(
            [
                '[log]\nlevel = "debug"\nformat = "json"',
                provider("tired", tired.base_url),
                *(provider(name, fake.base_url) for name, fake in upstreams.items()),
                route("turns", 'strategy = "round_robin"'),
                WEIGHED,
                route("by-header", 'affinity = "header:X-Session"'),
                route("by-other-header", 'affinity = "header:X-Session"'),
                route("by-key", 'affinity = "prompt_cache_key"'),
                route("by-talk", 'affinity = "conversation"'),
                route("rests", first=TIRED),
            ]
        )
        with (
            serving(folder, config=config, environment={"MODELMUX_API_KEY": CALLER_KEY}) as gateway,
            client_at(f"{gateway.url}/v1", CALLER_KEY) as client,
        ):
            yield House(gateway, client, upstreams, folder)


@pytest.fixture(autouse=True)
def nobody_was_asked(house: House) -> None:
    house.asked()


def test_turns_go_round(house: House) -> None:
    for _ in range(9):
        ask(house.client, "turns", "Hi")
    assert house.asked() == {"a": 3, "b": 3, "c": 3}


def test_weights_are_shares(house: House) -> None:
    for _ in range(60):
        ask(house.client, "weighed", "Hi")
    asked = house.asked()
    assert asked["a"] == 0
    assert asked["b"] > 40  # of 54 on average; fewer once in more than a hundred thousand runs


def test_a_session_stays_at_one_target_and_sessions_spread(house: House) -> None:
    homes: list[str] = []
    for number in range(12):
        for _ in range(3):
            ask(house.client, "by-header", "Hi", extra_headers={"X-Session": f"s{number}"})
        homes.append(house.one_asked())
    assert len(set(homes)) > 1


async def test_a_session_on_a_websocket_is_known_by_its_headers(house: House) -> None:
    address = house.gateway.url.replace("http", "ws") + "/v1/responses"
    homes: list[str] = []
    for number in range(12):
        headers = {"authorization": f"Bearer {CALLER_KEY}", "X-Session": f"s{number}"}
        async with connect(address, additional_headers=headers, proxy=None) as connection:
            for text in ("Hi", "Something else"):
                asked = {"type": "response.create", "model": "by-header", "input": text}
                await connection.send(json.dumps(asked))
                async with asyncio.timeout(10):
                    while json.loads(await connection.recv())["type"] != "response.completed":
                        pass
        homes.append(house.one_asked())
    assert len(set(homes)) > 1


def test_a_cache_key_keeps_relayed_requests_together(house: House) -> None:
    homes: list[str] = []
    for number in range(12):
        for text in ("Hi", "Something else"):
            ask(house.client, "by-key", text, extra_body={"prompt_cache_key": f"k{number}"})
        homes.append(house.one_asked())
    assert len(set(homes)) > 1


def test_a_continued_response_stays_where_it_began(house: House) -> None:
    homes: list[str] = []
    for number in range(8):
        first = house.client.responses.create(model="by-talk", input=f"Talk number {number}")
        home = house.one_asked()
        for text in ("And now?", "And then?"):
            first = house.client.responses.create(
                model="by-talk", input=text, previous_response_id=first.id
            )
            assert house.one_asked() == home
        homes.append(home)
    assert len(set(homes)) > 1


def test_a_chat_that_is_sent_again_stays_where_it_began(house: House) -> None:
    said: list[Any] = [{"role": "user", "content": "Who are you?"}]
    ask(house.client, "by-talk", said)
    home = house.one_asked()
    said += [{"role": "assistant", "content": "Nobody."}, {"role": "user", "content": "Really?"}]
    ask(house.client, "by-talk", said)
    assert house.one_asked() == home


def explained(house: House, *options: str) -> subprocess.CompletedProcess[str]:
    body = json.dumps({"model": "rests", "messages": [{"role": "user", "content": "Hi"}]})
    return subprocess.run(
        [*COMMAND, "explain", "-", "--url", house.gateway.url, *options],
        cwd=house.folder, input=body, capture_output=True, text=True, check=False,
        env={"HOME": str(house.folder), "MODELMUX_API_KEY": CALLER_KEY},
    )  # fmt: skip


def test_a_target_that_rests_is_passed_over_and_that_is_told(house: House) -> None:
    ask(house.client, "rests", "Hi")  # it is refused there, and goes on to the next
    ask(house.client, "rests", "Hi")
    assert house.asked() == {"a": 2, "b": 0, "c": 0}
    health: Any = httpx.get(f"{house.gateway.url}/health").json()
    (tired,) = [one for one in health["providers"] if one["name"] == "tired"]
    assert tired["targets"][0]["resting_s"] > 30

    told = explained(house)
    assert told.returncode == 0, told.stderr
    plan = told.stdout.splitlines()[1:6]
    assert plan[:4] == [
        "plan     rests, policy warn",
        "  2. a/plain (openai_compat): target 2 of route rests",
        "  3. b/plain (openai_compat): target 3 of route rests",
        "  4. c/plain (openai_compat): target 4 of route rests",
    ]
    assert plan[4].startswith(
        "  1. tired/429 in 60 (openai_compat): not tried: it asked for a rest"
    )

    machine = json.loads(explained(house, "--json").stdout)
    assert [one["number"] for one in machine["plan"]] == [2, 3, 4]
    assert [one["number"] for one in machine["passed_over"]] == [1]
    assert [one["number"] for one in machine["targets"]] == [2, 3, 4]


def logged(house: House, *, model: str) -> Any:  # Any: JSON
    """Return the newest line of a request for a model; the log is written in batches."""
    until = time.monotonic() + 5
    while time.monotonic() < until:
        lines = [json.loads(line) for line in house.gateway.log.read_text().splitlines()]
        for line in reversed(lines):
            if line.get("event") == "request" and line.get("model") == model:
                return line
        time.sleep(0.05)
    raise AssertionError(f"nothing was logged of {model}")


def test_the_debug_log_tells_the_choice_and_no_secret(house: House) -> None:
    ask(house.client, "by-other-header", "Hi", extra_headers={"X-Session": "very-private"})
    last = logged(house, model="by-other-header")
    assert last["choice"][0] == "route by-other-header, ordered"
    assert last["choice"][1] == "affinity by x-session: it decides"
    assert len(last["choice"]) == 5
    assert "very-private" not in house.gateway.log.read_text()


def test_nobody_to_ask_is_said(house: House) -> None:
    told = explained(house, "--url", "http://127.0.0.1:9")
    assert told.returncode == 2
    assert "no answer from 127.0.0.1:9" in told.stderr
    assert "modelmux serve" in told.stderr
