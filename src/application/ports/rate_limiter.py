"""Limits that are shared by everybody who counts against them."""

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple, Protocol


class LimitKind(StrEnum):
    """`CONCURRENT` counts what runs now; the others flow in by the minute."""

    REQUESTS = "requests"
    TOKENS = "tokens"
    CONCURRENT = "concurrent"


# A tuple: it is looked up several times a request, and a dataclass takes four times as long.
class LimitKey(NamedTuple):
    """`tenant` is whose limit it is, empty for one that all tenants share.

    `scope` is what is limited: `key`, `tenant`, `route`, `provider`; `subject` which one of them.
    """

    tenant: str
    scope: str
    subject: str
    kind: LimitKind


@dataclass(frozen=True, slots=True)
class Limit:
    """`per_minute` is the rate, or for `CONCURRENT` how many; `burst` what may be taken at once.

    `runs` says that it is one of what runs; `one_s` is how long one takes to flow in, `all_s` how
    long the whole burst does.
    """

    key: LimitKey
    per_minute: float
    burst: float
    runs: bool = field(init=False, repr=False, compare=False)
    one_s: float = field(init=False, repr=False, compare=False)
    all_s: float = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "runs", self.key.kind is LimitKind.CONCURRENT)
        object.__setattr__(self, "one_s", 60.0 / self.per_minute)
        object.__setattr__(self, "all_s", self.burst * 60.0 / self.per_minute)


# A tuple, as LimitKey: one is made of each limit for each request.
class Standing(NamedTuple):
    """How one limit stood after taking, or why nothing was taken.

    `wait_s` 0: it was taken, or would have been; else how long until there is enough (infinite:
    more than ever fits; for `CONCURRENT`, of which nobody knows, when to look again). `remaining`
    is what could be taken now, `reset_s` until it is full.
    """

    limit: Limit
    remaining: float
    reset_s: float
    wait_s: float = 0.0


class RateLimiter(Protocol):
    """Takes from several limits at once: from all of them, or from none.

    A `take` that is cancelled has taken nothing that lasts.
    """

    @abstractmethod
    async def take(self, wanted: Sequence[tuple[Limit, float]]) -> Sequence[Standing]:
        """Take the amounts, if each limit has its own; tell in their order how each stands.

        Raises:
            StoreError: who counts does not answer; nothing was taken that is known of.
        """
        ...

    @abstractmethod
    def give(self, changes: Sequence[tuple[Limit, float]]) -> None:
        """Give amounts back; a negative one takes more, below nothing if need be.

        Returns at once, so that no cancellation comes between; never raises. More than is full, or
        than runs, is not given.
        """
        ...
