"""Takes connections from a socket that several processes accept from, one at a time.

The event loop's own server takes all that wait at once: of a hundred connections that come
together, the first process to wake up would have them all, and for good where they are kept.
"""

import asyncio
import errno
import logging
import socket
from collections.abc import Callable

_SHORT = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})
_AGAIN_S = 0.5

_log = logging.getLogger("modelmux.http")


class Acceptor:
    """Accepts from when it is made until `close`; in a running event loop."""

    def __init__(self, listener: socket.socket, protocol: Callable[[], asyncio.Protocol]) -> None:
        self._loop = asyncio.get_running_loop()
        self._listener = listener
        self._protocol = protocol
        self._opening: set[asyncio.Task[None]] = set()
        self._pause: asyncio.TimerHandle | None = None
        listener.setblocking(False)
        self._begin()

    @property
    def opening(self) -> int:
        """How many connections are accepted and have no protocol yet."""
        return len(self._opening)

    def close(self) -> None:
        """Accept no more, and close the socket in this process. Idempotent."""
        self._rest()
        self._listener.close()

    def _rest(self) -> None:
        if self._pause is not None:
            self._pause.cancel()
            self._pause = None
        if self._listener.fileno() >= 0:
            self._loop.remove_reader(self._listener.fileno())

    def _begin(self) -> None:
        self._pause = None
        self._loop.add_reader(self._listener.fileno(), self._accept)

    def _accept(self) -> None:
        try:
            connection, _ = self._listener.accept()
        except (BlockingIOError, InterruptedError, ConnectionAbortedError):
            return  # another process was first, or the client has left again
        except OSError as error:
            if error.errno not in _SHORT:
                raise
            _log.error("no connection can be accepted: %s", error.strerror)
            self._rest()
            self._pause = self._loop.call_later(_AGAIN_S, self._begin)
            return
        task = self._loop.create_task(self._open(connection))
        self._opening.add(task)
        task.add_done_callback(self._opening.discard)

    async def _open(self, connection: socket.socket) -> None:
        try:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            await self._loop.connect_accepted_socket(self._protocol, connection)
        except OSError:
            connection.close()  # the client has left
