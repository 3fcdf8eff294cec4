"""Counting a conversation's tokens, and making it short, as the SDK sees them."""

import json

import openai
import pytest

from tests.support.families import Family
from tests.support.responses_asking import compacted


def test_input_tokens_are_counted_with_all_that_is_continued(
    sdk: openai.OpenAI, family: Family
) -> None:
    root = sdk.responses.create(model=family.model, input="one two three " * 20)
    alone = sdk.responses.input_tokens.count(model=family.model, input="and then?")
    more = sdk.responses.input_tokens.count(
        model=family.model, input="and then?", previous_response_id=root.id
    )
    assert alone.object == "response.input_tokens"
    assert alone.input_tokens > 0
    if family.name in (
        "claude",
        "anthropic",
        "gemini",
        "gemini-api",
    ):  # their own counters, which count alike here
        assert "estimated" not in more.to_dict()
        assert "one two three" in json.dumps(family.asked())
    else:
        assert more.input_tokens > alone.input_tokens
        counted = family.name.startswith("bedrock")
        assert ("estimated" in more.to_dict()) == (not counted)


def test_a_conversation_is_made_short_and_goes_on(sdk: openai.OpenAI, family: Family) -> None:
    first = sdk.responses.create(model=family.model, input="The word is plum.")
    short = compacted(
        sdk, model=family.model, input="What is the word?", previous_response_id=first.id
    )
    *users, last = short
    assert [item["role"] for item in users] == ["user", "user"]
    assert last["type"] == "compaction"
    assert last["encrypted_content"].startswith("mmx1.")
    told = sdk.responses.create(
        model=family.model,
        input=[*short, {"role": "user", "content": "go on"}],  # type: ignore[list-item]  # plain dicts
    )
    assert told.output_text.startswith("You said: ")
    assert told.output_text.endswith("go on")
    if family.fake is not None:
        asked = json.dumps(family.asked())
        assert "plum" in asked
        assert "mmx1." not in asked


def test_a_summary_of_anothers_does_not_open(ours: openai.OpenAI, theirs: openai.OpenAI) -> None:
    foreign = compacted(theirs, model="demo", input="secret")
    with pytest.raises(openai.BadRequestError) as refusal:
        ours.responses.create(model="demo", input=foreign)  # type: ignore[arg-type]  # plain dicts
    assert refusal.value.code == "invalid_encrypted_content"
    assert str(refusal.value.param).startswith("input[1]")


def test_nothing_to_make_short_is_refused(ours: openai.OpenAI) -> None:
    with pytest.raises(openai.BadRequestError):
        ours.responses.compact(model="demo")
    with pytest.raises(openai.NotFoundError):
        ours.responses.compact(model="no-such-model", input="x")
