"""A probe that reports what it was told."""

from ...application.ports import ProbeReport, UpstreamProbe


class ScriptedProbe(UpstreamProbe):
    """Gives `reports` in turn, the last one again and again; `asked` counts the calls."""

    def __init__(self, report: ProbeReport, *further: ProbeReport) -> None:
        self._reports = (report, *further)
        self.asked = 0

    async def probe(self) -> ProbeReport:
        report = self._reports[min(self.asked, len(self._reports) - 1)]
        self.asked += 1
        return report
