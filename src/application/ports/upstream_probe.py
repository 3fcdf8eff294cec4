"""Asks an upstream how it is, without generating anything."""

from abc import abstractmethod
from dataclasses import dataclass
from typing import Protocol

from ...domain.errors import ModelmuxError, UpstreamAuthFailed

_FORBIDDEN = 403


@dataclass(frozen=True, slots=True)
class ProbeReport:
    """`detail` says what was tried and seen; `models` is what the upstream lists, if any.

    Anybody may read `detail`. `private` is for who runs the gateway: addresses, accounts, causes.
    `refused`: it is there, but does not let us ask; calls of models may still be answered.
    """

    healthy: bool
    detail: str
    models: tuple[str, ...] = ()
    private: str = ""
    refused: bool = False

    @classmethod
    def failed(cls, error: ModelmuxError, before: str = "") -> "ProbeReport":
        """Return the report of a probe that ended in `error`; `before` is private too."""
        said = [part for part in (before, error.detail) if part]
        # A key that may call models need not be allowed to list them.
        refused = isinstance(error, UpstreamAuthFailed) and error.status == _FORBIDDEN
        return cls(False, error.message, private="; ".join(said), refused=refused)


class UpstreamProbe(Protocol):
    """Knows one upstream; asking costs no tokens."""

    @abstractmethod
    async def probe(self) -> ProbeReport:
        """Return the report; failures are reports, not exceptions."""
        ...
