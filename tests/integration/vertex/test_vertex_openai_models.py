"""OpenAI's models on Vertex: asked on Responses, by Google's address and tokens."""

import json
import time
from collections.abc import AsyncGenerator, Iterator
from dataclasses import replace

import pytest

from modelmux.adapters.memory.clock import ManualClock
from modelmux.adapters.transport.settings import TransportSettings
from modelmux.adapters.vertex.options import VertexOptions
from modelmux.adapters.vertex.provider import VertexProvider
from modelmux.domain.dialect import Dialect
from modelmux.domain.errors import UnsupportedFeature
from modelmux.domain.request import GenerationRequest
from tests.support.asking import drain, text_of
from tests.support.chat_asking import WEATHER, saying
from tests.support.fake_google import FakeGoogle, fake_google
from tests.support.fake_responses import response_frames, whole_response
from tests.support.openai_replay import relayed
from tests.support.raw_server import (
    LAST_CHUNK,
    STREAM_HEAD,
    RawPeer,
    RawServer,
    chunk,
    raw_server,
    response,
)
from tests.support.responses_outward import OUR_ID, passing, responding, response_members
from tests.support.responses_rules import check_responses

MODEL = "openai/gpt-5.6"


@pytest.fixture
def google() -> Iterator[FakeGoogle]:
    with fake_google() as running:
        yield running


@pytest.fixture
async def server() -> AsyncGenerator[RawServer, None]:
    async def script(peer: RawPeer) -> None:
        while True:
            body = json.loads((await peer.request()).body)
            check_responses(body)
            if body.get("stream"):
                frames = b"".join(response_frames(body, "openai"))
                await peer.send(STREAM_HEAD + chunk(frames) + LAST_CHUNK)
            else:
                await peer.send(response(json.dumps(whole_response(body, "openai")).encode()))

    async with raw_server(script) as running:
        yield running


@pytest.fixture
async def provider(google: FakeGoogle, server: RawServer) -> AsyncGenerator[VertexProvider, None]:
    provider = VertexProvider(
        "vertex",
        VertexOptions(project="p", region="global", base_url=server.base_url),
        environment={"GCE_METADATA_HOST": google.host},
        clock=ManualClock(time.time()),
        settings=TransportSettings(),
    )
    yield provider
    await provider.aclose()


def aimed(request: GenerationRequest, provider: VertexProvider) -> GenerationRequest:
    return replace(request, capabilities=provider.capabilities_for(request.model))


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("dialect", [Dialect.RESPONSES, Dialect.CHAT_COMPLETIONS])
async def test_they_are_asked_by_google_s_address_and_named_in_the_body(
    provider: VertexProvider, server: RawServer, stream: bool, dialect: Dialect
) -> None:
    content = saying("Hello", tools=(WEATHER,))
    request = aimed(responding(MODEL, content, stream=stream, dialect=dialect), provider)
    events = await drain(await provider.open(request))
    assert text_of(events) == "You said: Hello"
    (asked,) = server.requests
    assert asked.target == "/v1/projects/p/locations/global/publishers/openai/v1/responses"
    assert asked.headers["authorization"] == "Bearer token-1-not-secret"
    body = json.loads(asked.body)
    assert body["model"] == "gpt-5.6"
    assert body["store"] is False
    strict = [tool.get("strict") for tool in body["tools"]]
    assert strict == [None if dialect is Dialect.RESPONSES else False]


@pytest.mark.parametrize("stream", [True, False])
async def test_a_stateless_call_is_relayed_and_answered_by_our_id(
    provider: VertexProvider, server: RawServer, stream: bool
) -> None:
    members = response_members("Hello", stream=stream)
    request = aimed(passing(MODEL, members), provider)
    data = relayed(await drain(await provider.open(request)))
    assert request.journal.relayed
    assert json.loads(server.requests[0].body) == {**members, "model": "gpt-5.6"}
    assert OUR_ID.encode() in data
    assert b"resp_upstream" not in data


async def test_nobody_counts_for_them(provider: VertexProvider, server: RawServer) -> None:
    with pytest.raises(UnsupportedFeature):
        await provider.counter().count(aimed(responding(MODEL), provider))
    report = await provider.probe([MODEL]).probe()
    assert report.healthy
    assert not server.requests
