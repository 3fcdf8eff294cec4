"""A capability record as JSON: every field, in words."""

import json
from dataclasses import fields

import msgspec

from modelmux.domain.capabilities import Capabilities, ImageInput, SchemaForm, Thinking, refine
from modelmux.domain.conversation import Vendor
from modelmux.domain.dialect import Dialect
from modelmux.domain.effort import Effort
from modelmux.entrypoints.capabilities import encode_record

RECORD = Capabilities(
    dialects=frozenset({Dialect.RESPONSES, Dialect.CHAT_COMPLETIONS}),
    thinking=Thinking.BUDGET,
    image_input=ImageInput.BYTES,
    effort_levels=frozenset({Effort.LOW, Effort.HIGH}),
    said_otherwise=frozenset({SchemaForm.REFS}),
    proofs=Vendor.GOOGLE,
    max_output_tokens=64_000,
)


def test_every_field_is_told_in_plain_json() -> None:
    told = json.loads(msgspec.json.encode(encode_record(RECORD)))
    assert told.keys() == {field.name for field in fields(Capabilities)}
    assert told["dialects"] == ["chat_completions", "responses"]
    assert told["effort_levels"] == ["high", "low"]
    assert (told["thinking"], told["image_input"]) == ("budget", "bytes")
    assert told["proofs"] == Vendor.GOOGLE.value
    assert told["max_output_tokens"] == 64_000
    assert told["max_stop"] is None


def test_what_is_told_can_be_written_into_a_configuration() -> None:
    told = json.loads(msgspec.json.encode(encode_record(RECORD)))
    assert refine(Capabilities(), told) == RECORD
