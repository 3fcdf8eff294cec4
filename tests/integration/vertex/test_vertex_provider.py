"""What Vertex adds to the languages: address, headers, tokens. The upstream is written by hand."""

import json
import time
from collections.abc import AsyncGenerator, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

from modelmux.adapters.memory.clock import ManualClock
from modelmux.adapters.transport.settings import TransportSettings
from modelmux.adapters.vertex.auth import SignInOptions
from modelmux.adapters.vertex.options import VertexOptions
from modelmux.adapters.vertex.provider import VertexProvider
from modelmux.application.ports import TokenCounter, UpstreamProbe
from modelmux.domain.capabilities import ImageInput
from modelmux.domain.conversation import FileUrl, Message, Role, Vendor
from modelmux.domain.errors import (
    ModelNotFound,
    ProviderError,
    ProviderProtocolBroken,
    RequestError,
    UpstreamAuthFailed,
    UpstreamModelNotFound,
)
from modelmux.domain.request import GenerationRequest
from tests.contracts.token_counter import TokenCounterContract
from tests.contracts.upstream_probe import UpstreamProbeContract
from tests.support.asking import asking, content_of, drain, text_of
from tests.support.fake_google import FakeGoogle, Planned, fake_google
from tests.support.raw_server import RawPeer, RawServer, raw_server, response

CLAUDE = "claude-sonnet-4-5@20250929"
GEMINI = "gemini-3.6-flash"
CLAUDE_SAYS = json.dumps(
    {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "claude-sonnet-4-5",
        "content": [{"type": "text", "text": "Hello"}],
        "stop_reason": "end_turn",
        "usage": {"input_tokens": 3, "output_tokens": 1},
    }
).encode()
GEMINI_SAYS = json.dumps(
    {
        "candidates": [
            {
                "content": {"role": "model", "parts": [{"text": "Hello"}]},
                "finishReason": "STOP",
            }
        ],
        "usageMetadata": {"promptTokenCount": 3, "candidatesTokenCount": 1, "totalTokenCount": 4},
        "responseId": "r-1",
        "modelVersion": GEMINI,
    }
).encode()


def google_error(status: int, name: str, message: str = "words of Google") -> bytes:
    body = {"error": {"code": status, "status": name, "message": message}}
    return response(json.dumps(body).encode(), status=status)


@pytest.fixture
def google() -> Iterator[FakeGoogle]:
    with fake_google() as running:
        yield running


@asynccontextmanager
async def vertex(
    google: FakeGoogle, *replies: bytes, **changes: object
) -> AsyncGenerator[tuple[VertexProvider, RawServer]]:
    """Give a provider whose upstream sends `replies` in their order, the last one for ever."""
    left = list(replies)

    async def script(peer: RawPeer) -> None:
        while True:
            await peer.request()
            await peer.send(left.pop(0) if len(left) > 1 else left[0])

    async with raw_server(script) as server:
        options = VertexOptions(project="p", region="us-east5", base_url=server.base_url)
        provider = VertexProvider(
            "vertex",
            replace(options, **changes),  # type: ignore[arg-type]  # fields, named by the test
            environment={"GCE_METADATA_HOST": google.host},
            clock=ManualClock(time.time()),
            settings=TransportSettings(),
        )
        try:
            yield provider, server
        finally:
            await provider.aclose()


def hello(model: str, provider: VertexProvider, *, stream: bool = False) -> GenerationRequest:
    return replace(
        asking(model=model), stream=stream, capabilities=provider.capabilities_for(model)
    )


async def test_claude_is_asked_with_the_model_in_the_address_alone(google: FakeGoogle) -> None:
    async with vertex(google, response(CLAUDE_SAYS)) as (provider, server):
        events = await drain(await provider.open(hello(CLAUDE, provider)))
    assert text_of(events) == "Hello"
    (asked,) = server.requests
    assert asked.target == (
        f"/v1/projects/p/locations/us-east5/publishers/anthropic/models/{CLAUDE}:rawPredict"
    )
    assert asked.headers["authorization"] == "Bearer token-1-not-secret"
    assert asked.headers["content-type"] == "application/json"
    assert "anthropic-beta" not in asked.headers
    assert "x-goog-user-project" not in asked.headers
    body = json.loads(asked.body)
    assert body["anthropic_version"] == "vertex-2023-10-16"
    assert "model" not in body
    assert "stream" not in body


async def test_gemini_is_asked_by_its_own_verb(google: FakeGoogle) -> None:
    async with vertex(google, response(GEMINI_SAYS)) as (provider, server):
        events = await drain(await provider.open(hello(f"google/{GEMINI}", provider)))
    assert text_of(events) == "Hello"
    (asked,) = server.requests
    assert asked.target == (
        f"/v1beta1/projects/p/locations/us-east5/publishers/google/models/{GEMINI}:generateContent"
    )
    assert asked.headers["authorization"] == "Bearer token-1-not-secret"


async def test_a_stream_is_asked_of_the_streaming_verb(google: FakeGoogle) -> None:
    whole = response(b"data: " + GEMINI_SAYS + b"\r\n\r\n", content_type="text/event-stream")
    async with vertex(google, whole) as (provider, server):
        events = await drain(await provider.open(hello(GEMINI, provider, stream=True)))
    assert text_of(events) == "Hello"
    assert server.requests[0].target.endswith(f"/{GEMINI}:streamGenerateContent?alt=sse")


async def test_options_shape_the_call(google: FakeGoogle) -> None:
    async with vertex(
        google,
        response(CLAUDE_SAYS),
        regions={"gemini-*": "global", "claude-*": "eu"},
        api_version="v2",
        anthropic_version="2026-10-21",
        anthropic_beta=("one-2026", "two-2026"),
        headers=(("x-team", "search"),),
        sign_in=SignInOptions(quota_project="paying"),
    ) as (provider, server):
        await drain(await provider.open(hello(CLAUDE, provider)))
        assert "temperature" not in provider.capabilities_for(CLAUDE).sampling
    (asked,) = server.requests
    assert asked.target.startswith("/v2/projects/p/locations/eu/publishers/anthropic/")
    assert asked.headers["anthropic-beta"] == "one-2026,two-2026"
    assert asked.headers["x-team"] == "search"
    assert asked.headers["x-goog-user-project"] == "paying"
    assert json.loads(asked.body)["anthropic_version"] == "2026-10-21"


async def test_one_sign_in_serves_all_calls(google: FakeGoogle) -> None:
    async with vertex(google, response(CLAUDE_SAYS)) as (provider, server):
        for _ in range(3):
            await drain(await provider.open(hello(CLAUDE, provider)))
    assert len(server.requests) == 3
    assert len(google.issued) == 1


async def test_a_token_refused_before_its_end_is_replaced_and_the_call_repeated(
    google: FakeGoogle,
) -> None:
    refused = google_error(401, "UNAUTHENTICATED")
    good = response(CLAUDE_SAYS)
    async with vertex(google, good, refused, good) as (provider, server):
        await drain(await provider.open(hello(CLAUDE, provider)))
        assert text_of(await drain(await provider.open(hello(CLAUDE, provider)))) == "Hello"
    assert [asked.headers["authorization"] for asked in server.requests] == [
        "Bearer token-1-not-secret",
        "Bearer token-1-not-secret",
        "Bearer token-2-not-secret",
    ]


async def test_a_second_refusal_is_final(google: FakeGoogle) -> None:
    async with vertex(google, google_error(401, "UNAUTHENTICATED")) as (provider, server):
        with pytest.raises(UpstreamAuthFailed) as caught:
            await provider.open(hello(GEMINI, provider))
    assert len(server.requests) == 2
    assert caught.value.provider == "vertex"


async def test_a_missing_permission_is_told_at_once(google: FakeGoogle) -> None:
    async with vertex(google, google_error(403, "PERMISSION_DENIED")) as (provider, server):
        with pytest.raises(UpstreamAuthFailed) as caught:
            await provider.open(hello(GEMINI, provider))
    assert len(server.requests) == 1
    assert "words of Google" not in caught.value.message
    assert "words of Google" in (caught.value.detail or "")


async def test_a_model_that_is_not_served_there_is_told_as_such(google: FakeGoogle) -> None:
    async with vertex(google, google_error(404, "NOT_FOUND")) as (provider, _):
        with pytest.raises(UpstreamModelNotFound):
            await provider.open(hello(CLAUDE, provider))


async def test_a_model_of_nobody_we_know_costs_no_call(google: FakeGoogle) -> None:
    async with vertex(google, response(CLAUDE_SAYS)) as (provider, server):
        assert not provider.accepts("gpt-5.2")
        with pytest.raises(ModelNotFound):
            await provider.open(hello("gpt-5.2", provider))
        assert server.requests == []
    assert google.calls == []


@pytest.mark.parametrize("model", [CLAUDE, GEMINI])
async def test_what_cannot_be_said_costs_no_call(google: FakeGoogle, model: str) -> None:
    content = content_of(Message(Role.USER, (FileUrl("gs://bucket/a.pdf"),)))
    async with vertex(google, response(CLAUDE_SAYS)) as (provider, server):
        request = replace(
            asking(content, model=model), capabilities=provider.capabilities_for(model)
        )
        with pytest.raises(RequestError):
            await provider.open(request)
        assert server.requests == []
    assert google.calls == []


async def test_project_and_region_are_found_at_the_first_call(google: FakeGoogle) -> None:
    async with vertex(google, response(CLAUDE_SAYS), project=None, region=None) as (
        provider,
        server,
    ):
        await drain(await provider.open(hello(CLAUDE, provider)))
    assert server.requests[0].target.startswith(
        "/v1/projects/project-of-the-machine/locations/europe-west4/"
    )


async def test_no_project_anywhere_says_what_to_do(google: FakeGoogle) -> None:
    google.project = None
    async with vertex(google, response(CLAUDE_SAYS), project=None) as (provider, server):
        with pytest.raises(UpstreamAuthFailed, match="GOOGLE_CLOUD_PROJECT") as caught:
            await provider.open(hello(CLAUDE, provider))
        assert server.requests == []
    assert caught.value.provider == "vertex"


async def test_no_token_is_our_trouble_and_bears_our_name(google: FakeGoogle) -> None:
    google.plan("/computeMetadata", Planned(403, "no"))
    async with vertex(google, response(CLAUDE_SAYS)) as (provider, server):
        with pytest.raises(ProviderError) as caught:
            await provider.open(hello(CLAUDE, provider))
        assert server.requests == []
    assert caught.value.provider == "vertex"


async def test_the_records_are_those_of_each_publisher(google: FakeGoogle) -> None:
    async with vertex(google, response(CLAUDE_SAYS)) as (provider, _):
        assert provider.capabilities_for(CLAUDE).proofs is Vendor.ANTHROPIC
        assert provider.capabilities_for(CLAUDE).image_input is ImageInput.BYTES
        assert provider.capabilities_for(f"google/{GEMINI}").proofs is Vendor.GOOGLE


async def test_it_tells_what_it_found_without_calling_a_model(google: FakeGoogle) -> None:
    async with vertex(google, response(CLAUDE_SAYS), project=None, region=None) as (
        provider,
        server,
    ):
        location = await provider.location()
        assert location.project.source == location.region.source == "the metadata server"
        assert await provider.credentials() == "the metadata server"
        assert server.requests == []


class TestProbe(UpstreamProbeContract):
    @pytest.fixture
    async def well(self, google: FakeGoogle) -> AsyncGenerator[UpstreamProbe]:
        async with vertex(google, response(b'{"input_tokens": 8}')) as (provider, _):
            yield provider.probe((CLAUDE,))

    @pytest.fixture
    async def unwell(self, google: FakeGoogle) -> AsyncGenerator[UpstreamProbe]:
        refusal = google_error(403, "PERMISSION_DENIED")
        async with vertex(google, refusal) as (provider, _):
            yield provider.probe((GEMINI,))


async def test_the_probe_has_tokens_counted_and_tells_what_it_found(google: FakeGoogle) -> None:
    async with vertex(google, response(b'{"input_tokens": 8}'), project=None) as (provider, server):
        report = await provider.probe((CLAUDE, "claude-opus-4-6", GEMINI)).probe()
    assert report.healthy
    assert report.detail == f"signed in, {CLAUDE} and {GEMINI} answered"
    assert "project-of-the-machine (from the metadata server" in report.private
    assert "us-east5 (from the configuration)" in report.private
    assert "signed in with the metadata server" in report.private
    assert [asked.target.partition("/publishers/")[2] for asked in server.requests] == [
        "anthropic/models/count-tokens:rawPredict",
        f"google/models/{GEMINI}:countTokens",
    ]
    assert json.loads(server.requests[0].body)["model"] == CLAUDE


async def test_the_probe_reports_what_fails_instead_of_raising(google: FakeGoogle) -> None:
    async with vertex(google, google_error(403, "PERMISSION_DENIED", "no predict")) as (
        provider,
        _,
    ):
        report = await provider.probe((GEMINI,)).probe()
    assert not report.healthy
    assert "no predict" in report.detail + report.private
    assert "not-secret" not in report.detail + report.private


async def test_claudes_counter_is_a_model_of_its_own_and_is_told_which_is_meant(
    google: FakeGoogle,
) -> None:
    async with vertex(google, response(b'{"input_tokens": 17}')) as (provider, server):
        assert await provider.counter().count(hello(CLAUDE, provider)) == 17
    (asked,) = server.requests
    assert asked.target == (
        "/v1/projects/p/locations/us-east5/publishers/anthropic/models/count-tokens:rawPredict"
    )
    body = json.loads(asked.body)
    assert body["model"] == CLAUDE
    assert body["messages"][0]["role"] == "user"
    assert "max_tokens" not in body


async def test_gemini_counts_contents_without_the_rest(google: FakeGoogle) -> None:
    async with vertex(google, response(b'{"totalTokens": 9}')) as (provider, server):
        assert await provider.counter().count(hello(GEMINI, provider)) == 9
    (asked,) = server.requests
    assert asked.target.endswith(f"/{GEMINI}:countTokens")
    assert set(json.loads(asked.body)) <= {"contents", "generationConfig"}


@pytest.mark.parametrize("said", [b'{"tokens": 1}', b"<html>", b'{"input_tokens": "many"}'])
async def test_a_count_that_is_none_is_told(google: FakeGoogle, said: bytes) -> None:
    async with vertex(google, response(said)) as (provider, _):
        with pytest.raises(ProviderProtocolBroken) as raised:
            await provider.counter().count(hello(CLAUDE, provider))
    assert raised.value.provider == "vertex"


async def test_a_counter_that_refuses_is_an_upstreams_refusal(google: FakeGoogle) -> None:
    refusal = google_error(404, "NOT_FOUND")
    async with vertex(google, refusal) as (provider, _):
        with pytest.raises(UpstreamModelNotFound):
            await provider.counter().count(hello(GEMINI, provider))


class TestVertexCounter(TokenCounterContract):
    @pytest.fixture
    async def well(self, google: FakeGoogle) -> AsyncGenerator[TokenCounter]:
        async with vertex(google, response(b'{"input_tokens": 17}')) as (provider, _):
            yield provider.counter()

    @pytest.fixture
    async def unwell(self, google: FakeGoogle) -> AsyncGenerator[TokenCounter]:
        async with vertex(google, google_error(503, "UNAVAILABLE")) as (provider, _):
            yield provider.counter()

    @pytest.fixture
    def request_(self) -> GenerationRequest:
        return replace(asking(model=CLAUDE), stream=False)
