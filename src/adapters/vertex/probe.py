"""VertexProbe: signs in, finds project and region, and has a greeting's tokens counted.

Counting costs nothing and needs the permission that generating needs.
"""

from collections.abc import Sequence

from ...application.ports import ProbeReport, UpstreamProbe
from ...domain.errors import ModelmuxError
from ..transport.answers import ErrorReply
from ..transport.client import HttpCall
from .calls import VertexCalls
from .endpoints import Publisher, parse_model

_MAX_BODY_BYTES = 65536


class VertexProbe(UpstreamProbe):
    """Asks about the first of `models` of each publisher; without models, only signs in."""

    def __init__(self, calls: VertexCalls, models: Sequence[str]) -> None:
        self._calls = calls
        first: dict[Publisher, str] = {}
        for name in models:
            model = parse_model(name)
            if model is not None:
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
                await self._count(name)
        except ModelmuxError as error:
            return ProbeReport.failed(error, "; ".join(said))
        told = f"signed in, {' and '.join(self._models)} answered" if self._models else "signed in"
        return ProbeReport(True, told, private="; ".join(said))

    async def _count(self, name: str) -> None:
        model, language = self._calls.model(name)
        door = self._calls.known_door(name) or await self._calls.door(name)
        headers = (*door.headers, *await self._calls.signed())
        call = HttpCall(door.count, headers, language.greeting(model.name))
        reply = await self._calls.client.send(call)
        try:
            body = await reply.read_all(_MAX_BODY_BYTES)
        finally:
            await reply.aclose()
        if reply.status != 200:
            raise language.decode_error(ErrorReply(reply.status, reply.headers, body))
