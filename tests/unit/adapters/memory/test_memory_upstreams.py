"""Credentials, probes and images that tests hand out."""

import pytest

from modelmux.adapters.memory.credentials import MemoryCredentials
from modelmux.adapters.memory.media_fetcher import MemoryMediaFetcher
from modelmux.adapters.memory.upstream_probe import ScriptedProbe
from modelmux.application.ports import Credentials, ProbeReport, UpstreamProbe
from modelmux.domain.conversation import ImageData
from tests.contracts.credentials import CredentialsContract
from tests.contracts.media_fetcher import Fetching, MediaFetcherContract
from tests.contracts.upstream_probe import UpstreamProbeContract
from tests.support.images import PNG_BASE64


class TestMemoryCredentials(CredentialsContract):
    @pytest.fixture
    def credentials(self) -> Credentials:
        return MemoryCredentials(("authorization", "Bearer test-key-not-secret"))

    @pytest.fixture
    def refused(self) -> Credentials:
        return MemoryCredentials(None)


class TestMemoryMediaFetcher(MediaFetcherContract):
    @pytest.fixture
    def fetching(self) -> Fetching:
        picture = "https://example.com/picture.png"
        fetcher = MemoryMediaFetcher({picture: ImageData("image/png", PNG_BASE64)})
        return Fetching(fetcher, picture, "https://example.com/nothing.png")


class TestScriptedProbe(UpstreamProbeContract):
    @pytest.fixture
    def well(self) -> UpstreamProbe:
        return ScriptedProbe(ProbeReport(True, "answers", ("a",)))

    @pytest.fixture
    def unwell(self) -> UpstreamProbe:
        return ScriptedProbe(ProbeReport(False, "does not answer"))

    async def test_reports_come_in_turn_and_the_last_one_stays(self) -> None:
        first, last = ProbeReport(True, "answers"), ProbeReport(False, "has gone")
        probe = ScriptedProbe(first, last)
        assert [await probe.probe() for _ in range(3)] == [first, last, last]
        assert probe.asked == 3
