"""VertexProbe: signs in, finds project and region, and has a greeting's tokens counted.

Counting costs nothing and needs the permission that generating needs.
"""

from collections.abc import Sequence

from ...application.ports import ProbeReport, UpstreamProbe
from ...domain.errors import ModelmuxError
from .calls import VertexCalls
from .counter import ask_counter
from .endpoints import Publisher, parse_model


class VertexProbe(UpstreamProbe):
    """Asks about the first of `models` of each publisher; without models, only signs in."""

    def __init__(self, calls: VertexCalls, models: Sequence[str]) -> None:
        self._calls = calls
        first: dict[Publisher, str] = {}
        for name in models:
            model = parse_model(name)
            if model is not None and calls.model(name)[1].counts:
                first.setdefault(model.publisher, name)
        self._models = tuple(first.values())

    async def probe(self) -> ProbeReport:
        said: list[str] = []
        try:
            location = await self._calls.location()
            said.append(f"project {location.project.explain()}")
            said.append(f"region {location.region.explain()}")
            await self._calls.signed()
            said.append(f"signed in with {self._calls.signed_with()}")
            for name in self._models:
                model, language = self._calls.model(name)
                await ask_counter(self._calls, name, language.greeting(model.name))
        except ModelmuxError as error:
            return ProbeReport.failed(error, "; ".join(said))
        told = f"signed in, {' and '.join(self._models)} answered" if self._models else "signed in"
        return ProbeReport(True, told, private="; ".join(said))
