from collections.abc import AsyncGenerator

import pytest

from modelmux.adapters.openai_compat.auth import StaticKey
from modelmux.adapters.openai_compat.endpoints import Paths
from modelmux.adapters.openai_compat.probe import OpenAICompatProbe
from modelmux.application.ports import UpstreamProbe
from modelmux.domain.secret import Secret
from tests.contracts.upstream_probe import UpstreamProbeContract
from tests.support.compat_providers import compat_provider
from tests.support.fake_openai import FakeOpenAI, fake_openai


@pytest.fixture
async def upstream() -> AsyncGenerator[FakeOpenAI, None]:
    async with fake_openai("any") as fake:
        yield fake


class TestContract(UpstreamProbeContract):
    @pytest.fixture
    async def well(self, upstream: FakeOpenAI) -> AsyncGenerator[UpstreamProbe, None]:
        provider = compat_provider(upstream)
        yield OpenAICompatProbe(provider)
        await provider.aclose()

    @pytest.fixture
    async def unwell(self, upstream: FakeOpenAI) -> AsyncGenerator[UpstreamProbe, None]:
        provider = compat_provider(upstream, auth=StaticKey(Secret("wrong-key-not-secret")))
        yield OpenAICompatProbe(provider)
        await provider.aclose()


async def test_the_probe_lists_models(upstream: FakeOpenAI) -> None:
    provider = compat_provider(upstream)
    report = await OpenAICompatProbe(provider).probe()
    await provider.aclose()
    assert report.healthy
    assert report.models == ("plain", "org/plain")
    assert report.detail == "GET /v1/models lists 2 models"


async def test_the_probe_tells_what_is_wrong(upstream: FakeOpenAI) -> None:
    wrong = compat_provider(upstream, auth=StaticKey(Secret("wrong-key-not-secret")))
    report = await OpenAICompatProbe(wrong).probe()
    assert not report.healthy
    assert "credentials" in report.detail
    await wrong.aclose()

    without = compat_provider(upstream, paths=Paths(models="/nothing"))
    report = await OpenAICompatProbe(without).probe()
    assert report.healthy
    assert "404" in report.detail
    await without.aclose()


async def test_the_probe_of_nobody_is_a_report() -> None:
    async with fake_openai() as upstream:
        provider = compat_provider(upstream)
    report = await OpenAICompatProbe(provider).probe()
    await provider.aclose()
    assert not report.healthy
    assert report.detail == "The upstream cannot be reached."
    assert "ConnectionRefusedError" in report.private
