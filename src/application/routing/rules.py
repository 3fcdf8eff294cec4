"""The rules of a route: what stands before its strategy."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RuleSpec:
    """One rule as configured: `when` it holds for a request, exactly one of the others is done.

    `keep` and `prefer` are expressions over a target; `route` is another name to go to; `refuse`
    is a sentence for the caller.
    """

    when: str = "true"
    name: str = ""
    keep: str | None = None
    prefer: str | None = None
    route: str | None = None
    refuse: str | None = None
