"""The worker's end of its channel to the supervisor.

A channel that breaks off means that the supervisor is gone: the worker stops listening at once, so
that another gateway can have the port, and ends when its calls have, within the grace time.
"""

import asyncio
import logging
import signal
import socket
from collections.abc import Coroutine
from contextlib import suppress
from typing import Any, Protocol

from ..domain.errors import ConfigurationError
from ..domain.json_values import JsonObject
from .control import Commands
from .supervisor.lines import Broken, Lines, Message, encode

_log = logging.getLogger("modelmux.worker")
_READ_BYTES = 65536


class Ending(Protocol):
    """What can be told to go."""

    def retire(self) -> None:
        """Take no new connections; end when the calls that are there have."""
        ...

    def stop(self) -> None:
        """The same within the grace time, idle connections at once."""
        ...


class Channel:
    """Blocking until `follow`, which is for a running event loop."""

    def __init__(self, descriptor: int) -> None:
        self._socket = socket.socket(fileno=descriptor)
        self._socket.set_inheritable(False)
        self._lines = Lines()
        self._unread: list[Message] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._sending = asyncio.Lock()

    def say(self, word: str, **more: Any) -> None:  # Any: what JSON holds
        """Tell the supervisor something; if it is gone, `follow` notices that."""
        with suppress(OSError):
            self._socket.sendall(encode({"say": word, **more}))

    def bind(self, host: str, port: int, **more: Any) -> tuple[socket.socket, bool]:
        """Ask for the socket to listen on; return it, and whether to tell people of the start.

        Raises:
            ConfigurationError: the address cannot be had, or is not the one there is.
            SystemExit: the supervisor is gone, or wants this worker no more.
        """
        self.say("bind", host=host, port=port, **more)
        while True:
            data, descriptors, _, _ = socket.recv_fds(self._socket, _READ_BYTES, 1)
            if not data:
                raise SystemExit(0)
            self._unread += self._lines.feed(data)
            for message in self._unread:
                match message.get("do"):
                    case "listen":
                        self._unread.remove(message)
                        listener = socket.socket(fileno=descriptors[0])
                        listener.set_inheritable(False)
                        return listener, bool(message["announce"])
                    case "refused":
                        raise ConfigurationError(message["message"], hint=message["hint"])
                    case _:
                        raise SystemExit(0)

    def follow(self, server: Ending, commands: Commands) -> None:
        """From now on, do what the supervisor tells; and leave by oneself on SIGTERM."""
        loop = asyncio.get_running_loop()
        self._socket.setblocking(False)
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # a terminal's is for the supervisor
        loop.add_signal_handler(signal.SIGTERM, self._leave)
        self._begin(self._follow(server, commands))

    def _leave(self) -> None:
        """Say so, and serve on: the supervisor tells when another has taken the place."""
        self._begin(self._send("leaving"))

    async def _follow(self, server: Ending, commands: Commands) -> None:
        messages, self._unread = self._unread, []
        loop = asyncio.get_running_loop()
        try:
            while True:
                for message in messages:
                    self._act(message, server, commands)
                data = await loop.sock_recv(self._socket, _READ_BYTES)
                if not data:
                    break
                messages = self._lines.feed(data)
        except (OSError, Broken) as error:
            _log.error("the supervisor is not understood: %s", error)
        server.stop()

    def _act(self, message: Message, server: Ending, commands: Commands) -> None:
        match message.get("do"):
            case "retire":
                server.retire()
            case "stop":
                server.stop()
            case "ask":
                self._begin(self._answer(message, commands))
            case _:
                pass  # of another version

    async def _answer(self, message: Message, commands: Commands) -> None:
        arguments: JsonObject = message.get("arguments") or {}
        answer = await commands.answer(str(message.get("command")), arguments)
        await self._send("answer", id=message.get("id"), answer=answer)

    async def _send(self, word: str, **more: Any) -> None:  # Any: as in `say`
        async with self._sending:
            with suppress(OSError):
                loop = asyncio.get_running_loop()
                await loop.sock_sendall(self._socket, encode({"say": word, **more}))

    def _begin(self, work: Coroutine[Any, Any, None]) -> None:  # Any: what nobody sends or yields
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
