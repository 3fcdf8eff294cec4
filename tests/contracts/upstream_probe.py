"""The laws of `UpstreamProbe`."""

from abc import ABC, abstractmethod

import pytest

from modelmux.application.ports import UpstreamProbe


class UpstreamProbeContract(ABC):
    """Inherit, give `well`, which asks an upstream that answers, and `unwell`, if there can be."""

    @pytest.fixture
    @abstractmethod
    def well(self) -> UpstreamProbe: ...

    @pytest.fixture
    def unwell(self) -> UpstreamProbe | None:
        return None

    async def test_an_upstream_that_answers_is_healthy(self, well: UpstreamProbe) -> None:
        report = await well.probe()
        assert report.healthy
        assert report.detail

    async def test_asking_again_finds_the_same(self, well: UpstreamProbe) -> None:
        assert await well.probe() == await well.probe()

    async def test_a_failure_is_a_report(self, unwell: UpstreamProbe | None) -> None:
        if unwell is None:
            pytest.skip("nothing can happen to this upstream")
        report = await unwell.probe()
        assert not report.healthy
        assert report.detail
        assert report.models == ()
