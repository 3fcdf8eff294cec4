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
from .lines import PROTOCOL, Broken, Lines, Message, encode
from .listening import CannotListen, Port, listen
from .spawning import SIGNALS, command, ended, start, trouble_of
from .telling import explain, tell, tell_failure

_ME = "modelmux.entrypoints.supervisor"
_WORKER = "modelmux.entrypoints.work"
_CHECK_WITHIN_S = 20.0
# Far less than what a socket takes at once from somebody who writes little.
_MAX_ASKED_BYTES = 2**16
_READ_BYTES = 65536


@dataclass(slots=True)
class Plan:
    """What the supervisor was started with, and what it knew before it replaced its own code."""

    words: Mapping[str, object]
    state: Mapping[str, Any] = field(default_factory=dict[str, Any])  # Any: what JSON holds


@dataclass(slots=True)
class _Worker:
    """A worker's process and the socket to it, until both have ended."""

    serial: int
    pid: int
    channel: socket.socket
    lines: Lines = field(default_factory=Lines)
    started_at: float = field(default_factory=time.time)


class Supervisor:
    """One run of the gateway."""

    def __init__(self, plan: Plan) -> None:
        self._words = plan.words
        self._selector = selectors.DefaultSelector()
        self._fleet = Fleet()
        self._workers: dict[int, _Worker] = {}
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
                    self._reap()

    def _reap(self) -> None:
        for worker in tuple(self._workers.values()):
            code = ended(worker.pid)
            if code is not None:
                self._hear(worker)  # its last words may still be on the way
                self._forget(worker, code)

    def _forget(self, worker: _Worker, code: int) -> None:
        del self._workers[worker.serial]
        self._close_channel(worker)
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
                    self._send(self._workers.get(action.serial), {"do": action.word})
                case Kill():
                    self._kill(action.serial)
                case Replaced():
                    self._tell("info", "worker_replaced", wait_s=action.wait_s)
                case Settled():
                    self._settle(action.failure)
                case Ended():
                    self._exit_code = action.code
                case _:
                    assert_never(action)

    def _start(self, action: Start) -> None:
        ours, theirs = socket.socketpair()
        told = {
            "protocol": PROTOCOL, "channel": theirs.fileno(), "number": action.number,
            "generation": action.generation, "words": self._words,
        }  # fmt: skip
        folder = None if self._run_folder is None else str(self._run_folder)
        pid = start(command(_WORKER, json.dumps(told)), (theirs.fileno(),), folder)
        theirs.close()
        self._take(_Worker(action.serial, pid, ours))

    def _take(self, worker: _Worker) -> None:
        worker.channel.setblocking(False)
        self._workers[worker.serial] = worker
        self._selector.register(worker.channel, selectors.EVENT_READ, lambda: self._hear(worker))

    def _kill(self, serial: int) -> None:
        worker = self._workers.get(serial)
        if worker is not None:
            self._tell("warning", "worker_killed", pid=worker.pid)
            with suppress(ProcessLookupError):
                os.kill(worker.pid, signal.SIGKILL)

    def _settle(self, failure: str | None) -> None:
        """A generation has taken over, or was given up: tell who asked, and begin the next."""
        waiting, self._waiting = self._waiting, []
        if failure is not None:
            self._tell("error", "reload_failed", reason=failure)
        else:
            self._tell("info", "reloaded", generation=self._fleet.generation)
            if self._upgrading:
                self._replace_me(waiting)
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

    def _hear(self, worker: _Worker) -> None:
        while True:
            try:
                data = worker.channel.recv(_READ_BYTES)
            except BlockingIOError:
                return
            except OSError:
                data = b""
            if not data:
                self._close_channel(worker)
                return
            try:
                messages = worker.lines.feed(data)
            except Broken:
                self._kill(worker.serial)
                return
            for message in messages:
                self._take_in(worker, message)

    def _take_in(self, worker: _Worker, message: Message) -> None:
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

    def _bind(self, worker: _Worker, message: Message, now: float) -> None:
        """Give a worker the socket; whoever comes first says where it shall listen."""
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
        with suppress(OSError):  # it is gone, which we are about to hear
            socket.send_fds(worker.channel, [encode(told)], [port.listener.fileno()])
        graces = float(message["grace_s"]), float(message["reload_grace_s"])
        self._do(self._fleet.bound(worker.serial, int(message["workers"]), *graces, now))

    def _refuse(self, worker: _Worker, message: str, hint: str) -> None:
        self._send(worker, {"do": "refused", "message": message, "hint": hint})

    def _send(self, worker: _Worker | None, message: Message) -> bool:
        """Tell a worker something; whether it can hear. One that cannot is ended in time."""
        if worker is None or worker.channel.fileno() < 0:
            return False
        line = encode(message)
        try:
            if worker.channel.send(line) == len(line):
                return True
        except OSError:
            return False  # it has gone, or has not read for long
        self._kill(worker.serial)  # it has not read for long, and would read nonsense from here on
        return False

    def _close_channel(self, worker: _Worker) -> None:
        if worker.channel.fileno() >= 0:
            self._selector.unregister(worker.channel)
            worker.channel.close()

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
                message = {
                    "do": "ask", "id": asked.id, "command": str(asked.message.get("name")),
                    "arguments": asked.message.get("arguments"),
                }  # fmt: skip
                able = (Phase.READY, Phase.RETIRING)
                members = [one for one in self._fleet.members.values() if one.phase in able]
                asked.expect(
                    one.serial for one in members
                    if self._send(self._workers.get(one.serial), message)
                )  # fmt: skip
            case other:
                asked.answer({"error": f"the running gateway knows no command {other}"})

    def _stop(self) -> None:
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
            trouble = trouble_of(command(_ME, "--check"), _CHECK_WITHIN_S)
        if trouble is None:
            self._upgrading = True
            self._reload(asked)
            return
        self._tell("error", "upgrade_failed", reason=trouble)
        if asked:
            asked.answer({"error": f"nothing was changed: {trouble}"})

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

    def _replace_me(self, waiting: Iterable[Asked]) -> None:
        """Go on as the code that is installed now, under the same process id."""
        workers = [
            {
                "serial": one.serial, "pid": one.pid, "channel": _kept(one.channel),
                "started_at": one.started_at,
            }
            for one in self._workers.values()
            if one.channel.fileno() >= 0
        ]  # fmt: skip
        port = self._port
        if port is None:
            return  # nothing is ready without it
        state = {
            "fleet": self._fleet.to_json(),
            "workers": workers,
            "listener": _kept(port.listener),
            "host": port.host,
            "port": port.asked,
            "pretty": self._pretty,
            "started_at": self._started_at,
            "run_folder": None if self._run_folder is None else str(self._run_folder),
            "run_lock": self._run_lock,
            "had_terminal": self._had_terminal,
            "control": self._asking.keep(waiting),
            "again": self._again,
            "next": self._asking.keep(self._next)["waiting"],
        }
        if self._run_lock >= 0:
            os.set_inheritable(self._run_lock, True)
        plan = json.dumps(asdict(Plan(self._words, state)))
        words = command(_ME, plan)
        signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)  # until the new code hears them
        try:
            os.execv(words[0], words)  # noqa: S606  # our own interpreter
        except OSError as error:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)
            self._tell("error", "supervisor_not_replaced", reason=str(error))

    def _restore(self, state: Mapping[str, Any]) -> None:  # Any: what JSON holds
        """Take over what the process knew before it replaced its code."""
        self._fleet = Fleet.from_json(state["fleet"])
        self._port = Port(_taken(state["listener"]), state["host"], state["port"])
        self._pretty, self._started_at = state["pretty"], state["started_at"]
        self._announced = True
        self._had_terminal = state["had_terminal"]
        self._run_lock = state["run_lock"]
        if state["run_folder"] is not None:
            self._run_folder = Path(state["run_folder"])
            os.set_inheritable(self._run_lock, False)
        for one in state["workers"]:
            channel = _taken(one["channel"])
            self._take(_Worker(one["serial"], one["pid"], channel, started_at=one["started_at"]))
        self._waiting = self._asking.restore(state["control"])
        self._again = state["again"]
        self._next = self._asking.restore({"listener": None, "waiting": state["next"]})

    def _taken_over(self) -> None:
        self._tell("info", "upgraded", version=__version__)
        waiting, self._waiting = self._waiting, []
        for asked in waiting:
            asked.answer(self._status())
        self._reap()
        self._begin_next()


def _note(number: int, frame: FrameType | None) -> None:
    """Do nothing: the wake-up of the selector tells which signal came."""


def _kept(open_socket: socket.socket) -> int:
    """Return its descriptor, which the code that comes next finds open."""
    open_socket.set_inheritable(True)
    return open_socket.fileno()


def _taken(descriptor: int) -> socket.socket:
    taken = socket.socket(fileno=descriptor)
    taken.set_inheritable(False)
    return taken


def _has_terminal() -> bool:
    """Return whether somebody's terminal is behind this process."""
    try:
        os.close(os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY))
    except OSError:
        return False
    return sys.stdin is not None
