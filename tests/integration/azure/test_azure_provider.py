from collections.abc import AsyncGenerator
from dataclasses import replace

import pytest

from modelmux.adapters.azure.provider import AzureOptions, AzureProvider, api_key
from modelmux.adapters.memory.credentials import MemoryCredentials
from modelmux.adapters.openai_compat.probe import OpenAICompatProbe
from modelmux.adapters.transport.url import Url
from modelmux.domain.dialect import Dialect
from modelmux.domain.errors import ContentBlocked, UpstreamAuthFailed, UpstreamModelNotFound
from modelmux.domain.events import FinishReason, ResponseFinished, TextDelta
from modelmux.domain.request import GenerationRequest
from modelmux.domain.secret import Secret
from tests.contracts.llm_provider import Case, LlmProviderContract, read_all
from tests.support.chat_asking import WEATHER, chat_members, relaying, saying, translated
from tests.support.clients import QUICK
from tests.support.fake_openai import KEY, FakeOpenAI, fake_openai
from tests.support.openai_replay import relayed
from tests.support.raw_server import RawPeer, raw_server, response


def azure(upstream: FakeOpenAI, **changes: object) -> AzureProvider:
    options = AzureOptions(
        name="az",
        resource=Url.parse(upstream.root_url),
        auth=api_key(Secret(KEY)),
        transport=QUICK,
    )
    # Fields by name, checked when they are used.
    return AzureProvider(replace(options, **changes))  # type: ignore[arg-type]


class _OverTheFake(LlmProviderContract):
    upstream: FakeOpenAI
    deployments: bool

    @pytest.fixture
    async def provider(self) -> AsyncGenerator[AzureProvider, None]:
        async with fake_openai("azure") as self.upstream:
            version = "2024-10-21" if self.deployments else None
            provider = azure(self.upstream, deployments=self.deployments, api_version=version)
            try:
                yield provider
            finally:
                await provider.aclose()

    async def until_freed(self) -> None:
        await self.upstream.until_idle()

    def ask(self, case: Case, *, stream: bool) -> GenerationRequest:
        models = {Case.TEXT: "plain", Case.CALLS: "plain", Case.FAILING: "missing"}
        content = saying("parallel", tools=(WEATHER,)) if case is Case.CALLS else "Hi"
        return translated(models.get(case, case.value), content, stream=stream)


class TestContractOnV1(_OverTheFake):
    deployments = False


class TestContractOnDeployments(_OverTheFake):
    deployments = True


@pytest.fixture
async def upstream() -> AsyncGenerator[FakeOpenAI, None]:
    async with fake_openai("azure") as fake:
        yield fake


@pytest.mark.parametrize(
    ("dialect", "operation"),
    [
        (Dialect.CHAT_COMPLETIONS, "chat/completions"),
        (Dialect.COMPLETIONS, "completions"),
        (Dialect.EMBEDDINGS, "embeddings"),
    ],
)
@pytest.mark.parametrize(
    ("deployments", "version", "path"),
    [
        (False, None, "/openai/v1/{}"),
        (False, "preview", "/openai/v1/{}?api-version=preview"),
        (True, "2024-10-21", "/openai/deployments/plain/{}?api-version=2024-10-21"),
    ],
)
async def test_each_dialect_has_its_path(
    upstream: FakeOpenAI,
    dialect: Dialect,
    operation: str,
    deployments: bool,
    version: str | None,
    path: str,
) -> None:
    provider = azure(upstream, deployments=deployments, api_version=version)
    members = chat_members() if dialect is Dialect.CHAT_COMPLETIONS else {"input": "a"}
    await read_all(provider, relaying("plain", members, dialect=dialect))
    await provider.aclose()
    assert upstream.requests[-1].path == path.format(operation)
    assert upstream.last["model"] == "plain"
    assert upstream.requests[-1].headers["api-key"] == KEY
    assert "authorization" not in upstream.requests[-1].headers


async def test_a_token_of_entra_signs_in(upstream: FakeOpenAI) -> None:
    upstream.tokens = {"entra-token"}
    provider = azure(upstream, auth=MemoryCredentials(("authorization", "Bearer entra-token")))
    await read_all(provider, translated("plain"))
    await provider.aclose()
    headers = upstream.requests[-1].headers
    assert headers["authorization"] == "Bearer entra-token"
    assert "api-key" not in headers


async def test_a_deployment_that_is_not_there_is_told(upstream: FakeOpenAI) -> None:
    provider = azure(upstream)
    with pytest.raises(UpstreamModelNotFound) as caught:
        await provider.open(translated("missing"))
    await provider.aclose()
    assert caught.value.upstream_code == "DeploymentNotFound"


async def test_filter_results_are_relayed_and_have_no_place_in_a_translation(
    upstream: FakeOpenAI,
) -> None:
    provider = azure(upstream)
    body = relayed(
        await read_all(provider, relaying("file:azure_filters", chat_members(stream=True)))
    )
    assert b'"content_filter_results"' in body
    assert b'"prompt_filter_results"' in body

    events = await read_all(provider, translated("file:azure_filters"))
    assert [event.text for event in events if isinstance(event, TextDelta)] == ["Hello"]

    events = await read_all(provider, translated("file:azure_blocked_output"))
    finished = events[-1]
    assert isinstance(finished, ResponseFinished)
    assert finished.reasons == (FinishReason.CONTENT_FILTER,)
    await provider.aclose()


@pytest.mark.parametrize(
    ("status", "body", "leaf"),
    [
        (
            400,
            b'{"error":{"message":"filtered","type":null,"param":"prompt","code":"content_filter",'
            b'"status":400,"innererror":{"code":"ResponsibleAIPolicyViolation"}}}',
            ContentBlocked,
        ),
        (401, b'{"error":{"code":"401","message":"Access denied"}}', UpstreamAuthFailed),
        (
            401,
            b'{"statusCode":401,"message":"Unauthorized. Token is invalid."}',
            UpstreamAuthFailed,
        ),
    ],
)
async def test_its_errors_are_understood(
    status: int, body: bytes, leaf: type[ContentBlocked | UpstreamAuthFailed]
) -> None:
    async def script(peer: RawPeer) -> None:
        await peer.request()
        headers = (("apim-request-id", "apim-1"), ("x-ms-region", "Sweden Central"))
        await peer.send(response(body, status=status, headers=headers))

    async with raw_server(script) as server:
        provider = AzureProvider(
            AzureOptions("az", Url.parse(server.base_url), api_key(Secret(KEY)), transport=QUICK)
        )
        with pytest.raises(leaf) as caught:
            await provider.open(translated("plain"))
        await provider.aclose()
    assert caught.value.detail is not None
    assert "apim-request-id apim-1" in caught.value.detail


@pytest.mark.parametrize(("deployments", "version"), [(False, None), (True, "2024-10-21")])
async def test_the_probe_lists_models(
    upstream: FakeOpenAI, deployments: bool, version: str | None
) -> None:
    provider = azure(upstream, deployments=deployments, api_version=version)
    report = await OpenAICompatProbe(provider).probe()
    await provider.aclose()
    assert report.healthy
    assert upstream.requests[-1].path.startswith(
        "/openai/models?api-version=2024-10-21" if deployments else "/openai/v1/models"
    )
