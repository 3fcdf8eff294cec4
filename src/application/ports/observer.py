"""Watches requests come and go: metrics and the request log."""

from abc import abstractmethod
from dataclasses import dataclass, field
from typing import Protocol

from ...domain.errors import ModelmuxError
from ...domain.journal import Journal
from ...domain.request import GenerationRequest


@dataclass(slots=True)
class Exchange:
    """One HTTP request and its answer, told when it is over.

    `path` is the route's template, never the caller's text; `model` the name the caller used,
    only once planning has found it (so that it is safe as a label); `error` the code told to
    the caller; times are seconds, `first_byte_s` None where the answer never began.
    """

    request_id: str
    method: str
    path: str
    status: int = 0
    duration_s: float = 0.0
    first_byte_s: float | None = None
    stream: bool = False
    tenant: str = ""
    key_id: str | None = None
    model: str = ""
    error: str | None = None
    error_detail: str | None = None
    client_gone: bool = False
    journal: Journal = field(default_factory=Journal)


class Observer(Protocol):
    """Called on the hot path: must not block, wait or raise."""

    @abstractmethod
    def attempt_settled(
        self, request: GenerationRequest, duration_s: float, error: ModelmuxError | None
    ) -> None:
        """One attempt at an upstream ended its `open`: with first events, or with `error`."""
        ...

    @abstractmethod
    def exchange_started(self) -> None:
        """A request has come; `exchange_settled` follows, exactly once."""
        ...

    @abstractmethod
    def exchange_settled(self, exchange: Exchange) -> None:
        """An exchange is over, whatever happened to it; it is not written to any more."""
        ...
