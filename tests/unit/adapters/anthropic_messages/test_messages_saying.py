"""One language at several doors: where version, model, betas and stream are said."""

import json
from dataclasses import replace
from typing import Any

import pytest

from modelmux.adapters.anthropic_messages.capabilities import BEDROCK_BASE, DIRECT_BASE, RULES
from modelmux.adapters.anthropic_messages.relay import MessagesRelay
from modelmux.adapters.anthropic_messages.saying import Door, Said, say
from modelmux.adapters.transport.languages import WireLanguage
from modelmux.domain.capabilities import resolve
from modelmux.domain.dialect import Dialect
from modelmux.domain.request import Generation, GenerationRequest, Sampling
from tests.support.asking import user
from tests.support.claude_asking import message_members, passing, translating

OLD, NEW = "2023-06-01", "2026-10-21"
DIRECT = Door(OLD, ("a",))
VERTEX = Door("vertex-2023-10-16", ("a",), "vertex-2023-10-16", in_body=True, names_model=False)
BEDROCK = Door(
    "bedrock-2023-05-31", ("a",), "bedrock-2023-05-31",
    in_body=True, betas_in_header=False, names_model=False, says_stream=False, tiers=False,
)  # fmt: skip
TERMS = {"anthropic-version": NEW, "anthropic-beta": "b, a,,c"}
CAN = resolve(DIRECT_BASE, RULES, "claude-opus-4-8")


def relayed(**more: Any) -> GenerationRequest:
    return passing(message_members(stream=True, **more), CAN, terms=TERMS)


def translated(**changes: Any) -> GenerationRequest:
    content = Generation((user("Hi"),), **changes)
    return translating(content, CAN, dialect=Dialect.MESSAGES, terms=TERMS)


def body_of(said: Said) -> Any:
    return json.loads(said.body)


@pytest.mark.parametrize("request_", [relayed(), translated()], ids=["relayed", "translated"])
def test_at_anthropics_door_all_but_the_model_is_in_headers(request_: GenerationRequest) -> None:
    said = say(request_, DIRECT)
    body = body_of(said)
    assert said.headers == (("anthropic-version", NEW), ("anthropic-beta", "a,b,c"))
    assert body["model"] == "claude-opus-4-8"
    assert body["stream"] is True
    assert not {"anthropic_version", "anthropic_beta"} & body.keys()


@pytest.mark.parametrize("request_", [relayed(), translated()], ids=["relayed", "translated"])
def test_at_googles_door_the_version_is_in_the_body(request_: GenerationRequest) -> None:
    said = say(request_, VERTEX)
    body = body_of(said)
    assert said.headers == (("anthropic-beta", "a,b,c"),)
    assert body["anthropic_version"] == NEW
    assert body["stream"] is True
    assert not {"model", "anthropic_beta"} & body.keys()


@pytest.mark.parametrize("request_", [relayed(), translated()], ids=["relayed", "translated"])
def test_at_amazons_door_the_betas_are_in_the_body_too(request_: GenerationRequest) -> None:
    said = say(request_, BEDROCK)
    body = body_of(said)
    assert said.headers == ()
    assert body["anthropic_version"] == NEW
    assert body["anthropic_beta"] == ["a", "b", "c"]
    assert not {"model", "stream"} & body.keys()


@pytest.mark.parametrize(
    ("asked", "version"),
    [(NEW, NEW), (OLD, "vertex-2023-10-16"), ("2099-01-01", "vertex-2023-10-16"), ("", "mine")],
)
def test_the_callers_version_is_said_in_the_doors_words(asked: str, version: str) -> None:
    request = replace(relayed(), terms={"anthropic-version": asked})
    assert body_of(say(request, replace(VERTEX, version="mine")))["anthropic_version"] == version


def test_a_marker_in_the_callers_body_is_not_the_doors() -> None:
    body = body_of(say(relayed(anthropic_version="bedrock-2023-05-31"), VERTEX))
    assert body["anthropic_version"] == NEW
    assert "anthropic_version" not in body_of(say(relayed(anthropic_version="x"), DIRECT))


def test_a_relayed_answer_is_relayed_and_a_translated_one_read() -> None:
    assert isinstance(say(relayed(), DIRECT).hearing, MessagesRelay)
    assert isinstance(say(translated(), DIRECT).hearing, WireLanguage)


def test_a_body_of_another_dialect_is_never_relayed() -> None:
    request = relayed()
    assert request.verbatim is not None
    other = replace(request.verbatim, dialect=Dialect.RESPONSES)
    content = translated().content
    said = say(replace(request, verbatim=other, content=content), DIRECT)
    assert isinstance(said.hearing, WireLanguage)


def test_how_to_draw_is_said_in_the_older_version() -> None:
    can = resolve(BEDROCK_BASE, RULES, "claude-opus-4-6")
    request = replace(translated(sampling=Sampling(top_p=0.5)), capabilities=can)
    body = body_of(say(request, VERTEX))
    assert body["anthropic_version"] == "vertex-2023-10-16"
    assert body["top_p"] == 0.5
    said = say(relayed(top_p=0.5), DIRECT)
    assert said.headers[0] == ("anthropic-version", OLD)
    assert body_of(said)["top_p"] == 0.5
