"""Two processes of the gateway on one store: each sees, and ends, what the other keeps."""

import time
from collections.abc import Generator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import openai
import pytest

from tests.integration.responses.test_background import WORDS, begun, until_it_ends
from tests.support.responses_asking import compacted
from tests.support.sdk_asking import client_at
from tests.support.servers import running_postgres, running_redis
from tests.support.serving import ServedGateway, serving

KEY = "test-caller-key-not-secret"
_SEAL = "a-seal-key-for-tests-that-is-not-secret"
_CONFIG = """
[provider]
type = "demo"
pace_s = 0.1

[storage]
{storage}

[state]
seal_keys = ["${{SEAL}}"]
"""


@dataclass(frozen=True, slots=True)
class Pair:
    first: openai.OpenAI
    second: openai.OpenAI


@pytest.fixture(scope="module", params=["sqlite", "postgres", "redis"])
def pair(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Generator[Pair]:
    folder = tmp_path_factory.mktemp("pair")
    with ExitStack() as stack:
        config = _CONFIG.format(storage=_storage(request.param, folder, stack))
        environment = {"MODELMUX_API_KEY": KEY, "SEAL": _SEAL}
        gateways: list[ServedGateway] = []
        for name in ("one", "two"):
            (folder / name).mkdir()
            running = serving(folder / name, config=config, environment=environment)
            gateways.append(stack.enter_context(running))
        first, second = (
            stack.enter_context(client_at(f"{gateway.url}/v1", KEY)) for gateway in gateways
        )
        yield Pair(first, second)


def _storage(kind: str, folder: Path, stack: ExitStack) -> str:
    if kind == "postgres":
        return f'url = "{stack.enter_context(running_postgres())}"'
    file = f'path = "{folder / "both.db"}"'
    if kind == "redis":
        return f'{file}\nredis_url = "{stack.enter_context(running_redis())}"'
    return file


def test_a_response_is_continued_in_the_other(pair: Pair) -> None:
    root = pair.first.responses.create(model="demo", input="Hello")
    assert pair.second.responses.retrieve(root.id).to_dict() == root.to_dict()
    on = pair.second.responses.create(model="demo", input="on", previous_response_id=root.id)
    pair.second.responses.delete(root.id)
    with pytest.raises(openai.NotFoundError):
        pair.first.responses.retrieve(root.id)
    with pytest.raises(openai.BadRequestError) as refusal:
        pair.first.responses.create(model="demo", input="x", previous_response_id=on.id)
    assert refusal.value.code == "previous_response_not_found"


def test_a_background_stream_is_followed_from_the_other(pair: Pair) -> None:
    id_ = begun(pair.first)
    with pair.second.responses.retrieve(id_, stream=True) as events:
        told = list(events)
    assert [event.sequence_number for event in told] == list(range(len(told)))
    texts = [event.delta for event in told if event.type == "response.output_text.delta"]
    assert "".join(texts) == f"You said: {WORDS}"
    assert told[-1].type == "response.completed"
    with pair.first.responses.retrieve(id_, stream=True, starting_after=5) as events:
        assert [event.to_dict() for event in events] == [event.to_dict() for event in told[6:]]


def test_the_other_cancels_a_job(pair: Pair) -> None:
    id_ = begun(pair.first)
    assert pair.second.responses.cancel(id_).status == "cancelled"
    time.sleep(0.5)
    assert pair.first.responses.retrieve(id_).status == "cancelled"
    assert until_it_ends(pair.second, id_).status == "cancelled"


def test_one_at_a_time_writes_to_a_conversation(pair: Pair) -> None:
    made = pair.first.conversations.create()
    with pair.first.responses.create(
        model="demo", input=WORDS, conversation=made.id, stream=True
    ) as events:
        next(iter(events))
        with pytest.raises(openai.ConflictError) as refusal:
            pair.second.responses.create(model="demo", input="x", conversation=made.id)
        assert refusal.value.code == "conversation_locked"
        for _ in events:
            pass
    told = pair.second.responses.create(model="demo", input="x", conversation=made.id)
    assert told.output_text == "You said: x"
    items = list(pair.first.conversations.items.list(made.id, order="asc"))
    assert len(items) == 4


def test_what_one_sealed_the_other_opens(pair: Pair) -> None:
    items: Any = compacted(pair.first, model="demo", input="Hello")  # Any: plain dicts
    assert pair.second.responses.create(model="demo", input=items).status == "completed"
