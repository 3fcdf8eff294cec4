"""Clients of kept turns over plain HTTP, and gateways for them: what the SDK would smooth over.

with serving(folder, config=config_for(upstream)) as gateway, state_client(gateway) as client:
    told = client.create(input="Hello")
    for event in client.events(input="Hello"): ...
"""

import json
import time
from collections.abc import Generator, Iterable
from contextlib import contextmanager
from typing import Any, Final, TypeAlias

import httpx

from .fake_openai import KEY as UPSTREAM_KEY
from .fake_openai import FakeOpenAI
from .serving import ServedGateway

Json: TypeAlias = dict[str, Any]  # Any: JSON, looked at piece by piece

OURS: Final = "test-caller-key-not-secret"
THEIRS: Final = "test-other-key-not-secret"
# Of the environment, so that no key stands in a file.
KEYS: Final = {"OURS": OURS, "THEIRS": THEIRS}
RUNNING: Final = ("queued", "in_progress")
ENDS: Final = ("response.completed", "response.incomplete", "response.failed")
_TENANTS: Final = """
[[keys]]
name = "ours"
tenant = "acme"
key = "${OURS}"

[[keys]]
name = "theirs"
tenant = "other"
key = "${THEIRS}"
"""


def config_for(upstream: FakeOpenAI | None = None, *, pace_s: float = 0, more: str = "") -> str:
    """Return a configuration of two tenants, the demo, and a chat upstream beside it."""
    providers = f'[[providers]]\nname = "demo"\ntype = "demo"\npace_s = {pace_s}\n'
    if upstream is not None:
        providers += (
            '[[providers]]\nname = "up"\ntype = "openai_compat"\n'
            f'base_url = "{upstream.base_url}"\napi_key = "{UPSTREAM_KEY}"\n'
            'models = ["plain", "stuck", "slow", "silent", "endless"]\n'
        )
    return f"{more}\n{providers}{_TENANTS}"


class StateClient:
    """`http` is for what has no method here; its paths begin after /v1."""

    def __init__(self, url: str, key: str) -> None:
        self.http = httpx.Client(
            base_url=f"{url}/v1",
            headers={"authorization": f"Bearer {key}"},
            trust_env=False,
            timeout=20.0,
        )

    def post(self, path: str = "responses", **members: Any) -> httpx.Response:  # Any: JSON
        return self.http.post(path, json=members)

    def ask(self, **members: Any) -> httpx.Response:  # Any: JSON
        """Return the answer of POST /v1/responses, whatever it is."""
        return self.post(**({"model": "demo", "input": "Hello"} | members))

    def create(self, **members: Any) -> Json:  # Any: JSON
        return _good(self.ask(**members))

    def begin(self, **members: Any) -> str:  # Any: JSON
        """Return the id of a background stream whose first frames have come; it is left then."""
        members |= {"background": True}
        with self.streaming(**members) as events:
            return str(next(event["response"]["id"] for event in events))

    @contextmanager
    def streaming(self, **members: Any) -> Generator[Generator[Json]]:  # Any: JSON
        asked = {"model": "demo", "input": "Hello", "stream": True, **members}
        with self.http.stream("POST", "responses", json=asked) as response:
            if response.status_code != 200:
                response.read()
            assert response.status_code == 200, response.text
            yield events_of(response.iter_lines())

    @contextmanager
    def following(self, id_: str, after: int | None = None) -> Generator[Generator[Json]]:
        query = {"stream": "true"} | ({} if after is None else {"starting_after": str(after)})
        with self.http.stream("GET", f"responses/{id_}", params=query) as response:
            assert response.status_code == 200, response.read()
            yield events_of(response.iter_lines())

    def replay(self, id_: str, after: int | None = None) -> list[Json]:
        with self.following(id_, after) as events:
            return list(events)

    def retrieve(self, id_: str) -> Json:
        return _good(self.look(id_))

    def look(self, id_: str) -> httpx.Response:
        return self.http.get(f"responses/{id_}")

    def cancel(self, id_: str) -> httpx.Response:
        return self.http.post(f"responses/{id_}/cancel")

    def delete(self, id_: str) -> httpx.Response:
        return self.http.delete(f"responses/{id_}")

    def converse(self) -> str:
        """Return the id of a new conversation."""
        return str(_good(self.post("conversations"))["id"])

    def items(self, conversation: str) -> list[Json]:
        """Return all items, oldest first."""
        items: list[Json] = []
        while True:
            query = {"order": "asc", "limit": "100"} | ({"after": items[-1]["id"]} if items else {})
            page = _good(self.http.get(f"conversations/{conversation}/items", params=query))
            items += page["data"]
            if not page["has_more"]:
                return items

    def ended(self, id_: str, within_s: float = 10.0) -> Json:
        """Return the response once it runs no more."""
        deadline = time.monotonic() + within_s
        while (told := self.retrieve(id_))["status"] in RUNNING:
            assert time.monotonic() < deadline, f"still {told['status']} after {within_s} s"
            time.sleep(0.05)
        return told


@contextmanager
def state_client(gateway: ServedGateway, key: str = OURS) -> Generator[StateClient]:
    client = StateClient(gateway.url, key)
    with client.http:
        yield client


def events_of(lines: Iterable[str]) -> Generator[Json]:
    """Yield the events of a stream; fails if it ends without its mark."""
    for line in lines:
        if line == "data: [DONE]":
            return
        if line.startswith("data: "):
            yield json.loads(line.removeprefix("data: "))
    raise AssertionError("the stream ends without [DONE]")


def text_of(response: Json) -> str:
    """Return what the model said."""
    return "".join(
        part["text"]
        for item in response["output"]
        if item["type"] == "message"
        for part in item["content"]
    )


def check_replay(events: list[Json], ending: Json, first: int = 0) -> None:
    """Hold a replayed stream to what GET tells: numbers without a gap, one end, the same."""
    assert [event["sequence_number"] for event in events] == list(range(first, first + len(events)))
    assert [event["type"] for event in events if event["type"] in ENDS] == [events[-1]["type"]]
    assert events[-1]["response"] == ending


def _good(response: httpx.Response) -> Json:
    assert response.status_code == 200, response.text
    told: Json = response.json()
    return told
