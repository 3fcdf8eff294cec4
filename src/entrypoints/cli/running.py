"""Talks to the gateway that runs on this machine, by its control socket."""

import socket
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Any, TypeAlias

import typer

from ...domain.json_values import JsonObject
from ..settings.file import load_server
from ..supervisor.lines import Broken, Lines, encode
from ..supervisor.places import control_sockets, runtime_folder
from .console import say, say_error

PortOption: TypeAlias = Annotated[
    int | None,
    typer.Option("--port", "-p", help="Where it listens.", show_default="from configuration"),
]

# A generation gets 60 s to be ready, and another may be on its way already.
_ANSWER_WITHIN_S = 150.0
_ENDED = "the gateway ended before it answered"


def ask_workers(
    name: str, arguments: JsonObject, config: Path | None = None, port: int | None = None
) -> list[JsonObject]:
    """Let every worker of the running gateway do something; return what each answers.

    The commands there are stand in `entrypoints/control.py`. What went wrong is told here.

    Raises:
        typer.Exit: 1, no gateway of this user runs there, or a worker could not do it.
    """
    told = tell_gateway("ask", config, port, name=name, arguments=arguments)
    answers: list[JsonObject] = list(told["answers"])
    failed = [answer for answer in answers if "error" in answer]
    for answer in failed:
        say_error(f"worker {answer.get('pid')}: {answer['error']}")
    if failed:
        raise typer.Exit(1)
    return answers


def tell_gateway(
    command: str, config: Path | None, port: int | None, **more: Any
) -> dict[str, Any]:  # Any: what JSON holds, here and above
    """Let the running gateway do something itself; return its answer.

    Raises:
        typer.Exit: 1, it could not do it, does not answer, or is not there.
    """
    port = load_server(config).port if port is None else port
    connection = _connect(port)
    if connection is None:
        say(f"no gateway of yours runs on port {port} of this machine; --port names another")
        raise typer.Exit(1)
    with connection:
        answer = _ask(connection, {"command": command, **more})
    if "error" in answer:
        say_error(answer["error"])
        raise typer.Exit(1)
    return answer


def _connect(port: int) -> socket.socket | None:
    try:
        paths = control_sockets(runtime_folder(), port)
    except OSError as error:
        say(str(error))
        return None
    for path in paths:
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        connection.settimeout(_ANSWER_WITHIN_S)
        with suppress(OSError):  # it was left behind by a gateway that was killed
            connection.connect(str(path))
            return connection
        connection.close()
    return None


def _ask(connection: socket.socket, message: dict[str, Any]) -> dict[str, Any]:  # Any: as above
    lines = Lines()
    try:
        connection.sendall(encode(message))
        while data := connection.recv(65536):
            for answer in lines.feed(data):
                return answer
    except TimeoutError:
        return {"error": f"the gateway did not answer within {_ANSWER_WITHIN_S:g} s"}
    except (OSError, Broken):
        pass
    return {"error": _ENDED}
