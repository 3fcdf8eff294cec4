"""Conversations that go from vendor to vendor, and what their clients carry for us."""

import json
import subprocess
import time
from collections.abc import Callable, Generator
from itertools import pairwise
from pathlib import Path
from typing import Any, Final, cast

import httpx
import openai
import pytest
from openai.types.responses import Response

from tests.integration.responses.conftest import KEY, OTHER_KEY
from tests.support.fake_claude import fake_claude
from tests.support.fake_google import fake_google
from tests.support.fake_openai import FakeOpenAI
from tests.support.families import CALLER_KEY, House
from tests.support.responses_asking import TOOLS, calls_of, lawful, results_for, sent_back
from tests.support.sdk_asking import TOOLS as CHAT_TOOLS
from tests.support.sdk_asking import as_sent_back, ask, client_at, streamed, user
from tests.support.serving import COMMAND, ServedGateway, serving

Json = dict[str, Any]  # Any: JSON

ENCRYPTED: Final = ["reasoning.encrypted_content"]
# Each wants proofs of its own thoughts, and can make nothing of the others'.
PROVING: Final = ("claude/claude-opus-4-6", "gemini/gemini-3.6-flash", "openai/gpt-5.6")
TOUR: Final = (*PROVING, "vllm/served/by-vllm", "mistral/mistral-large-4", "demo", PROVING[0])
THINKING: Final[Json] = {"reasoning": {"effort": "low", "summary": "auto"}, "tools": TOOLS}


def whole(
    client: openai.OpenAI,
    model: str,
    items: list[Json],
    **more: Any,  # Any: whatever is added
) -> Response:
    create = cast("Callable[..., Response]", client.responses.create)
    return create(model=model, input=items, **more)


def said(text: str) -> Json:
    return {"role": "user", "content": text}


def sealed(items: list[Json]) -> list[Json]:
    return [item for item in items if item.get("encrypted_content")]


@pytest.mark.parametrize("model", PROVING)
@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])
def test_a_client_carries_the_proofs_of_a_tool_turn(
    sdk: openai.OpenAI, model: str, streamed: bool
) -> None:
    history = [said("sequential, think: get_weather")]
    more: Json = {"store": False, "include": ENCRYPTED, **THINKING}
    for _ in range(2):
        if streamed:
            told = lawful(sdk, model, history, **more)
        else:
            told = whole(sdk, model, history, **more)
        assert calls_of(told)
        history += [*sent_back(told), *results_for(told)]
    told = lawful(sdk, model, history, **more)
    assert not calls_of(told)
    assert told.output_text.startswith("The tools said: result 0")
    if "gemini" not in model:  # it proves calls, where clients have no place for what is sealed
        assert len(sealed(history)) >= 2


def test_a_kept_conversation_goes_from_vendor_to_vendor(sdk: openai.OpenAI) -> None:
    previous: str | None = None
    for model in TOUR:
        asked = lawful(
            sdk,
            model,
            f"call get_weather, think: {model}",
            previous_response_id=previous,
            **THINKING,
        )
        (call, *_) = calls_of(asked)
        assert call.name == "get_weather"
        told = lawful(sdk, model, results_for(asked), previous_response_id=asked.id, **THINKING)
        assert "result 0" in told.output_text
        previous = told.id


def test_a_client_goes_from_vendor_to_vendor_with_all_it_was_told(sdk: openai.OpenAI) -> None:
    history: list[Json] = []
    more: Json = {"store": False, "include": ENCRYPTED, **THINKING}
    for model in TOUR:
        history.append(said(f"call get_weather, think: {model}"))
        asked = lawful(sdk, model, history, **more)
        history += [*sent_back(asked), *results_for(asked)]
        told = lawful(sdk, model, history, **more)
        assert "result 0" in told.output_text
        history += sent_back(told)
    assert len(sealed(history)) >= 6


# Among them a model of OpenAI's that does not insist on the thoughts of a running turn.
_RELAY: Final = ("claude", "gemini", "openai", "vllm", "deepseek", "mistral", "azure-deployments")


@pytest.mark.parametrize(("before", "after"), [*pairwise(_RELAY), ("azure-deployments", "claude")])
@pytest.mark.parametrize("store", [True, False], ids=["kept", "carried"])
def test_the_vendor_changes_between_a_call_and_its_result(
    every_house: House, before: str, after: str, store: bool
) -> None:
    sdk, families = every_house.client, every_house.families
    more: Json = {"store": store, "include": ENCRYPTED, **THINKING}
    history = [said("call get_weather, think")]
    asked = whole(sdk, families[before].model, history, **more)
    if store:
        history, more["previous_response_id"] = results_for(asked), asked.id
    else:
        history += [*sent_back(asked), *results_for(asked)]
    told = lawful(sdk, families[after].model, history, **more)
    assert "result 0" in told.output_text
    assert ("result 0" in json.dumps(families[after].asked())) is True


@pytest.mark.parametrize(
    "after", ["openai/gpt-5.6", "azure/gpt-5.6", "vllm/served/by-vllm", "claude"]
)
def test_what_an_upstream_sealed_itself_may_come_back_to_any(
    every_house: House, sdk: openai.OpenAI, after: str
) -> None:
    """An answer that was passed on as it came holds what only its maker can open."""
    after = every_house.families[after].model if after == "claude" else after
    told = lawful(sdk, "openai/gpt-5.6", "think", store=False, include=ENCRYPTED)
    items = sent_back(told)
    assert sealed(items)[0]["encrypted_content"].startswith("gAAAA")
    again = lawful(sdk, after, [said("think"), *items, said("again")], store=False)
    assert again.output_text == "You said: again"


_TWO_TENANTS: Final = """
[[providers]]
name = "claude"
type = "vertex"
project = "p"
region = "global"
base_url = "{base_url}"
models = ["claude-opus-4-6"]

[[keys]]
name = "ours"
tenant = "acme"
key = "${{OURS}}"

[[keys]]
name = "theirs"
tenant = "other"
key = "${{THEIRS}}"
"""


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Generator[tuple[ServedGateway, Path]]:
    """Give a gateway of two tenants, and the folder it runs in."""
    folder = tmp_path_factory.mktemp("shared")
    with fake_google() as google, fake_claude() as claude:
        environment = {"OURS": KEY, "THEIRS": OTHER_KEY, "GCE_METADATA_HOST": google.host}
        config = _TWO_TENANTS.format(base_url=claude.base_url)
        with serving(folder, config=config, environment=environment) as gateway:
            yield gateway, folder


def carrying(client: openai.OpenAI) -> list[Json]:
    """Return a conversation that waits for the result of a call, with its sealed thoughts."""
    history = [said("call get_weather, think")]
    more: Json = {"store": False, "include": ENCRYPTED, **THINKING}
    told = whole(client, "claude-opus-4-6", history, **more)
    history += [*sent_back(told), *results_for(told)]
    assert sealed(history)
    return history


def test_envelopes_open_for_their_tenant_alone_and_whole(
    shared: tuple[ServedGateway, Path],
) -> None:
    url = f"{shared[0].url}/v1"
    with client_at(url, KEY) as ours, client_at(url, OTHER_KEY) as theirs:
        history = carrying(ours)
        place = next(place for place, item in enumerate(history) if item.get("encrypted_content"))
        envelope: str = history[place]["encrypted_content"]
        middle = len(envelope) // 2
        swapped = "A" if envelope[middle] != "A" else "B"
        altered = (
            envelope[:middle] + swapped + envelope[middle + 1 :],
            envelope[:-1],
            envelope[:middle],
            envelope[:8],
            f"{envelope}A",
            envelope.replace("mmx1.", "mmx1.AAAAAAAA", 1),
        )
        for client, forged in [*((ours, text) for text in altered), (theirs, envelope)]:
            for store in (True, False):
                items = [dict(item) for item in history]
                items[place]["encrypted_content"] = forged
                with pytest.raises(openai.BadRequestError) as refusal:
                    whole(client, "claude-opus-4-6", items, store=store, **THINKING)
                assert refusal.value.code == "invalid_encrypted_content"
                assert refusal.value.param == f"input[{place}].encrypted_content"
        told = lawful(ours, "claude-opus-4-6", history, store=False, **THINKING)
        assert "result 0" in told.output_text


def test_envelopes_of_before_a_rotation_still_open(shared: tuple[ServedGateway, Path]) -> None:
    gateway, folder = shared
    with client_at(f"{gateway.url}/v1", KEY) as ours:
        history = carrying(ours)
        before = sealed(history)[0]["encrypted_content"]
        rotated = subprocess.run(
            [*COMMAND, "state", "rotate-key"],
            cwd=folder,
            env={
                "HOME": str(folder),
                "OURS": KEY,
                "THEIRS": OTHER_KEY,
                "XDG_CONFIG_HOME": str(folder / "config"),
                "XDG_STATE_HOME": str(folder / "state"),
                "XDG_DATA_HOME": str(folder / "data"),
            },
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
        assert rotated.returncode == 0, rotated.stderr
        key_id = rotated.stdout.strip()
        assert key_id
        time.sleep(1.2)  # running servers look for a new key every second
        again = carrying(ours)
        after = sealed(again)[0]["encrypted_content"]
        assert _key_of(before) != _key_of(after)
        for items in (history, again):
            told = lawful(ours, "claude-opus-4-6", items, store=False, **THINKING)
            assert "result 0" in told.output_text


def _key_of(envelope: str) -> str:
    """Return what tells the keys of envelopes apart: the first bytes name the key."""
    return envelope[: len("mmx1.") + 6]


@pytest.mark.parametrize("family", ["openai", "azure", "vllm"])
def test_a_stateless_call_is_passed_on_as_it_came(every_house: House, family: str) -> None:
    house = every_house.families[family]
    assert isinstance(house.fake, FakeOpenAI)
    odd = b' {"model": "%s" , "input":[{"role":"user","content":"Hi \\u2603"}], "store" : false,'
    odd += b' "temperature": 1.0e0, "client_metadata": {"a": [1, 2]} }'
    body = odd % house.model.encode()
    headers = {"authorization": f"Bearer {CALLER_KEY}", "content-type": "application/json"}
    with httpx.Client(trust_env=False, headers=headers) as client:
        answer = client.post(f"{every_house.gateway.url}/v1/responses", content=body)
    assert answer.status_code == 200, answer.text
    sent = house.fake.requests[-1].raw
    for piece in (b'"Hi \\u2603"', b"1.0e0", b'"client_metadata":{"a":[1,2]}'):
        assert piece.replace(b" ", b"") in sent.replace(b" ", b"")
    assert b"mmx" not in sent
    told = answer.json()
    assert told["id"].startswith("resp_mmx")
    assert "resp_upstream" not in answer.text
    assert told["output"][-1]["content"][0]["text"] == "You said: Hi \u2603"
    # What is the upstream's own passes unread: an id of an item, a member nobody knows.
    assert told["completed_at"] is None


def test_chat_tools_go_out_on_responses_where_the_model_takes_them_nowhere_else(
    every_house: House,
) -> None:
    fake = every_house.families["openai"].fake
    assert isinstance(fake, FakeOpenAI)
    for read in (ask, streamed):
        begun = len(fake.requests)
        words: list[Any] = [user(f"sequential, think {read.__name__}")]
        for _ in range(2):
            told = read(every_house.client, "openai/gpt-5.6", words, tools=CHAT_TOOLS)
            assert told.choices[0].finish_reason == "tool_calls"
            words += as_sent_back(told)
        told = read(every_house.client, "openai/gpt-5.6", words, tools=CHAT_TOOLS)
        assert told.choices[0].message.content == "The tools said: result 0; result 0"
        asked = fake.requests[begun:]
        assert [one.path for one in asked] == ["/v1/responses"] * 3
        # The fake refuses a call without the thoughts it came of, or with altered ones.
        thoughts = [item for item in asked[-1].body["input"] if item["type"] == "reasoning"]
        assert len(thoughts) == 2
        assert all(item["encrypted_content"] for item in thoughts)
