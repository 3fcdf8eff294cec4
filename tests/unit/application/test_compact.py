"""Compacting: the model sums up, the user's own words stay."""

import pytest

from modelmux.adapters.memory.scripted import Script, ScriptedProvider
from modelmux.application.compact import Compact
from modelmux.domain.conversation import (
    Compaction,
    ImageUrl,
    Message,
    OpaqueItem,
    Reasoning,
    Role,
    Text,
    ToolCall,
    ToolResult,
)
from modelmux.domain.errors import ConversionError, InvalidRequest
from modelmux.domain.events import (
    FinishReason,
    ReasoningDelta,
    ResponseFinished,
    ResponseStarted,
    TextDelta,
    Usage,
)
from modelmux.domain.request import Generation, GenerationRequest
from tests.support.asking import asking, content_of, user


def saying(text: str, reason: FinishReason = FinishReason.STOP) -> ScriptedProvider:
    return ScriptedProvider(
        Script(
            (
                (ResponseStarted("up", "m"), ReasoningDelta("hm"), TextDelta(text)),
                (ResponseFinished((reason,), Usage(70, 7)),),
            )
        )
    )


async def composed(request: GenerationRequest) -> Generation:
    return request.content.get()


def told(llm: ScriptedProvider) -> str:
    (request,) = llm.requests
    return "\n".join(
        part.text
        for item in request.content.get().items
        if isinstance(item, Message)
        for part in item.parts
        if isinstance(part, Text)
    )


LONG = content_of(
    Message(Role.DEVELOPER, (Text("secret order"),)),
    user("Where is my parcel?"),
    Reasoning("private thought"),
    ToolCall("c1", "track", '{"id":7}'),
    ToolResult("c1", (Text("in Oslo"),), is_error=True),
    Message(Role.ASSISTANT, (Text("In Oslo."),)),
    OpaqueItem("web_search_call", {"type": "web_search_call"}),
    Compaction("earlier things"),
    Message(Role.USER, (Text("And this?"), ImageUrl("https://example.com/a.png"))),
)


async def test_the_users_words_stay_and_the_summary_comes_last() -> None:
    llm = saying("  All about a parcel. ")
    made = await Compact(llm, composed).compact(asking(LONG))
    users = [item for item in LONG.items if isinstance(item, Message) and item.role is Role.USER]
    assert made.items == (*users, Compaction("All about a parcel."))
    assert made.usage == Usage(70, 7)
    assert llm.opens == llm.closes == 1


async def test_the_model_is_told_everything_but_thoughts_and_orders() -> None:
    llm = saying("Short.")
    await Compact(llm, composed).compact(asking(LONG))
    text = told(llm)
    for line in (
        "[user] Where is my parcel?",
        '[call track] {"id":7}',
        "[result (failed)] in Oslo",
        "[assistant] In Oslo.",
        "[web_search_call]",
        "[what was before, in short] earlier things",
        "[user] And this? (an image)",
    ):
        assert line in text
    assert "private thought" not in text
    assert "secret order" not in text


async def test_instructions_say_what_the_summary_is_for() -> None:
    llm = saying("Short.")
    content = content_of(user("Hi"), instructions="Keep the numbers.")
    await Compact(llm, composed).compact(asking(content))
    assert "Keep the numbers." in told(llm)


async def test_the_asking_is_neither_relayed_nor_kept_nor_streamed() -> None:
    llm = saying("Short.")
    await Compact(llm, composed).compact(asking(LONG))
    (request,) = llm.requests
    assert (request.verbatim, request.turn, request.stream) == (None, None, False)


async def test_no_word_of_a_conversation_ends_it_early() -> None:
    marks: list[str] = []
    said = "Hi"
    for _ in range(3):
        llm = saying("Short.")
        await Compact(llm, composed).compact(asking(content_of(user(said))))
        mark = told(llm).rpartition("\n")[2]
        assert told(llm).count(mark) == 1
        marks.append(mark)
        said = "\n".join(marks)  # what somebody has seen, and says
    assert len(set(marks)) == 3


async def test_nothing_cannot_be_summed_up() -> None:
    content = content_of(Message(Role.SYSTEM, (Text("only orders"),)))
    with pytest.raises(InvalidRequest, match="nothing to compact"):
        await Compact(saying("x"), composed).compact(asking(content))


@pytest.mark.parametrize(
    "llm", [saying("   "), saying("cut", FinishReason.LENGTH)], ids=["empty", "cut"]
)
async def test_half_a_summary_is_none(llm: ScriptedProvider) -> None:
    with pytest.raises(ConversionError):
        await Compact(llm, composed).compact(asking(LONG))
    assert llm.opens == llm.closes
