"""Does what the fleet decides: starts workers, hears and tells them, holds the port for them.

One thread, one selector. Whatever it waits for has a bound, but the check of new code before an
upgrade nothing here takes longer than a few milliseconds; calls do not pass through it at all.
"""

import json
import os
import selectors
import signal
import socket
import sys
import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any, assert_never

from ... import __version__
from . import places
from .asking import Asked, Asking
from .fleet import Action, Ended, Fleet, Kill, Phase, Replaced, Settled, Start, Tell
from .lines import PROTOCOL, Message, encode
from .listening import CannotListen, Port, listen
from .spawning import SIGNALS, become, command, trouble_of
from .telling import explain, tell, tell_failure
from .workers import Worker, Workers, taken

_ME = "modelmux.entrypoints.supervisor"
_CHECK_WITHIN_S = 20.0
_SERVING = (Phase.READY, Phase.LEAVING, Phase.RETIRING)
# Far less than what a socket takes at once from somebody who writes little.
_MAX_ASKED_BYTES = 2**16


@dataclass(slots=True)
class Plan:
    """What the supervisor was started with, and what it knew before it replaced its own code."""

    words: Mapping[str, object]
    state: Mapping[str, Any] = field(default_factory=dict[str, Any])  # Any: what JSON holds


class Supervisor:
    """One run of the gateway."""

    def __init__(self, plan: Plan) -> None:
        self._words = plan.words
        self._selector = selectors.DefaultSelector()
        self._fleet = Fleet()
        self._workers = Workers(
            self._selector, said=self._take_in, killed=self._tell_killed, gone=self._forget
        )
        self._port: Port | None = None
        self._asking = Asking(self._selector, self._command)
        self._waiting: list[Asked] = []  # for the generation that is on its way
        self._next: list[Asked] = []  # for the one after it
        self._again = False
        self._upgrading = False
        self._pretty = False
        self._announced = False
        self._interrupts = 0
        self._exit_code: int | None = None
        self._started_at = time.time()
        self._run_folder: Path | None = None
        self._run_lock = -1
        self._had_terminal = _has_terminal()
        self._signals = socket.socketpair()
        if plan.state:
            self._restore(plan.state)

    def run(self) -> int:
        """Keep workers running until somebody ends it; return the exit code."""
        self._hear_signals()
        if self._workers:
            self._taken_over()
        else:
            self._make_run_folder()
            self._do(self._fleet.begin(time.monotonic()))
        try:
            while self._exit_code is None:
                self._turn()
        finally:
            self._asking.close()
            if self._run_folder is not None:
                places.remove_run_folder(self._run_folder)
        return self._exit_code

    def _turn(self) -> None:
        due = self._fleet.next_due()
        due_in_s = None if due is None else max(due - time.monotonic(), 0.0)
        for key, _ in self._selector.select(self._asking.wait_s(due_in_s)):
            if self._exit_code is None:
                key.data()
        now = time.monotonic()
        self._do(self._fleet.due(now))
        self._asking.look_after(now)

    # Signals.

    def _hear_signals(self) -> None:
        reading, writing = self._signals
        reading.setblocking(False)
        writing.setblocking(False)
        signal.set_wakeup_fd(writing.fileno(), warn_on_full_buffer=False)
        for number in SIGNALS:
            signal.signal(number, _note)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)
        self._selector.register(reading, selectors.EVENT_READ, self._read_signals)

    def _read_signals(self) -> None:
        for number in self._signals[0].recv(1024):
            match number:
                case signal.SIGTERM:
                    self._stop()
                case signal.SIGINT:
                    self._interrupts += 1
                    self._stop() if self._interrupts == 1 else self._do(self._fleet.end())
                case signal.SIGHUP if self._had_terminal and not _has_terminal():
                    self._stop()  # nobody asks for a reload: the terminal is gone
                case signal.SIGHUP:
                    self._reload(None)
                case signal.SIGUSR2:
                    self._upgrade(None)
                case _:
                    self._workers.reap()

    def _forget(self, worker: Worker, code: int) -> None:
        self._asking.worker_gone(worker.serial)
        member = self._fleet.members[worker.serial]
        if member.phase is Phase.READY:
            self._tell("warning", "worker_crashed", pid=worker.pid, exit_code=code)
        self._do(self._fleet.gone(worker.serial, code, time.monotonic()))

    # What the fleet decides.

    def _do(self, actions: Iterable[Action]) -> None:
        for action in actions:
            match action:
                case Start():
                    self._start(action)
                case Tell():
                    self._workers.tell(action.serial, {"do": action.word})
                case Kill():
                    self._workers.kill(action.serial)
                case Replaced():
                    self._tell("info", "worker_replaced", wait_s=action.wait_s)
                case Settled():
                    self._settle(action.failure)
                case Ended():
                    if self._fleet.is_up:  # else the failure was told, to a person as a rule
                        self._tell("info", "stopped", exit_code=action.code)
                    self._exit_code = action.code
                case _:
                    assert_never(action)

    def _start(self, action: Start) -> None:
        if self._fleet.members[action.serial].phase is not Phase.STARTING:
            # Its generation was given up while another of it was being started.
            self._do(self._fleet.gone(action.serial, 0, time.monotonic()))
            return
        told: Message = {
            "protocol": PROTOCOL, "number": action.number, "generation": action.generation,
            "words": self._words,
        }  # fmt: skip
        folder = None if self._run_folder is None else str(self._run_folder)
        try:
            self._workers.start(action.serial, told, folder)
        except OSError as error:
            # The others serve on; this one's place is tried again like that of one that crashed.
            reason = f"the system has no process to give: {error.strerror or error}"
            self._tell("error", "worker_not_started", reason=reason)
            self._fleet.failed(action.serial, reason, 1)
            self._do(self._fleet.gone(action.serial, 1, time.monotonic()))

    def _tell_killed(self, worker: Worker) -> None:
        self._tell("warning", "worker_killed", pid=worker.pid)

    def _settle(self, failure: str | None) -> None:
        """A generation has taken over, or was given up: tell who asked, and begin the next."""
        waiting, self._waiting = self._waiting, []
        if failure is not None:
            self._tell("error", "reload_failed", reason=failure)
        else:
            self._tell("info", "reloaded", generation=self._fleet.generation)
            if self._upgrading:
                failure = self._replace_me(waiting)
                self._tell("error", "supervisor_not_replaced", reason=failure)
        self._upgrading = False
        for asked in waiting:
            asked.answer({"error": failure} if failure else self._status())
        self._begin_next()

    def _begin_next(self) -> None:
        """Begin the reload that was asked for while another was on its way."""
        if self._again and not self._fleet.busy:
            self._again = False
            self._waiting, self._next = self._next, []
            self._do(self._fleet.reload(time.monotonic()))

    # What workers say.

    def _take_in(self, worker: Worker, message: Message) -> None:
        now = time.monotonic()
        match message.get("say"):
            case "bind":
                self._bind(worker, message, now)
            case "ready":
                self._do(self._fleet.ready(worker.serial, now))
                self._begin_next()
            case "leaving":
                self._do(self._fleet.leaving(worker.serial, now))
            case "failed":
                if not self._fleet.is_up and not self._fleet.stopping:
                    tell_failure(message)
                else:
                    self._tell("error", "worker_not_started", reason=explain(message))
                self._fleet.failed(worker.serial, explain(message), int(message["code"]))
            case "answer":
                self._asking.answered(worker.serial, message)
            case _:
                pass  # of another version

    def _bind(self, worker: Worker, message: Message, now: float) -> None:
        """Give a worker the socket; whoever comes first says where it shall listen."""
        if self._fleet.stopping:
            return  # the socket is closed, and the worker has been told to go
        host, number = str(message["host"]), int(message["port"])
        self._pretty = bool(message["pretty"])
        port = self._port
        if port is None:
            try:
                port = self._port = listen(host, number)
            except CannotListen as error:
                self._refuse(worker, str(error), error.hint)
                return
            self._open_control(port)
        elif (host, number) != (port.host, port.asked):
            self._refuse(
                worker,
                "server.host and server.port cannot change while the gateway runs: it listens on"
                f" {port.host}:{port.number}",
                "restart it",
            )
            return
        told: Message = {"do": "listen", "announce": not self._announced}
        self._announced = True
        self._workers.tell(worker.serial, told, port.listener.fileno())
        graces = float(message["grace_s"]), float(message["reload_grace_s"])
        self._do(self._fleet.bound(worker.serial, int(message["workers"]), *graces, now))

    def _refuse(self, worker: Worker, message: str, hint: str) -> None:
        self._workers.tell(worker.serial, {"do": "refused", "message": message, "hint": hint})

    # What people ask for.

    def _command(self, asked: Asked) -> None:
        match asked.message.get("command"):
            case "status":
                asked.answer(self._status())
            case "reload":
                self._reload(asked)
            case "upgrade":
                self._upgrade(asked)
            case "ask" if len(encode(asked.message)) > _MAX_ASKED_BYTES:
                asked.answer({"error": "that is more than workers are asked at once"})
            case "ask":
                self._ask(asked)
            case other:
                asked.answer({"error": f"the running gateway knows no command {other}"})

    def _ask(self, asked: Asked) -> None:
        """Let all that serve answer, those too that are about to go."""
        message: Message = {
            "do": "ask", "id": asked.id, "command": str(asked.message.get("name")),
            "arguments": asked.message.get("arguments"),
        }  # fmt: skip
        serving = [one.serial for one in self._fleet.members.values() if one.phase in _SERVING]
        workers = [one for one in map(self._workers.get, serving) if one is not None]
        hearing = {
            one.serial: one.pid for one in workers if self._workers.tell(one.serial, message)
        }
        if hearing:
            asked.expect(hearing)
        else:
            asked.answer({"error": "no worker serves just now; try again"})

    def _stop(self) -> None:
        if not self._fleet.stopping:
            self._tell("info", "stopping", grace_s=self._fleet.grace_s)
        if self._port is not None:
            # Else the system would go on taking connections that nobody accepts.
            self._port.listener.close()
        self._asking.stop_listening()
        self._do(self._fleet.stop(time.monotonic()))

    def _reload(self, asked: Asked | None) -> None:
        if self._fleet.busy and not self._fleet.stopping:
            # What is on its way may have read the file before it was changed.
            self._again = True
            self._next += [asked] if asked else []
            return
        self._waiting += [asked] if asked else []
        self._tell("info", "reloading")
        self._do(self._fleet.reload(time.monotonic()))

    def _upgrade(self, asked: Asked | None) -> None:
        if self._fleet.busy or self._fleet.stopping:
            trouble: str | None = "the gateway starts, reloads or ends; try again"
        else:
            trouble = self._trouble_of_new_code()
        if trouble is None:
            self._upgrading = True
            self._reload(asked)
            return
        self._tell("error", "upgrade_failed", reason=trouble)
        if asked:
            asked.answer({"error": f"nothing was changed: {trouble}"})

    def _trouble_of_new_code(self) -> str | None:
        try:
            return trouble_of(command(_ME, "--check"), _CHECK_WITHIN_S)
        except OSError as error:
            return f"the system has no process to give: {error.strerror or error}"

    def _status(self) -> Message:
        fleet = self._fleet
        is_listening = self._port is not None and not fleet.stopping
        members = [(one, self._workers.get(one.serial)) for one in fleet.members.values()]
        return {
            "version": __version__,
            "pid": os.getpid(),
            "started_at": self._started_at,
            "host": self._port.host if self._port and is_listening else None,
            "port": self._port.number if self._port and is_listening else None,
            "generation": fleet.generation,
            "workers": [
                {
                    "pid": worker.pid, "number": one.number, "generation": one.generation,
                    "phase": str(one.phase), "started_at": worker.started_at,
                }
                for one, worker in members
                if worker is not None
            ],
        }  # fmt: skip

    # Folders and sockets.

    def _make_run_folder(self) -> None:
        try:
            self._run_folder, self._run_lock = places.make_run_folder(places.runtime_folder())
        except OSError as error:
            self._tell("warning", "no_run_folder", reason=str(error))

    def _open_control(self, port: Port) -> None:
        try:
            path = places.control_socket(places.runtime_folder(), port.host, port.number)
            self._asking.listen(path)
        except OSError as error:
            self._tell("warning", "no_control_socket", reason=str(error))

    def _tell(self, level: str, event: str, **told: object) -> None:
        tell(level, event, pretty=self._pretty, **told)

    # Replacing the code of this very process.

    def _replace_me(self, waiting: Iterable[Asked]) -> str:
        """Go on as the code that is installed now, under the same process id; return why not."""
        port = self._port
        if port is None:
            return "it does not listen yet"
        control, following = self._asking.keep(waiting), self._asking.keep(self._next)
        state = {
            "fleet": self._fleet.to_json(),
            "workers": self._workers.keep(),
            "listener": port.listener.fileno(),
            "host": port.host,
            "port": port.asked,
            "pretty": self._pretty,
            "started_at": self._started_at,
            "run_folder": None if self._run_folder is None else str(self._run_folder),
            "run_lock": self._run_lock,
            "had_terminal": self._had_terminal,
            "control": control,
            "again": self._again,
            "next": following["waiting"],
        }
        plan = json.dumps(asdict(Plan(self._words, state)))
        descriptors = [port.listener.fileno(), *self._workers.descriptors()]
        descriptors += [*control["waiting"], *following["waiting"]]
        descriptors += [] if control["listener"] is None else [control["listener"]]
        descriptors += [self._run_lock] if self._run_lock >= 0 else []
        signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)  # until the new code hears them
        with suppress(BlockingIOError):
            for number in self._signals[0].recv(1024):
                os.kill(os.getpid(), number)  # it came a moment ago: it is for the new code too
        trouble = become(command(_ME, plan), descriptors)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)
        return f"the workers are new, but the process above them is not: {trouble}"

    def _restore(self, state: Mapping[str, Any]) -> None:  # Any: what JSON holds
        """Take over what the process knew before it replaced its code."""
        self._fleet = Fleet.from_json(state["fleet"])
        self._port = Port(taken(state["listener"]), state["host"], state["port"])
        self._pretty, self._started_at = state["pretty"], state["started_at"]
        self._announced = True
        self._had_terminal = state["had_terminal"]
        self._run_lock = state["run_lock"]
        if state["run_folder"] is not None:
            self._run_folder = Path(state["run_folder"])
            os.set_inheritable(self._run_lock, False)
        self._workers.restore(state["workers"])
        self._waiting = self._asking.restore(state["control"])
        self._again = state["again"]
        self._next = self._asking.restore({"listener": None, "waiting": state["next"]})

    def _taken_over(self) -> None:
        self._tell("info", "upgraded", version=__version__)
        waiting, self._waiting = self._waiting, []
        for asked in waiting:
            asked.answer(self._status())
        self._workers.reap()
        self._begin_next()


def _note(number: int, frame: FrameType | None) -> None:
    """Do nothing: the wake-up of the selector tells which signal came."""


def _has_terminal() -> bool:
    """Return whether somebody's terminal is behind this process."""
    try:
        os.close(os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY))
    except OSError:
        return False
    return sys.stdin is not None
