"""What would have been sent, where upstreams are never called: see `explain.py`."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class UpstreamCall:
    """One HTTP request as it was about to go out, with what signs it in; for nobody's eyes yet."""

    method: str
    url: str
    headers: tuple[tuple[str, str], ...] = field(repr=False)
    body: bytes = field(repr=False)


class NotSent(Exception):
    """Raised in place of a dry call.

    No error of a provider's: nothing is tried again, and no other target in its place.
    """

    def __init__(self, call: UpstreamCall) -> None:
        super().__init__(f"{call.method} was not sent: this is a dry run")
        self.call = call
