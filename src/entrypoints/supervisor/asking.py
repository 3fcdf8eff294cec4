"""The control socket: verbs connect, say what they want in one line, and read one answer."""

import selectors
import socket
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from .lines import Broken, Lines, Message, encode
from .workers import taken

_MAX_CLIENTS = 64
_READ_BYTES = 65536
# Workers answer what they are asked within this, or are left out.
ANSWER_WITHIN_S = 10.0


class Asked:
    """What somebody asks for, and the way back to them."""

    def __init__(self, id_: int, message: Message, reply: Callable[[Message], None]) -> None:
        self.id = id_
        self.message = message
        self._reply = reply
        self._expected: dict[int, int] = {}
        self._answers: list[Message] = []
        self.deadline: float | None = None

    def answer(self, message: Message) -> None:
        """Answer, and be done with it."""
        self.deadline = None
        self._reply(message)

    def expect(self, workers: Mapping[int, int]) -> None:
        """The answers of these workers make up the answer: serial numbers, and process ids."""
        self._expected = dict(workers)
        self.deadline = time.monotonic() + ANSWER_WITHIN_S
        self._answer_if_complete()

    def take(self, serial: int, answer: Message | None) -> None:
        """A worker has answered, or is gone."""
        if self.deadline is not None and serial in self._expected:
            del self._expected[serial]
            self._answers += [answer] if answer is not None else []
            self._answer_if_complete()

    def give_up(self) -> None:
        """The rest will not answer: say so for each."""
        late = f"it did not answer within {ANSWER_WITHIN_S:g} s"
        self._answers += [{"pid": pid, "error": late} for pid in self._expected.values()]
        self._expected.clear()
        self._answer_if_complete()

    def _answer_if_complete(self) -> None:
        if not self._expected:
            self.answer({"answers": self._answers})


class _Client:
    def __init__(self, connection: socket.socket) -> None:
        self.connection = connection
        self.lines = Lines()
        self.asked: Asked | None = None


class Asking:
    """All who ask; each connection is for one command."""

    def __init__(self, selector: selectors.BaseSelector, command: Callable[[Asked], None]) -> None:
        self._selector = selector
        self._command = command
        self._listener: socket.socket | None = None
        self._path: Path | None = None
        self._clients: dict[int, _Client] = {}
        # Other ids than before the code was replaced: a late answer to one of those is nobody's.
        self._ids = time.time_ns()

    def listen(self, path: Path) -> None:
        """Be there for verbs at `path`, in the user's own folder.

        Raises:
            OSError: the path cannot be had, or is too long.
        """
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            # Whoever was there before is gone, for the port is ours.
            path.unlink(missing_ok=True)
            listener.bind(str(path))
            listener.listen()
        except OSError:
            listener.close()
            raise
        self._hear(listener, path)

    def answered(self, serial: int, message: Message) -> None:
        """A worker has answered what it was asked."""
        asked = next((one for one in self._all() if one.id == message.get("id")), None)
        if asked is not None:
            asked.take(serial, {"pid": message.get("pid"), **_object(message.get("answer"))})

    def worker_gone(self, serial: int) -> None:
        """A worker will not answer any more."""
        for asked in self._all():
            asked.take(serial, None)

    def wait_s(self, longest_s: float | None) -> float | None:
        """Return how long to wait, at most `longest_s`, before `look_after` has something to do."""
        deadlines = [one.deadline for one in self._all() if one.deadline is not None]
        if not deadlines:
            return longest_s
        left_s = max(min(deadlines) - time.monotonic(), 0.0)
        return left_s if longest_s is None else min(left_s, longest_s)

    def look_after(self, now: float) -> None:
        """Answer without those who take too long."""
        for asked in self._all():
            if asked.deadline is not None and asked.deadline <= now:
                asked.give_up()

    def stop_listening(self) -> None:
        """Let the path go; who has asked is still answered."""
        if self._listener is not None:
            self._selector.unregister(self._listener)
            self._listener.close()
            self._listener = None
            if self._path is not None:
                with suppress(OSError):
                    self._path.unlink(missing_ok=True)

    def close(self) -> None:
        """Let everything go."""
        self.stop_listening()
        for client in tuple(self._clients.values()):
            self._drop(client)

    def keep(self, waiting: Iterable[Asked]) -> Mapping[str, Any]:  # Any: what JSON holds
        """Return what `restore` takes after the code of this process is replaced."""
        asking = tuple(waiting)
        kept = [one.connection for one in self._clients.values() if one.asked in asking]
        return {
            "listener": None if self._listener is None else self._listener.fileno(),
            "path": None if self._path is None else str(self._path),
            "waiting": [connection.fileno() for connection in kept],
        }

    def restore(self, state: Mapping[str, Any]) -> list[Asked]:  # Any: what JSON holds
        """Take over; return what is still to be answered."""
        if state["listener"] is not None:
            self._hear(taken(state["listener"]), Path(state["path"]))
        waiting: list[Asked] = []
        for descriptor in state["waiting"]:
            client = self._enter(taken(descriptor))
            client.asked = self._asked(client, {})
            waiting.append(client.asked)
        return waiting

    def _hear(self, listener: socket.socket, path: Path) -> None:
        listener.setblocking(False)
        self._listener, self._path = listener, path
        self._selector.register(listener, selectors.EVENT_READ, self._accept)

    def _accept(self) -> None:
        if self._listener is None:
            return  # it was let go of a moment ago
        try:
            connection, _ = self._listener.accept()
        except OSError:
            return
        if len(self._clients) >= _MAX_CLIENTS:
            connection.close()
            return
        self._enter(connection)

    def _enter(self, connection: socket.socket) -> _Client:
        connection.setblocking(False)
        client = self._clients[connection.fileno()] = _Client(connection)
        self._selector.register(connection, selectors.EVENT_READ, lambda: self._read(client))
        return client

    def _read(self, client: _Client) -> None:
        try:
            data = client.connection.recv(_READ_BYTES)
            messages = client.lines.feed(data)
        except BlockingIOError:
            return
        except (OSError, Broken):
            data, messages = b"", []
        if not data:
            self._drop(client)
        elif messages and client.asked is None:
            client.asked = self._asked(client, messages[0])
            self._command(client.asked)

    def _asked(self, client: _Client, message: Message) -> Asked:
        self._ids += 1
        return Asked(self._ids, message, lambda told: self._reply(client, told))

    def _reply(self, client: _Client, message: Message) -> None:
        if client.connection.fileno() < 0:
            return  # who asked has left
        client.connection.settimeout(1.0)
        with suppress(OSError):
            client.connection.sendall(encode(message))
        self._drop(client)

    def _drop(self, client: _Client) -> None:
        if self._clients.pop(client.connection.fileno(), None) is not None:
            self._selector.unregister(client.connection)
            client.connection.close()

    def _all(self) -> list[Asked]:
        return [one.asked for one in self._clients.values() if one.asked is not None]


def _object(value: object) -> Message:
    return value if isinstance(value, dict) else {"error": "no answer"}  # type: ignore[return-value,unused-ignore]  # its keys are texts: it was JSON
