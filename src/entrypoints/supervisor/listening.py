"""The socket that all workers accept from."""

import errno
import socket
from dataclasses import dataclass

_BACKLOG = 2048
_HINTS = {
    errno.EADDRINUSE: "another program uses the port; choose one with --port or server.port",
    errno.EACCES: "low ports are for root; choose one above 1023 with --port or server.port",
}


class CannotListen(Exception):
    """The address cannot be had; `hint` says what to do."""

    def __init__(self, message: str, hint: str) -> None:
        super().__init__(message)
        self.hint = hint


@dataclass(frozen=True, slots=True)
class Port:
    """The socket that listens, and the address as it was asked for, whose port may be 0."""

    listener: socket.socket
    host: str
    asked: int

    @property
    def number(self) -> int:
        number: int = self.listener.getsockname()[1]
        return number


def listen(host: str, port: int) -> Port:
    """Return where connections are queued from now on, until workers accept them.

    Raises:
        CannotListen: with the reason in plain words.
    """
    listener = bind(host, port)
    listener.listen(_BACKLOG)
    return Port(listener, host, port)


def bind(host: str, port: int) -> socket.socket:
    """Return a bound socket that does not listen yet; port 0 takes a free one.

    Raises:
        CannotListen: with the reason in plain words.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        # Connections of a gateway that ended a moment ago do not keep the port.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        raise CannotListen(
            f"cannot listen on {host}:{port}: {error.strerror or error}",
            _HINTS.get(error.errno or 0, "is server.host one of this machine's own?"),
        ) from error
    return listener
