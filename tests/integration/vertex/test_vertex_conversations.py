"""Whole tool conversations with strict fakes of Claude and Gemini behind Google's door."""

import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace

import pytest

from modelmux.adapters.memory.clock import ManualClock
from modelmux.adapters.transport.settings import TransportSettings
from modelmux.adapters.vertex.options import VertexOptions
from modelmux.adapters.vertex.provider import VertexProvider
from modelmux.domain.conversation import Item, Message, ToolCall, ToolResult
from modelmux.domain.conversation import Text as TextPart
from modelmux.domain.effort import Effort
from modelmux.domain.errors import StreamCut
from modelmux.domain.events import FinishReason
from modelmux.domain.request import Generation
from modelmux.domain.response import Response, ResponseBuilder
from modelmux.domain.tools import FunctionTool
from tests.support.asking import asking, drain, user
from tests.support.fake_claude import fake_claude
from tests.support.fake_gemini import fake_gemini
from tests.support.fake_google import fake_google
from tests.support.fake_upstream import FakeUpstream

MODELS = {"claude": "claude-opus-4-6", "gemini": "gemini-3.6-flash"}
WEATHER = FunctionTool(
    "get_weather",
    "Tells the weather.",
    {
        "type": "object",
        "properties": {"city": {"type": "string"}},
        "required": ["city"],
        "additionalProperties": False,
    },
)
TIME = FunctionTool(
    "get_time",
    "Tells the time.",
    {"type": "object", "properties": {"zone": {"type": "string"}}, "required": ["zone"]},
)


@pytest.fixture(params=list(MODELS))
def publisher(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def upstream(publisher: str) -> Iterator[FakeUpstream]:
    """Serve a fake that answers to the token of the fake Google alone."""
    fake = fake_claude if publisher == "claude" else fake_gemini
    with fake(token="token-1-not-secret") as running:
        yield running


@pytest.fixture
async def provider(upstream: FakeUpstream) -> AsyncIterator[VertexProvider]:
    with fake_google() as google:
        provider = VertexProvider(
            "vertex",
            VertexOptions(project="p", region="global", base_url=upstream.base_url),
            environment={"GCE_METADATA_HOST": google.host},
            clock=ManualClock(time.time()),
            settings=TransportSettings(idle_timeout_s=5, first_byte_timeout_s=5),
        )
        yield provider
        await provider.aclose()


async def ask(
    provider: VertexProvider, publisher: str, items: list[Item], *, stream: bool
) -> Response:
    model = MODELS[publisher]
    content = Generation(tuple(items), tools=(WEATHER, TIME), effort=Effort.MEDIUM)
    request = replace(
        asking(content, model=model),
        stream=stream,
        capabilities=provider.capabilities_for(model),
    )
    builder = ResponseBuilder()
    builder.add(await drain(await provider.open(request)))
    return builder.build()


def answer(call: ToolCall) -> ToolResult:
    return ToolResult(call.id, (TextPart(f"result of {call.name}"),))


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(("wish", "rounds"), [("think, parallel", [2]), ("sequential", [1, 1])])
async def test_a_tool_conversation_comes_to_its_end(
    provider: VertexProvider, publisher: str, wish: str, rounds: list[int], *, stream: bool
) -> None:
    items: list[Item] = [user(wish)]
    for calls_wanted in rounds:
        turn = await ask(provider, publisher, items, stream=stream)
        said = turn.candidates[0]
        calls = [item for item in said.items if isinstance(item, ToolCall)]
        assert said.reason is FinishReason.TOOL_CALLS
        assert len(calls) == calls_wanted
        items += [*said.items, *map(answer, calls)]
    last = await ask(provider, publisher, items, stream=stream)
    assert last.candidates[0].reason is FinishReason.STOP
    text = "".join(
        part.text
        for item in last.candidates[0].items
        if isinstance(item, Message)
        for part in item.parts
        if isinstance(part, TextPart)
    )
    assert "result of get_weather" in text
    assert last.usage is not None
    assert last.usage.input_tokens > 0
    # The conversation goes on in the same history.
    items += [*last.candidates[0].items, user("and now without tools")]
    after = await ask(provider, publisher, items, stream=stream)
    assert after.candidates[0].reason is FinishReason.STOP


async def test_an_answer_that_breaks_off_is_never_finished(
    provider: VertexProvider, publisher: str
) -> None:
    with pytest.raises(StreamCut) as caught:
        await ask(provider, publisher, [user("cut this long text in the middle")], stream=True)
    assert caught.value.provider == "vertex"
