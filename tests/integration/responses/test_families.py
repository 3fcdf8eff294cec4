"""The Responses API over every provider family, as the official SDK sees it."""

import json
from typing import Any

import openai
import pytest
from pydantic import BaseModel

from tests.support.families import Family, House
from tests.support.responses_asking import TOOLS, calls_of, lawful, results_for, sent_back
from tests.support.sdk_asking import ONE_CALL, TWO_CALLS


class Echo(BaseModel):
    said: str


def told_to(family: Family) -> str:
    """Return what the upstream was sent last, as text to look into."""
    return json.dumps(family.asked(), ensure_ascii=False)


def test_a_text_is_answered_whole_and_streamed(sdk: openai.OpenAI, family: Family) -> None:
    told = sdk.responses.create(model=family.model, input="Hello", instructions="Be kind.")
    assert told.output_text == "You said: Hello"
    assert told.status == "completed"
    assert told.instructions == "Be kind."
    assert told.usage is not None
    assert told.usage.total_tokens == told.usage.input_tokens + told.usage.output_tokens
    if family.fake is not None:
        assert "Be kind." in told_to(family)
    streamed = lawful(sdk, family.model, "one two three")
    assert streamed.output_text == "You said: one two three"
    assert sdk.responses.retrieve(streamed.id).output_text == streamed.output_text


def test_the_sdks_own_helper_follows_the_stream(sdk: openai.OpenAI, family: Family) -> None:
    with sdk.responses.stream(model=family.model, input="one two") as events:
        texts = [event.delta for event in events if event.type == "response.output_text.delta"]
        final = events.get_final_response()
    assert "".join(texts) == final.output_text == "You said: one two"


def test_a_stateless_stream_keeps_the_laws(sdk: openai.OpenAI, family: Family) -> None:
    told = lawful(sdk, family.model, "Hello", store=False)
    assert told.output_text == "You said: Hello"
    with pytest.raises(openai.NotFoundError):
        sdk.responses.retrieve(told.id)


def test_a_function_is_called_and_its_result_continues(sdk: openai.OpenAI, family: Family) -> None:
    asked = lawful(sdk, family.model, ONE_CALL, tools=TOOLS)
    (call,) = calls_of(asked)
    assert call.name == "get_weather"
    told = sdk.responses.create(
        model=family.model,
        input=results_for(asked),  # type: ignore[arg-type]  # plain dicts
        previous_response_id=asked.id,
        tools=TOOLS,  # type: ignore[arg-type]  # plain dicts
    )
    assert told.status == "completed"
    assert told.output_text
    if family.fake is not None:
        assert ONE_CALL in told_to(family)
        assert "result 0" in told_to(family)


def test_calls_come_back_by_a_client_that_keeps_them_itself(
    sdk: openai.OpenAI, family: Family
) -> None:
    include = ["reasoning.encrypted_content"]
    asked = lawful(sdk, family.model, TWO_CALLS, tools=TOOLS, store=False, include=include)
    assert [call.name for call in calls_of(asked)] == ["get_weather", "get_time"]
    said: list[dict[str, Any]] = [
        {"role": "user", "content": TWO_CALLS},
        *sent_back(asked),
        *results_for(asked),
    ]
    told = lawful(sdk, family.model, said, tools=TOOLS, store=False, include=include)
    assert told.output_text


def test_turns_branch_from_any_response(sdk: openai.OpenAI, family: Family) -> None:
    root = sdk.responses.create(model=family.model, input="the root")
    left = sdk.responses.create(
        model=family.model, input="to the left", previous_response_id=root.id
    )
    right = sdk.responses.create(
        model=family.model, input="to the right", previous_response_id=root.id
    )
    assert right.output_text == "You said: to the right"
    if family.fake is not None:
        asked = told_to(family)
        assert "the root" in asked
        assert "You said: the root" in asked
        assert "to the left" not in asked
    sdk.responses.create(model=family.model, input="on", previous_response_id=left.id)
    if family.fake is not None:
        assert "to the left" in told_to(family)
        assert "to the right" not in told_to(family)


def test_instructions_are_not_inherited(sdk: openai.OpenAI, family: Family) -> None:
    root = sdk.responses.create(model=family.model, input="first", instructions="Be a pirate.")
    told = sdk.responses.create(model=family.model, input="second", previous_response_id=root.id)
    assert told.instructions is None
    if family.fake is not None:
        assert "pirate" not in told_to(family)


def test_a_conversation_grows_by_its_turns(sdk: openai.OpenAI, family: Family) -> None:
    made = sdk.conversations.create()
    sdk.responses.create(model=family.model, input="first", conversation=made.id)
    told = sdk.responses.create(model=family.model, input="second", conversation=made.id)
    assert told.output_text == "You said: second"
    if family.fake is not None:
        assert "You said: first" in told_to(family)
    messages = [
        item
        for item in sdk.conversations.items.list(made.id, order="asc")
        if item.type == "message"
    ]
    assert [message.role for message in messages] == ["user", "assistant"] * 2


def test_an_answer_is_parsed(sdk: openai.OpenAI, family: Family) -> None:
    told = sdk.responses.parse(model=family.model, input="Which city?", text_format=Echo)
    assert isinstance(told.output_parsed, Echo)


def test_no_id_of_ours_goes_upstream(sdk: openai.OpenAI, family: Family) -> None:
    if family.fake is None:
        pytest.skip("the demo is no upstream")
    root = sdk.responses.create(model=family.model, input=TWO_CALLS, tools=TOOLS)  # type: ignore[arg-type]  # dicts
    sdk.responses.create(
        model=family.model,
        input=results_for(root),  # type: ignore[arg-type]  # plain dicts
        previous_response_id=root.id,
        tools=TOOLS,  # type: ignore[arg-type]  # plain dicts
    )
    asked = told_to(family)
    assert "mmx" not in asked
    assert "previous_response_id" not in asked
    assert "conversation" not in family.asked()


def test_thoughts_of_a_kept_response_are_sealed_for_who_asks_for_them(
    sdk: openai.OpenAI, every_house: House
) -> None:
    model = every_house.families["claude"].model
    told = sdk.responses.create(model=model, input="think well", reasoning={"effort": "high"})
    thoughts = [item for item in told.output if item.type == "reasoning"]
    assert thoughts
    assert all(item.encrypted_content is None for item in thoughts)
    again = sdk.responses.retrieve(told.id, include=["reasoning.encrypted_content"])
    sealed = [item.encrypted_content for item in again.output if item.type == "reasoning"]
    assert all(text is not None and text.startswith("mmx1.") for text in sealed)
    assert len(sealed) == len(thoughts)
