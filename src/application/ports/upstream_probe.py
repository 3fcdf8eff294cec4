"""Asks an upstream how it is, without generating anything."""

from abc import abstractmethod
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class ProbeReport:
    """`detail` says what was tried and seen; `models` is what the upstream lists, if any."""

    healthy: bool
    detail: str
    models: tuple[str, ...] = ()


class UpstreamProbe(Protocol):
    @abstractmethod
    async def probe(self) -> ProbeReport:
        """Return the report; failures are reports, not exceptions."""
        ...
