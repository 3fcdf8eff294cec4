"""Holding: what this process works on stays its own while it works, and is free after a crash."""

import asyncio
import logging
from collections.abc import Callable, Iterable
from typing import TypeAlias

from ..domain.errors import Conflict, StoreError
from .ports import Clock, LeaseKey, Leases

TTL_S = 6.0
ROUND_S = 2.0
RETRY_S = 0.5
# A hold is trusted no longer than this before its end: what it guards takes a moment too.
_MARGIN_S = 0.5

_log = logging.getLogger("modelmux.holding")

OnLost: TypeAlias = Callable[[], None]


def ignore_loss() -> None:
    """For holders that look at `Hold.held` when it matters."""


class Hold:
    """One lease as its holder sees it."""

    __slots__ = ("_clock", "_on_lost", "ending", "holder", "key", "lost", "taken", "until")

    def __init__(self, key: LeaseKey, holder: str, clock: Clock, on_lost: OnLost) -> None:
        self.key = key
        self.holder = holder
        self.taken = False
        self.lost = False
        self.until = clock.monotonic() + TTL_S
        self.ending: asyncio.Task[None] | None = None
        self._clock = clock
        self._on_lost = on_lost

    @property
    def held(self) -> bool:
        """Whether nobody else can have it yet, whatever became of the last renewal."""
        return not self.lost and self._clock.monotonic() < self.until - _MARGIN_S

    def lose(self) -> None:
        self.lost = True
        self._on_lost()


class Holding:
    """Renews what is held every 2 s for 6 s; tells those who lost theirs.

    `holder` names this process. Whoever starts it closes it.
    """

    def __init__(self, leases: Leases, holder: str, clock: Clock) -> None:
        self._leases = leases
        self._holder = holder
        self._clock = clock
        self._holds: dict[LeaseKey, Hold] = {}
        self._round: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin the rounds; in a running event loop."""
        if self._round is None:
            self._round = asyncio.create_task(self._go_round())

    async def aclose(self) -> None:
        """End the rounds and let go of everything."""
        task, self._round = self._round, None
        if task is not None:
            task.cancel()
            await asyncio.wait((task,))
        for hold in tuple(self._holds.values()):
            if hold.taken or hold.ending is not None:
                await self.release(hold)

    async def take(
        self, key: LeaseKey, on_lost: OnLost = ignore_loss, holder: str | None = None
    ) -> Hold | None:
        """Hold `key` until it is released; None while anybody holds it.

        `on_lost` is called at most once, in the event loop, and never for what was released.

        Raises:
            StoreError: the leases do not answer.
        """
        # Also while a take or a release of ours is under way: who cancels one must not free
        # what the other has got.
        if key in self._holds:
            return None
        hold = self._holds[key] = Hold(key, holder or self._holder, self._clock, on_lost)
        try:
            taken = await self._leases.take(key, hold.holder, TTL_S)
        except BaseException:
            # It may have been taken all the same.
            self._begin_release(hold)
            raise
        if not taken:
            del self._holds[key]
            return None
        hold.taken = True
        return hold

    async def release(self, hold: Hold) -> None:
        """Let go; goes through though the caller is cancelled. Idempotent, never raises."""
        await asyncio.shield(self._begin_release(hold))

    async def revoke(self, key: LeaseKey, holder: str) -> None:
        """End the hold of whoever holds as `holder`, who learns of it at its next round.

        Raises:
            StoreError: the leases do not answer.
        """
        await self._leases.release(key, holder)

    def _begin_release(self, hold: Hold) -> asyncio.Task[None]:
        hold.taken = False
        if hold.ending is None:
            hold.ending = asyncio.create_task(self._release(hold))
        return hold.ending

    async def _release(self, hold: Hold) -> None:
        try:
            await self._leases.release(hold.key, hold.holder)
        except StoreError:
            pass  # nobody renews it any more, so it runs out by itself
        finally:
            if self._holds.get(hold.key) is hold:
                del self._holds[hold.key]

    async def _go_round(self) -> None:
        pause_s = ROUND_S
        while True:
            await self._clock.sleep(pause_s)
            by_holder: dict[str, list[Hold]] = {}
            for hold in self._holds.values():
                if hold.taken and not hold.lost:
                    by_holder.setdefault(hold.holder, []).append(hold)
            pause_s = ROUND_S
            for holder, holds in by_holder.items():
                try:
                    await self._renew(holder, holds)
                except Exception as error:  # noqa: BLE001  # this must not be the last round
                    if not isinstance(error, StoreError):
                        _log.exception("unexpected_error")
                    pause_s = RETRY_S
                    _give_up(holds)

    async def _renew(self, holder: str, holds: list[Hold]) -> None:
        until = self._clock.monotonic() + TTL_S
        kept = set(await self._leases.renew([hold.key for hold in holds], holder, TTL_S))
        for hold in holds:
            if hold.key in kept:
                hold.until = until
            elif hold.taken:
                hold.lose()


def _give_up(holds: Iterable[Hold]) -> None:
    """Lose what could not be renewed in time: somebody else may have it by now."""
    for hold in holds:
        if hold.taken and not hold.held:
            hold.lose()


async def hold_conversation(holding: Holding, tenant: str, conversation_id: str) -> Hold:
    """Return the right to write to a conversation; whoever asked releases it.

    Raises:
        Conflict: somebody else has it.
        StoreError: the leases do not answer.
    """
    hold = await holding.take(LeaseKey(tenant, conversation_id))
    if hold is None:
        raise Conflict(
            "Another call is writing to this conversation; try again once it has ended.",
            reason="conversation_locked",
            param="conversation",
        )
    return hold
