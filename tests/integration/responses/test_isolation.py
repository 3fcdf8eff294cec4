"""Two tenants on one gateway: what the other keeps is told of as what never was."""

import asyncio
import json
import re
from collections.abc import Callable, Generator
from dataclasses import asdict, astuple, dataclass
from typing import Any

import httpx
import pytest
from websockets.asyncio.client import connect

from tests.support.fake_openai import FakeOpenAI, fake_openai_in_thread
from tests.support.serving import ServedGateway, serving
from tests.support.state_clients import (
    ENDS,
    KEYS,
    OURS,
    THEIRS,
    Json,
    StateClient,
    config_for,
    state_client,
)

_REQUEST_ID = re.compile(r"req_[A-Za-z0-9]+")
_IDS = re.compile(r"(resp|conv|msg|rs)_mmx[A-Za-z0-9]+")


@dataclass(frozen=True, slots=True)
class Things:
    """What one tenant keeps; or ids of the same form that nobody ever had."""

    response: str
    running: str
    conversation: str
    locked: str
    response_item: str
    conversation_item: str


@dataclass(frozen=True, slots=True)
class Tenants:
    gateway: ServedGateway
    ours: StateClient
    theirs: StateClient
    upstream: FakeOpenAI
    foreign: Things
    never: Things


@pytest.fixture(scope="module")
def tenants(tmp_path_factory: pytest.TempPathFactory) -> Generator[Tenants]:
    folder = tmp_path_factory.mktemp("tenants")
    with (
        fake_openai_in_thread("any") as upstream,
        serving(folder, config=config_for(upstream), environment=KEYS) as gateway,
        state_client(gateway, OURS) as ours,
        state_client(gateway, THEIRS) as theirs,
    ):
        conversation, locked = theirs.converse(), theirs.converse()
        kept = theirs.create(input="secret", conversation=conversation)
        foreign = Things(
            kept["id"],
            theirs.begin(model="stuck", conversation=locked),
            conversation,
            locked,
            kept["output"][0]["id"],
            theirs.items(conversation)[0]["id"],
        )
        never = Things(*(never_was(id_) for id_ in astuple(foreign)))
        yield Tenants(gateway, ours, theirs, upstream, foreign, never)
        # Nothing that the other tried has changed anything.
        assert theirs.retrieve(foreign.response) == kept
        assert theirs.retrieve(foreign.running)["status"] == "in_progress"
        assert theirs.items(conversation)[0]["id"] == foreign.conversation_item
        assert len(theirs.items(conversation)) == 2
        assert theirs.create(conversation=conversation)["status"] == "completed"
        for secret in ("secret", kept["id"]):
            assert all(secret not in json.dumps(one.body) for one in upstream.requests)
    assert "Traceback" not in gateway.log.read_text()


def never_was(id_: str) -> str:
    """Return an id of the same form, with another random part."""
    start = id_.index("mmx") + 3
    other = id_[start : start + 12].swapcase()
    assert other != id_[start : start + 12]
    return id_[:start] + other + id_[start + 12 :]


def told_of(answer: httpx.Response) -> tuple[int, str, dict[str, str]]:
    """Return status, body and headers without what is of one request or id alone."""
    text = _IDS.sub("ID", _REQUEST_ID.sub("REQ", answer.text))
    left_out = {"x-request-id", "date", "content-length", "openai-processing-ms"}
    headers = {name: value for name, value in answer.headers.items() if name not in left_out}
    return answer.status_code, text, headers


def _get(path: str, **query: str) -> Callable[[StateClient, Things], httpx.Response]:
    def act(client: StateClient, of: Things) -> httpx.Response:
        return client.http.get(_named(path, of), params=query)

    return act


def _delete(path: str) -> Callable[[StateClient, Things], httpx.Response]:
    return lambda client, of: client.http.delete(_named(path, of))


def _post(
    path: str,
    **members: Any,  # Any: JSON
) -> Callable[[StateClient, Things], httpx.Response]:
    def act(client: StateClient, of: Things) -> httpx.Response:
        body = json.loads(_named(json.dumps(members), of))
        return client.http.post(_named(path, of), json=body)

    return act


def _ask(**members: Any) -> Callable[[StateClient, Things], httpx.Response]:  # Any: JSON
    return _post("responses", **({"model": "plain", "input": "Hello"} | members))


def _named(text: str, of: Things) -> str:
    for name, id_ in asdict(of).items():
        text = text.replace(f"<{name}>", id_)
    return text


REFERENCE = {"type": "item_reference", "id": "<response_item>"}
INPUT_REFERENCE = {"type": "item_reference", "id": "<conversation_item>"}
TRIES = {
    "retrieve": (404, _get("responses/<response>")),
    "retrieve what runs": (404, _get("responses/<running>")),
    "follow": (404, _get("responses/<running>", stream="true")),
    "follow what cannot be": (404, _get("responses/<response>", stream="true")),
    "resume": (404, _get("responses/<running>", stream="true", starting_after="1")),
    "input items": (404, _get("responses/<response>/input_items")),
    "input items after": (
        404,
        _get("responses/<response>/input_items", after="<response_item>", order="asc"),
    ),
    "delete": (404, _delete("responses/<response>")),
    "delete what runs": (404, _delete("responses/<running>")),
    "cancel": (404, _post("responses/<running>/cancel")),
    "cancel what cannot be": (404, _post("responses/<response>/cancel")),
    "conversation": (404, _get("conversations/<conversation>")),
    "relabel": (404, _post("conversations/<conversation>", metadata={"a": "b"})),
    "forget conversation": (404, _delete("conversations/<conversation>")),
    "items": (404, _get("conversations/<conversation>/items")),
    "items after": (404, _get("conversations/<conversation>/items", after="<conversation_item>")),
    "item": (404, _get("conversations/<conversation>/items/<conversation_item>")),
    "forget item": (404, _delete("conversations/<conversation>/items/<conversation_item>")),
    "add items": (
        404,
        _post("conversations/<conversation>/items", items=[{"role": "user", "content": "x"}]),
    ),
    "continue": (400, _ask(previous_response_id="<response>")),
    "continue streamed": (400, _ask(previous_response_id="<response>", stream=True)),
    "continue what runs": (400, _ask(previous_response_id="<running>")),
    "continue unstored": (400, _ask(previous_response_id="<response>", store=False)),
    "continue in the background": (400, _ask(previous_response_id="<response>", background=True)),
    "converse": (404, _ask(conversation="<conversation>")),
    "converse by object": (404, _ask(conversation={"id": "<conversation>"})),
    "converse in the background": (404, _ask(conversation="<conversation>", background=True)),
    "converse where somebody writes": (404, _ask(conversation="<locked>")),
    "add items where somebody writes": (
        404,
        _post("conversations/<locked>/items", items=[{"role": "user", "content": "x"}]),
    ),
    "forget what somebody writes": (404, _delete("conversations/<locked>")),
    "converse unstored": (404, _ask(conversation="<conversation>", store=False)),
    "refer": (400, _ask(input=[REFERENCE])),
    "refer to input": (400, _ask(input=[INPUT_REFERENCE])),
    "refer unstored": (400, _ask(input=[REFERENCE], store=False)),
    "begin a conversation with a reference": (400, _post("conversations", items=[REFERENCE])),
    "count": (
        400,
        _post(
            "responses/input_tokens", model="plain", input="x", previous_response_id="<response>"
        ),
    ),
    "count a conversation": (
        404,
        _post("responses/input_tokens", model="plain", input="x", conversation="<conversation>"),
    ),
    "compact": (
        400,
        _post("responses/compact", model="plain", previous_response_id="<response>"),
    ),
}


@pytest.mark.parametrize("name", TRIES)
def test_what_another_tenant_keeps_is_told_of_as_what_never_was(
    tenants: Tenants, name: str
) -> None:
    status, act = TRIES[name]
    asked = len(tenants.upstream.requests)
    foreign, never = act(tenants.ours, tenants.foreign), act(tenants.ours, tenants.never)
    assert told_of(foreign) == told_of(never)
    assert foreign.status_code == status, foreign.text
    assert len(tenants.upstream.requests) == asked


def test_a_foreign_item_is_no_cursor_of_ones_own(tenants: Tenants) -> None:
    own = tenants.ours.create()
    conversation = tenants.ours.converse()
    tenants.ours.create(conversation=conversation)
    for path in (f"responses/{own['id']}/input_items", f"conversations/{conversation}/items"):
        foreign, never = (
            tenants.ours.http.get(path, params={"after": things.conversation_item})
            for things in (tenants.foreign, tenants.never)
        )
        assert told_of(foreign) == told_of(never)
        assert foreign.status_code == 400
    for act in (tenants.ours.http.get, tenants.ours.http.delete):
        foreign, never = (
            act(f"conversations/{conversation}/items/{things.conversation_item}")
            for things in (tenants.foreign, tenants.never)
        )
        assert told_of(foreign) == told_of(never)
        assert foreign.status_code == 404


def test_what_was_sealed_for_another_tenant_opens_no_more_than_what_was_altered(
    tenants: Tenants,
) -> None:
    theirs, ours = tenants.theirs, tenants.ours
    short = theirs.post("responses/compact", model="demo", input="secret").json()
    envelope = short["output"][-1]["encrypted_content"]
    altered = envelope[:-6] + ("AAAAAA" if envelope[-6:] != "AAAAAA" else "BBBBBB")
    assert theirs.create(input=short["output"])["status"] == "completed"
    items: list[Json] = [{"type": "compaction"}, {"type": "reasoning", "id": "r", "summary": []}]
    for item in items:
        for store in (True, False):
            foreign, never = (
                ours.ask(input=[item | {"encrypted_content": sealed}], store=store)
                for sealed in (envelope, altered)
            )
            assert told_of(foreign) == told_of(never)
            assert foreign.status_code == 400
            assert foreign.json()["error"]["code"] == "invalid_encrypted_content"


async def test_a_socket_gives_no_other_way_in(tenants: Tenants) -> None:
    """What only a connection of theirs remembers is not there for ours, nor is what is stored."""
    foreign, never = tenants.foreign, tenants.never
    (unstored,) = await over_socket(tenants, THEIRS, [{"store": False}])
    tries = [
        [{"previous_response_id": foreign.response}, {"previous_response_id": never.response}],
        [
            {"previous_response_id": unstored["response"]["id"]},
            {"previous_response_id": never.response},
        ],
        [{"previous_response_id": foreign.running}, {"previous_response_id": never.running}],
        [{"conversation": foreign.conversation}, {"conversation": never.conversation}],
        [
            {"input": [{"type": "item_reference", "id": things.response_item}]}
            for things in (foreign, never)
        ],
    ]
    for store in (True, False):
        for asked in tries:
            told = await over_socket(tenants, OURS, [one | {"store": store} for one in asked])
            first, second = (
                _REQUEST_ID.sub("REQ", _IDS.sub("ID", json.dumps(end))) for end in told
            )
            assert first == second
            assert told[0]["type"] == "error"


async def over_socket(tenants: Tenants, key: str, asked: list[Json]) -> list[Json]:
    """Return the last events of requests on one connection."""
    address = tenants.gateway.url.replace("http", "ws") + "/v1/responses"
    headers = {"authorization": f"Bearer {key}"}
    ends: list[Json] = []
    async with (
        asyncio.timeout(10),
        connect(address, additional_headers=headers, proxy=None) as connection,
    ):
        for members in asked:
            body = {"type": "response.create", "model": "demo", "input": "Hi", **members}
            await connection.send(json.dumps(body))
            while (event := json.loads(await connection.recv()))["type"] not in (*ENDS, "error"):
                pass
            ends.append(event)
    return ends
