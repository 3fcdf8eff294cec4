"""Kept answers at a running gateway: languages, forms, those who leave, purging, Redis."""

import asyncio
import hashlib
import json
import os
import subprocess
import time
from collections.abc import Callable, Generator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any, Final

import httpx
import pytest

from tests.support.fake_openai import KEY, FakeOpenAI, fake_openai_in_thread
from tests.support.servers import own_redis
from tests.support.serving import COMMAND, ServedGateway, serving

_NUMBERS: Final = count()


def route(name: str, model: str = "good-model", cache: str = "{}") -> str:
    targets = f'[{{ provider = "up", model = "{model}" }}]'
    also = f'aliases = ["{name}-too"]'
    return f'[[routes]]\nmodel = "{name}"\n{also}\ntargets = {targets}\ncache = {cache}\n'


def configuration(upstream: FakeOpenAI, more: str = "") -> str:
    return (
        f'{more}[[providers]]\nname = "up"\ntype = "openai_compat"\n'
        f'base_url = "{upstream.base_url}"\napi_key = "{KEY}"\nmodels = ["good-model"]\n'
        + route("kept")
        + route("any", cache='{ requests = "all" }')
        + route("called", cache="{ tools = true }")
        + route("slow", "slow")
        + route("stuck", "stuck")
        + route("cut", "cut")
    )


@dataclass(frozen=True, slots=True)
class House:
    gateway: ServedGateway
    upstream: FakeOpenAI

    def post(self, path: str, body: Mapping[str, Any], **headers: str) -> httpx.Response:
        return httpx.post(f"{self.gateway.url}{path}", json=body, headers=headers, timeout=30)

    @property
    def asked(self) -> int:
        """How often a model was asked; that there are models is asked now and then, too."""
        return sum(request.method == "POST" for request in self.upstream.requests)

    async def until_asked(self, times: int) -> None:
        async with asyncio.timeout(10):
            while self.asked < times:  # noqa: ASYNC110 - counted in another thread
                await asyncio.sleep(0.005)


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Generator[House]:
    with (
        fake_openai_in_thread("any") as upstream,
        serving(tmp_path_factory.mktemp("caching"), config=configuration(upstream)) as gateway,
    ):
        yield House(gateway, upstream)


def frames(answer: httpx.Response) -> list[dict[str, Any]]:
    """Return the JSON of each frame of a stream."""
    lines = [line[6:] for line in answer.text.splitlines() if line.startswith("data: ")]
    return [json.loads(line) for line in lines if line != "[DONE]"]


def new_text() -> str:
    """Return what nobody has said before."""
    return f"Say number {next(_NUMBERS)}."


def chat(text: str, **more: Any) -> dict[str, Any]:
    messages = [{"role": "user", "content": text}]
    return {"model": "kept", "temperature": 0, "messages": messages, **more}


def claude(text: str, **more: Any) -> dict[str, Any]:
    return {**chat(text), "max_tokens": 100, **more}


def responses(text: str, **more: Any) -> dict[str, Any]:
    return {"model": "kept", "temperature": 0, "input": text, **more}


def chat_text(answer: httpx.Response) -> str:
    if answer.headers["content-type"] == "application/json":
        return str(answer.json()["choices"][0]["message"]["content"])
    deltas = [choice["delta"] for frame in frames(answer) for choice in frame["choices"]]
    return "".join(delta.get("content") or "" for delta in deltas)


def claude_text(answer: httpx.Response) -> str:
    if answer.headers["content-type"] == "application/json":
        return str(answer.json()["content"][0]["text"])
    return "".join(
        frame["delta"]["text"] for frame in frames(answer) if frame["type"] == "content_block_delta"
    )


def responses_text(answer: httpx.Response) -> str:
    told = (
        answer.json()
        if answer.headers["content-type"] == "application/json"
        else frames(answer)[-1]["response"]
    )
    return str(told["output"][0]["content"][0]["text"])


def id_of(answer: httpx.Response) -> str:
    """Return the id of an answer, whatever its language and form."""
    if answer.headers["content-type"] == "application/json":
        return str(answer.json()["id"])
    first = frames(answer)[0]
    return str((first.get("response") or first.get("message") or first)["id"])


LANGUAGES: Final[
    Mapping[str, tuple[str, Callable[..., dict[str, Any]], Callable[[httpx.Response], str]]]
] = {
    "chat": ("/v1/chat/completions", chat, chat_text),
    "messages": ("/v1/messages", claude, claude_text),
    "responses": ("/v1/responses", responses, responses_text),
}


@pytest.mark.parametrize("language", list(LANGUAGES))
@pytest.mark.parametrize("first", [False, True], ids=["whole-first", "stream-first"])
def test_either_form_serves_the_other(house: House, language: str, first: bool) -> None:
    path, body_of, text_of = LANGUAGES[language]
    body, asked = body_of(new_text()), house.asked
    answers = [house.post(path, {**body, "stream": stream}) for stream in (first, not first, first)]
    assert [answer.status_code for answer in answers] == [200] * 3
    texts = {text_of(answer) for answer in answers}
    assert len(texts) == 1
    assert "number" in texts.pop()
    told = [answer.headers["x-modelmux-cache"] for answer in answers]
    assert told == ["miss", "hit", "hit"]
    assert "age" not in answers[0].headers
    assert answers[1].headers["age"] in ("0", "1")
    assert answers[1].headers["x-modelmux-attempts"] == "0"
    assert answers[1].headers["x-modelmux-provider"] == "up"
    assert house.asked == asked + 1
    assert len({id_of(answer) for answer in answers}) == 3


def test_the_languages_do_not_share(house: House) -> None:
    text = new_text()
    house.post("/v1/chat/completions", chat(text, max_tokens=100))
    answer = house.post("/v1/messages", claude(text))
    assert answer.headers["x-modelmux-cache"] == "miss"


def test_a_kept_answer_has_the_usage_of_then(house: House) -> None:
    body = chat(new_text())
    one, other = (house.post("/v1/chat/completions", body).json() for _ in range(2))
    assert one["usage"] == other["usage"]
    assert one["usage"]["total_tokens"] > 0
    tokens = httpx.get(f"{house.gateway.url}/metrics").text
    requests = [line for line in tokens.splitlines() if line.startswith("modelmux_cache_events")]
    assert any('event="hit"' in line for line in requests)


def test_a_response_that_was_kept_is_a_response_like_any_other(house: House) -> None:
    body = responses(new_text())
    first, second = (house.post("/v1/responses", body).json() for _ in range(2))
    assert first["id"] != second["id"]
    ids = [[item["id"] for item in one["output"]] for one in (first, second)]
    assert ids[0] != ids[1]
    found = httpx.get(f"{house.gateway.url}/v1/responses/{second['id']}").json()
    assert found["output"] == second["output"]
    # What the two continue says the same, so that it is one question again.
    asked = house.asked
    next_text = new_text()
    answers = [
        house.post("/v1/responses", responses(next_text, previous_response_id=one["id"]))
        for one in (first, second)
    ]
    assert [answer.headers["x-modelmux-cache"] for answer in answers] == ["miss", "hit"]
    assert house.asked == asked + 1
    apart = house.post("/v1/responses", responses(next_text))
    assert apart.headers["x-modelmux-cache"] == "miss"


def test_what_is_drawn_is_relayed_as_ever(house: House) -> None:
    body = chat(new_text(), temperature=0.7, brand_new_member={"kept": ["as", "it", "is"]})
    for _ in range(2):
        answer = house.post("/v1/chat/completions", body)
        assert answer.headers["x-modelmux-cache"] == "bypass"
    assert house.upstream.last["brand_new_member"] == {"kept": ["as", "it", "is"]}
    drawn = {**body, "model": "any"}
    told = [house.post("/v1/chat/completions", drawn).headers["x-modelmux-cache"] for _ in range(2)]
    assert told == ["miss", "hit"]
    assert house.upstream.last["brand_new_member"] == {"kept": ["as", "it", "is"]}
    plain = house.post("/v1/chat/completions", {**body, "model": "up/good-model"})
    assert "x-modelmux-cache" not in plain.headers


def test_clients_may_forbid_and_refresh(house: House) -> None:
    body, asked = chat(new_text()), house.asked

    def told(**headers: str) -> str:
        answer = house.post("/v1/chat/completions", body, **headers)
        return answer.headers["x-modelmux-cache"]

    assert told(**{"cache-control": "no-store"}) == "bypass"
    assert told() == "miss"
    assert told() == "hit"
    assert told(**{"cache-control": "no-cache"}) == "miss"
    assert told() == "hit"
    assert house.asked == asked + 3


TOOL: Final[dict[str, Any]] = {
    "type": "function",
    "function": {"name": "get_weather", "parameters": {"type": "object", "properties": {}}},
}


def test_calls_of_tools_are_kept_where_the_route_says_so(house: House) -> None:
    for model, told in (("kept", ["miss", "miss"]), ("called", ["miss", "hit"])):
        body = chat(new_text(), model=model, tools=[TOOL], tool_choice="required")
        answers = [house.post("/v1/chat/completions", body) for _ in range(2)]
        assert [answer.headers["x-modelmux-cache"] for answer in answers] == told
        calls = [answer.json()["choices"][0]["message"]["tool_calls"] for answer in answers]
        assert calls[0] == calls[1]
        assert calls[0]


def test_embeddings_are_kept_as_numbers_and_as_base64(house: House) -> None:
    body = {"model": "kept", "input": [new_text(), "another"]}
    first = house.post("/v1/embeddings", body)
    second = house.post("/v1/embeddings", body)
    based = {**body, "encoding_format": "base64"}
    third, fourth = (house.post("/v1/embeddings", based) for _ in range(2))
    told = [one.headers["x-modelmux-cache"] for one in (first, second, third, fourth)]
    assert told == ["miss", "hit", "miss", "hit"]
    assert first.json() == second.json()
    assert third.json() == fourth.json()
    assert isinstance(first.json()["data"][0]["embedding"], list)
    assert isinstance(fourth.json()["data"][0]["embedding"], str)


def test_what_was_cut_is_not_kept(house: House) -> None:
    body, asked = chat(new_text(), model="cut", stream=True), house.asked
    for _ in range(2):
        answer = house.post("/v1/chat/completions", body)
        assert "error" in frames(answer)[-1]
    assert house.asked >= asked + 2


async def read_some(
    client: httpx.AsyncClient, url: str, body: Mapping[str, Any], least: int | None
) -> str:
    """Stream an answer; leave after `least` frames with text, or at its end."""
    text: list[str] = []
    async with client.stream("POST", url, json=body) as answer:
        async for line in answer.aiter_lines():
            if not line.startswith("data: {"):
                continue
            choices = json.loads(line[6:])["choices"]
            text += [choice["delta"].get("content") or "" for choice in choices]
            if least is not None and len([one for one in text if one]) >= least:
                break
    return "".join(text)


@pytest.mark.parametrize("least", [1, 3])
async def test_a_leader_who_disconnects_leaves_the_others_a_whole_answer(
    house: House, least: int
) -> None:
    url = f"{house.gateway.url}/v1/chat/completions"
    body, asked = chat(new_text(), model="slow", stream=True), house.asked
    async with httpx.AsyncClient(timeout=30) as client:
        leading = asyncio.create_task(read_some(client, url, body, least))
        await house.until_asked(asked + 1)
        following = [asyncio.create_task(read_some(client, url, body, None)) for _ in range(5)]
        assert len(await leading) < len("a b c d")
        texts = await asyncio.gather(*following)
    assert len(set(texts)) == 1
    assert "".join(texts[0].split()) == "abcd"
    assert house.asked == asked + 1


async def test_when_all_have_disconnected_the_upstream_is_closed(house: House) -> None:
    url = f"{house.gateway.url}/v1/chat/completions"
    body, asked = chat(new_text(), model="stuck", stream=True), house.asked
    async with httpx.AsyncClient(timeout=30) as client:
        for _ in range(2):
            await asyncio.gather(*(read_some(client, url, body, 1) for _ in range(3)))
            await house.upstream.until_idle(2)
    assert house.asked == asked + 2


def purged(folder: Path, gateway: ServedGateway, *words: str, remark: str = "") -> int:
    """Return how many answers `modelmux cache purge` says it has forgotten."""
    port = gateway.url.rpartition(":")[2]
    done = subprocess.run(
        [*COMMAND, "cache", "purge", "--json", "--port", port, *words],
        cwd=folder,
        env={"PATH": os.environ.get("PATH", ""), "HOME": str(folder)},
        capture_output=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr.decode()
    assert remark in done.stderr.decode()
    forgotten: int = json.loads(done.stdout)["forgotten"]
    return forgotten


def told(house: House, body: Mapping[str, Any], key: str) -> str:
    answer = house.post("/v1/chat/completions", body, authorization=f"Bearer {key}")
    return str(answer.headers["x-modelmux-cache"])


KEYS: Final = {"acme": "test-key-of-acme-not-secret", "other": "test-key-of-other-not-secret"}


@pytest.mark.parametrize("backend", ["memory", "redis"])
def test_answers_are_purged_by_route_and_tenant_and_are_a_tenants_own(
    tmp_path: Path, backend: str
) -> None:
    with ExitStack() as stack:
        upstream = stack.enter_context(fake_openai_in_thread("any"))
        more = "".join(
            f'[[keys]]\nname = "{tenant}"\ntenant = "{tenant}"\n'
            f'hash = "sha256:{hashlib.sha256(key.encode()).hexdigest()}"\n'
            for tenant, key in KEYS.items()
        )
        if backend == "redis":
            redis = stack.enter_context(own_redis())
            more += f'[storage]\nredis_url = "{redis.url}"\n[cache]\nbackend = "redis"\n'
        gateway = stack.enter_context(serving(tmp_path, config=configuration(upstream, more)))
        house, text = House(gateway, upstream), new_text()

        def fill() -> None:
            """See to it that each tenant has an answer of both routes."""
            deadline = time.monotonic() + 30
            for key in KEYS.values():
                for model in ("kept", "any"):
                    while told(house, chat(text, model=model), key) != "hit":
                        # What was not there is kept a moment after it was told.
                        assert time.monotonic() < deadline
                        time.sleep(0.05)

        body = chat(text, model="kept")
        assert [told(house, body, key) for key in KEYS.values()] == ["miss", "miss"]
        fill()
        assert purged(tmp_path, gateway, "--route", "kept", "--tenant", "acme") == 1
        assert purged(tmp_path, gateway, "--tenant", "acme") == 1
        assert purged(tmp_path, gateway) == 2
        assert told(house, body, KEYS["acme"]) == "miss"
        fill()
        unknown = 'no route is called "nothing"'
        words = ("--route", "kept-too", "--route", "nothing")
        assert purged(tmp_path, gateway, *words, remark=unknown) == 2
        assert purged(tmp_path, gateway, "--route", "kept", "--route", "any") == 2
        assert purged(tmp_path, gateway) == 0


def test_a_redis_that_freezes_or_dies_fails_no_call(tmp_path: Path) -> None:
    with ExitStack() as stack:
        upstream = stack.enter_context(fake_openai_in_thread("any"))
        redis = stack.enter_context(own_redis())
        more = f'[storage]\nredis_url = "{redis.url}"\n[cache]\nbackend = "redis"\n'
        gateway = stack.enter_context(serving(tmp_path, config=configuration(upstream, more)))
        house, body = House(gateway, upstream), chat(new_text())

        def ask() -> str:
            answer = house.post("/v1/chat/completions", body)
            assert answer.status_code == 200
            return str(answer.headers["x-modelmux-cache"])

        def ask_until(wanted: str) -> None:
            deadline = time.monotonic() + 10
            while ask() != wanted:
                assert time.monotonic() < deadline
                time.sleep(0.1)

        ask_until("hit")
        ways = ((redis.pause, redis.resume), (redis.kill, redis.start))
        for number, (hurt, mend) in enumerate(ways, 1):
            hurt()
            assert {ask() for _ in range(20)} == {"miss"}
            # One of them found out; the others did not even ask.
            assert gateway.log.read_text().count("cache_down") == number
            mend()
            ask_until("hit")
