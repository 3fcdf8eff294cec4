"""Counting tokens: the provider's own counter, else an estimate that says so."""

from dataclasses import replace

import pytest

from modelmux.adapters.memory.scripted import Script, ScriptedProvider
from modelmux.adapters.memory.token_counter import ScriptedCounter
from modelmux.application.count_tokens import CountTokens, TokenCount
from modelmux.application.estimating import estimate_tokens
from modelmux.application.planning import Planner
from modelmux.domain.capabilities import Capabilities
from modelmux.domain.conversation import ImageUrl, Message, Role, Text
from modelmux.domain.errors import ModelNotFound, UnsupportedFeature, UpstreamFailed
from modelmux.domain.request import Generation, GenerationRequest
from modelmux.domain.tools import FunctionTool
from tests.support.asking import HELLO_EVENTS, asking, content_of, entry, user


async def composed(request: GenerationRequest) -> Generation:
    return request.content.get()


def counting(counter: ScriptedCounter | None, can: Capabilities | None = None) -> CountTokens:
    llm = ScriptedProvider(Script((HELLO_EVENTS,)))
    provider = replace(entry("p", llm, models=("m",), capabilities=can), counter=counter)
    return CountTokens(Planner([provider]), composed)


async def test_the_providers_counter_is_exact_and_sees_what_would_be_sent() -> None:
    counter = ScriptedCounter(42)
    can = Capabilities(metadata=False)
    content = content_of(user("Hi"), metadata={"a": "b"})
    assert await counting(counter, can).count(asking(content)) == TokenCount(42, exact=True)
    (asked,) = counter.asked
    assert asked.model == "m"
    assert asked.content.get().metadata is None


async def test_without_a_counter_it_is_an_estimate() -> None:
    count = await counting(None).count(asking())
    assert not count.exact
    assert count.tokens == estimate_tokens(content_of(user("Hi")))


async def test_a_counter_that_has_no_word_for_it_leaves_the_estimate() -> None:
    count = await counting(ScriptedCounter(UnsupportedFeature("no"))).count(asking())
    assert not count.exact


async def test_a_counter_that_fails_is_told() -> None:
    with pytest.raises(UpstreamFailed):
        await counting(ScriptedCounter(UpstreamFailed("down"))).count(asking())


async def test_nothing_behind_the_name_is_told() -> None:
    with pytest.raises(ModelNotFound):
        await counting(None).count(asking(model="other"))


def test_an_estimate_grows_with_each_thing_that_costs() -> None:
    small = content_of(user("Hello there"))
    for larger in (
        content_of(user("Hello there, and how are you today?")),
        content_of(user("Hello there"), user("again")),
        content_of(user("Hello there"), instructions="Be brief, and be kind."),
        content_of(user("Hello there"), tools=(FunctionTool("weather", "tells it", {}),)),
        content_of(Message(Role.USER, (Text("Hello there"), ImageUrl("https://e.com/a.png")))),
        content_of(user("你好你好你好你好")),
    ):
        assert estimate_tokens(larger) > estimate_tokens(small)


def test_an_estimate_of_english_is_near_what_tokenizers_say() -> None:
    # 44 letters, 9 words, 10 tokens with every tokenizer of OpenAI's; the message adds a few.
    content = content_of(user("The quick brown fox jumps over the lazy dog."))
    assert 12 <= estimate_tokens(content) <= 22
