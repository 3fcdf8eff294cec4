"""Adjustment: one change made so that a target could take a request, and the policy on it."""

from dataclasses import dataclass
from enum import StrEnum


class Policy(StrEnum):
    """What happens when a request asks for what its target cannot do."""

    WARN = "warn"
    REJECT = "reject"
    QUIET = "quiet"


@dataclass(frozen=True, slots=True)
class Adjustment:
    """One change made so that a target could take a request.

    `param` is the member of the caller's request: in chat completions' spelling where it is made,
    in the caller's own once it is noted. `action` is one word for the header (`dropped`,
    `clamped`, `weakened`, `emulated`, `fetched`, `truncated`, `suppressed`; of an answer that must
    fit a schema `repaired`, `unfenced`, `unmet`, `unchecked`); `detail` a sentence.
    """

    param: str
    action: str
    detail: str

    def __str__(self) -> str:
        return f"{self.param}={self.action}"
