"""Which workers there should be: decides, and does nothing itself.

Workers come in generations. A new one is started beside the one that serves; when all of it is
ready it takes over at once and the old one is told to retire, and when any of it fails the old one
goes on as if nothing had been. First start, reload and upgrade are the same thing.
"""

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field, fields
from enum import StrEnum
from typing import Any, TypeAlias

START_WITHIN_S = 60.0
FIRST_WAIT_S = 0.1
LONGEST_WAIT_S = 10.0
# A worker that lived so long did not crash because of how it was started.
SETTLED_S = 10.0
# What a worker gets beyond its own grace time before it is ended from outside.
_OVERDUE_S = 10.0
# Who ends a whole group of processes ends the supervisor too: then nobody is replaced.
_MAYBE_ALL_S = 0.3


class Phase(StrEnum):
    STARTING = "starting"
    READY = "ready"
    LEAVING = "leaving"  # serves until its place is taken
    RETIRING = "retiring"
    STOPPING = "stopping"


@dataclass(slots=True)
class Member:
    """One worker; `deadline` is when it is ended from outside, if it is still there."""

    serial: int
    number: int
    generation: int
    phase: Phase
    since: float
    deadline: float | None = None
    failure: str | None = None
    code: int = 0


@dataclass(frozen=True, slots=True)
class Start:
    """A worker is to be started; `number` is its place in its generation."""

    serial: int
    number: int
    generation: int


@dataclass(frozen=True, slots=True)
class Tell:
    """A worker is to be told `retire` or `stop`."""

    serial: int
    word: str


@dataclass(frozen=True, slots=True)
class Kill:
    serial: int


@dataclass(frozen=True, slots=True)
class Replaced:
    """A worker is gone that should not be; another is on its way."""

    serial: int
    number: int
    wait_s: float


@dataclass(frozen=True, slots=True)
class Settled:
    """The new generation has taken over, or, by `failure`, has not."""

    failure: str | None


@dataclass(frozen=True, slots=True)
class Ended:
    """No worker is left, and none is wanted: exit with `code`."""

    code: int


Action: TypeAlias = Start | Tell | Kill | Replaced | Settled | Ended


@dataclass(slots=True)
class Fleet:
    """`generation` serves, `pending` is on its way; times are those of one steady clock."""

    generation: int = 1
    latest: int = 1
    pending: int | None = None
    serials: int = 0
    wanted: int = 1
    pending_wanted: int = 1
    is_up: bool = False
    stopping: bool = False
    code: int = 0
    crashes: int = 0
    grace_s: float = 30.0
    reload_grace_s: float = 3600.0
    members: dict[int, Member] = field(default_factory=dict[int, Member])
    # Places of this generation that nobody fills, and when somebody shall.
    vacancies: dict[int, float] = field(default_factory=dict[int, float])

    @property
    def busy(self) -> bool:
        """Whether a generation is on its way, so that another has to wait."""
        return self.pending is not None or not self.is_up

    def begin(self, now: float) -> list[Action]:
        """Start the first worker; it says how many there shall be."""
        return [self._start(self.generation, 0, now)]

    def reload(self, now: float) -> list[Action]:
        """Start a new generation; not while `busy`."""
        if self.stopping:
            return [Settled("the gateway is shutting down")]
        self.latest += 1  # one that failed may still be on its way out
        self.pending = self.latest
        self.pending_wanted = 1
        return [self._start(self.pending, 0, now)]

    def bound(
        self, serial: int, wanted: int, grace_s: float, reload_grace_s: float, now: float
    ) -> list[Action]:
        """A worker has read its configuration: the rest of its generation can start."""
        member = self.members[serial]
        self.grace_s, self.reload_grace_s = grace_s, reload_grace_s
        if self.stopping or member.phase is not Phase.STARTING or member.number != 0:
            return []
        if member.generation == self.pending and self.pending_wanted == 1:
            self.pending_wanted = wanted
        elif member.generation == self.generation and not self.is_up:
            self.wanted = wanted
        else:
            return []
        return [self._start(member.generation, number, now) for number in range(1, wanted)]

    def ready(self, serial: int, now: float) -> list[Action]:
        """A worker serves."""
        member = self.members[serial]
        if member.phase is not Phase.STARTING:
            return []
        self._enter(member, Phase.READY, now)
        if member.generation == self.generation:
            self.is_up = True
            return self._let_go(member.number, now)
        if sum(1 for _ in self._of(member.generation, Phase.READY)) < self.pending_wanted:
            return []
        return self._switch(member.generation, now)

    def failed(self, serial: int, failure: str, code: int) -> None:
        """A worker has said why it cannot start; it is about to go."""
        member = self.members[serial]
        member.failure, member.code = failure, code

    def leaving(self, serial: int, now: float) -> list[Action]:
        """A worker was told by somebody else to go: it does when another has its place."""
        member = self.members[serial]
        if self.stopping or member.phase is not Phase.READY or member.generation != self.generation:
            return []
        self._enter(member, Phase.LEAVING, now)
        return [self._replace(member, now, _MAYBE_ALL_S)]

    def gone(self, serial: int, exit_code: int, now: float) -> list[Action]:
        """A worker's process has ended."""
        member = self.members.pop(serial)
        if self.stopping:
            return self._ended_if_empty()
        if member.generation == self.pending:
            failure = member.failure or f"a new worker ended with exit code {exit_code}"
            return self._give_up(failure, now)
        if member.generation != self.generation:
            return []
        if not self.is_up:
            self.code = member.code or exit_code or 1
            return self.stop(now)
        if member.phase in (Phase.LEAVING, Phase.RETIRING):
            return []  # its place is taken
        return [self._replace(member, now, self._wait(member, now)), *self.due(now)]

    def due(self, now: float) -> list[Action]:
        """What time has come for."""
        actions: list[Action] = []
        for number, at in tuple(self.vacancies.items()):
            if at <= now:
                del self.vacancies[number]
                actions.append(self._start(self.generation, number, now))
        for member in tuple(self.members.values()):
            if member.deadline is not None and member.deadline <= now:
                member.deadline = None
                actions.append(Kill(member.serial))
                if member.phase is Phase.STARTING:
                    member.failure = f"a new worker was not ready within {START_WITHIN_S:g} s"
        return actions

    def next_due(self) -> float | None:
        """Return when `due` has something to do next."""
        deadlines = (one.deadline for one in self.members.values() if one.deadline is not None)
        return min((*self.vacancies.values(), *deadlines), default=None)

    def stop(self, now: float) -> list[Action]:
        """End all workers, their calls within the grace time. Idempotent."""
        if self.stopping:
            return []
        self.stopping = True
        self.vacancies.clear()
        actions: list[Action] = []
        if self.pending is not None:
            self.pending = None
            actions.append(Settled("the gateway is shutting down"))
        actions += self._tell_all("stop", Phase.STOPPING, self.grace_s, now, lambda _: True)
        return [*actions, *self._ended_if_empty()]

    def end(self) -> list[Action]:
        """End all workers at once; for who does not want to wait for `stop`."""
        return [Kill(serial) for serial in self.members]

    def to_json(self) -> dict[str, Any]:  # Any: what JSON holds
        """Return what `from_json` makes an equal fleet of, in another process."""
        return {**asdict(self), "members": [asdict(one) for one in self.members.values()]}

    @classmethod
    def from_json(cls, told: dict[str, Any]) -> "Fleet":  # Any: as above
        """Return the fleet that another version of this code knew, perhaps with other fields."""
        known: dict[str, Any] = {
            one.name: told[one.name] for one in fields(cls) if one.name in told
        }
        names = {one.name for one in fields(Member)}
        members = [
            Member(**{name: value for name, value in one.items() if name in names})
            for one in told["members"]
        ]
        for member in members:
            member.phase = Phase(member.phase)
        vacancies = {int(number): at for number, at in told["vacancies"].items()}
        by_serial = {one.serial: one for one in members}
        known.update(members=by_serial, vacancies=vacancies)
        return cls(**known)

    def _start(self, generation: int, number: int, now: float) -> Start:
        self.serials += 1
        self.members[self.serials] = Member(
            self.serials, number, generation, Phase.STARTING, now, now + START_WITHIN_S
        )
        return Start(self.serials, number, generation)

    def _enter(
        self, member: Member, phase: Phase, now: float, within_s: float | None = None
    ) -> None:
        member.phase, member.since = phase, now
        member.deadline = None if within_s is None else now + within_s + _OVERDUE_S

    def _of(self, generation: int, phase: Phase) -> Iterator[Member]:
        return (
            one for one in self.members.values()
            if one.generation == generation and one.phase is phase
        )  # fmt: skip

    def _switch(self, generation: int, now: float) -> list[Action]:
        """This generation serves from now on."""
        self.generation, self.pending = generation, None
        self.wanted, self.crashes = self.pending_wanted, 0
        self.vacancies.clear()
        retiring = self._tell_all(
            "retire", Phase.RETIRING, self.reload_grace_s + self.grace_s, now,
            lambda one: one.generation != self.generation
            and one.phase in (Phase.STARTING, Phase.READY, Phase.LEAVING),
        )  # fmt: skip
        return [*retiring, Settled(None)]

    def _let_go(self, number: int, now: float) -> list[Action]:
        """Somebody has taken a place: who wanted to leave it can."""
        return self._tell_all(
            "retire", Phase.RETIRING, self.reload_grace_s + self.grace_s, now,
            lambda one: one.number == number and one.phase is Phase.LEAVING
            and one.generation == self.generation,
        )  # fmt: skip

    def _give_up(self, failure: str, now: float) -> list[Action]:
        """The pending generation does not come: the one that serves goes on."""
        given_up, self.pending = self.pending, None
        stopping = self._tell_all(
            "stop", Phase.STOPPING, self.grace_s, now, lambda one: one.generation == given_up
        )
        return [*stopping, Settled(failure)]

    def _tell_all(
        self, word: str, phase: Phase, within_s: float, now: float, chosen: Callable[[Member], bool]
    ) -> list[Action]:
        told = [one for one in self.members.values() if chosen(one)]
        for member in told:
            self._enter(member, phase, now, within_s)
        return [Tell(member.serial, word) for member in told]

    def _wait(self, member: Member, now: float) -> float:
        """Return how long its place stays empty: not at all after a first crash."""
        if member.phase is Phase.READY and now - member.since >= SETTLED_S:
            self.crashes = 0
        self.crashes += 1
        if self.crashes == 1:
            return 0.0
        doubled: float = FIRST_WAIT_S * 2.0 ** min(self.crashes - 2, 16)
        return min(doubled, LONGEST_WAIT_S)

    def _replace(self, member: Member, now: float, wait_s: float) -> Replaced:
        self.vacancies[member.number] = now + wait_s
        return Replaced(member.serial, member.number, wait_s)

    def _ended_if_empty(self) -> list[Action]:
        return [] if self.members else [Ended(self.code)]
