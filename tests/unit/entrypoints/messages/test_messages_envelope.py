"""The top level of Messages: what is refused before anything is planned."""

import json
from typing import Any

import pytest

from modelmux.domain.errors import InvalidRequest
from modelmux.entrypoints.asgi import headers_of
from modelmux.entrypoints.members import decode_members
from modelmux.entrypoints.messages.envelope import (
    MessagesEnvelope,
    decode_envelope,
    decode_uncounted,
)
from modelmux.entrypoints.messages.handler import read_terms

USER = {"role": "user", "content": "hello"}
NOTHING: list[object] = []


def envelope(**changes: Any) -> MessagesEnvelope:
    body = {"model": "m", "max_tokens": 4096, "messages": [USER], **changes}
    return decode_envelope(decode_members(json.dumps(body).encode()))


def test_the_envelope_says_what_the_handler_needs() -> None:
    assert envelope() == MessagesEnvelope("m", include_usage=True)
    assert envelope(stream=True).stream
    assert not envelope(stream=None).stream


def test_what_is_null_is_not_given() -> None:
    nulls = ("system", "tools", "tool_choice", "thinking", "temperature", "top_p", "top_k",
             "stop_sequences", "metadata", "cache_control", "output_config", "output_format",
             "service_tier")  # fmt: skip
    assert envelope(**dict.fromkeys(nulls)) == envelope()


def test_zero_tokens_only_warm_the_cache() -> None:
    assert envelope(max_tokens=0).model == "m"


@pytest.mark.parametrize("name", ["model", "max_tokens", "messages"])
def test_a_missing_member_is_named(name: str) -> None:
    body = {"model": "m", "max_tokens": 1, "messages": [USER]}
    del body[name]
    with pytest.raises(InvalidRequest) as refusal:
        decode_envelope(decode_members(json.dumps(body).encode()))
    assert refusal.value.param == name
    assert refusal.value.reason == "missing_required_parameter"


def test_a_body_that_is_counted_needs_no_max_tokens() -> None:
    members = decode_members(json.dumps({"model": "m", "messages": [USER]}).encode())
    assert decode_uncounted(members).model == "m"


@pytest.mark.parametrize(
    ("changes", "param"),
    [
        ({"model": ""}, "model"),
        ({"model": 3}, "model"),
        ({"max_tokens": None}, "max_tokens"),
        ({"max_tokens": -1}, "max_tokens"),
        ({"max_tokens": "10"}, "max_tokens"),
        ({"max_tokens": 1.5}, "max_tokens"),
        ({"messages": NOTHING}, "messages"),
        ({"messages": "hello"}, "messages"),
        ({"messages": None}, "messages"),
        ({"system": {"type": "text"}}, "system"),
        ({"tools": {"name": "f"}}, "tools"),
        ({"tool_choice": "auto"}, "tool_choice"),
        ({"metadata": "u"}, "metadata"),
        ({"cache_control": True}, "cache_control"),
        ({"output_config": "json"}, "output_config"),
        ({"output_format": "json"}, "output_format"),
        ({"stream": "yes"}, "stream"),
        ({"temperature": 1.1}, "temperature"),
        ({"temperature": -0.1}, "temperature"),
        ({"top_p": 2}, "top_p"),
        ({"top_k": -1}, "top_k"),
        ({"top_k": 0.5}, "top_k"),
        ({"stop_sequences": "stop"}, "stop_sequences"),
        ({"stop_sequences": [""]}, "stop_sequences[0]"),
        ({"stop_sequences": ["a", 1]}, "stop_sequences[1]"),
        ({"service_tier": 1}, "service_tier"),
        ({"thinking": "on"}, "thinking"),
        ({"thinking": {"budget_tokens": 2000}}, "thinking.type"),
        ({"thinking": {"type": "enabled"}}, "thinking.enabled.budget_tokens"),
        (
            {"thinking": {"type": "enabled", "budget_tokens": 1023}},
            "thinking.enabled.budget_tokens",
        ),
        ({"thinking": {"type": "enabled", "budget_tokens": "2k"}}, "thinking.budget_tokens"),
        ({"thinking": {"type": "enabled", "budget_tokens": 4096}}, "max_tokens"),
        (
            {"thinking": {"type": "adaptive", "budget_tokens": 2048}},
            "thinking.adaptive.budget_tokens",
        ),
        (
            {"thinking": {"type": "disabled", "budget_tokens": 2048}},
            "thinking.disabled.budget_tokens",
        ),
        (
            {"output_format": {"type": "x"}, "output_config": {"format": {"type": "x"}}},
            "output_format",
        ),
    ],
)
def test_what_does_not_fit_is_refused_by_name(changes: dict[str, Any], param: str) -> None:
    with pytest.raises(InvalidRequest) as refusal:
        envelope(**changes)
    assert refusal.value.param == param


@pytest.mark.parametrize(
    "thinking",
    [
        {"type": "adaptive", "display": "omitted"},
        {"type": "between_tools"},
        {"type": "disabled"},
        {"type": "enabled", "budget_tokens": 4095},
        {"type": "of_tomorrow", "display": "sung"},
    ],
)
def test_thinking_passes_that_a_relay_may_carry(thinking: dict[str, Any]) -> None:
    assert envelope(thinking=thinking).verbatim


def test_an_old_format_may_stand_beside_an_effort() -> None:
    assert envelope(output_format={"type": "json_schema"}, output_config={"effort": "low"})


def test_more_messages_than_anthropic_takes_are_refused() -> None:
    with pytest.raises(InvalidRequest) as refusal:
        envelope(messages=[USER] * 100_001)
    assert refusal.value.reason == "array_above_max_length"


def test_what_is_sealed_for_a_client_goes_to_no_other_server_as_it_is() -> None:
    def said(signature: str) -> MessagesEnvelope:
        thought = {"type": "thinking", "thinking": "t", "signature": signature}
        return envelope(messages=[USER, {"role": "assistant", "content": [thought]}, USER])

    assert said("EqQBCkYIBxgC").verbatim
    assert not said("mmx1.AAAA").verbatim


def test_betas_may_stand_in_several_lines() -> None:
    lines = [(b"x-api-key", b"a"), (b"anthropic-beta", b"a-1"), (b"x-api-key", b"b"),
             (b"anthropic-beta", b"b-2, c-3")]  # fmt: skip
    headers = headers_of({"headers": lines})
    assert headers[b"x-api-key"] == b"b"
    assert read_terms(headers) == {"anthropic-beta": "a-1,b-2,c-3"}


def test_terms_are_the_version_and_the_betas() -> None:
    terms = read_terms(
        {b"anthropic-version": b"2026-10-21", b"anthropic-beta": b"a-1, b.2 ,, c\xff,d_3"}
    )
    assert terms == {"anthropic-version": "2026-10-21", "anthropic-beta": "a-1,b.2,d_3"}


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {b"anthropic-version": b"latest"},
        {b"anthropic-version": b"2023-06-01\r\nx: y"},
        {b"anthropic-version": b"2023-06-01 "},
        {b"anthropic-beta": b""},
        {b"anthropic-beta": b"a b"},
        {b"anthropic-beta": b"x" * 101},
    ],
)
def test_what_cannot_be_a_term_is_left_out(headers: dict[bytes, bytes]) -> None:
    assert read_terms(headers) == {}


def test_betas_are_a_bounded_few() -> None:
    betas = read_terms({b"anthropic-beta": b",".join([b"x"] * 1000)})["anthropic-beta"]
    assert betas == ",".join(["x"] * 64)
