"""What a running worker can be told from outside, by name: the other end of `ask_workers`.

To add a command: write an `async` function from a JSON object to a JSON object, give it a name in
`commands` below, and let the verb call `ask_workers("its name", {...}, config)` of
`cli/running.py`. Each worker is asked and answers for itself; the verb gets one answer a worker,
`{"pid": ..., ...}`, or `{"pid": ..., "error": message}` where it raised a `ModelmuxError`.

An answer is wanted within 10 s. Names and arguments come from the user who runs the gateway, over
a socket in a folder that is that user's alone, so handlers trust them; they are bounded to 64 KiB.
"""

import os
from collections.abc import Awaitable, Callable, Mapping
from typing import TypeAlias

from ..domain.errors import ModelmuxError
from ..domain.json_values import JsonObject
from .bodies import Whose
from .container import Container, answers_are_kept

Command: TypeAlias = Callable[[JsonObject], Awaitable[JsonObject]]


def commands(container: Container) -> Mapping[str, Command]:
    """Return what a worker of this container does when it is asked, by name."""

    async def ping(arguments: JsonObject) -> JsonObject:
        del arguments
        return {"running": container.jobs().running}

    async def cache_purge(arguments: JsonObject) -> JsonObject:
        tenant, routes = arguments.get("tenant"), arguments.get("routes")
        if not answers_are_kept(container):
            return {"forgotten": 0}
        named = [str(route) for route in routes] if isinstance(routes, list) else []
        whose = None if tenant is None else str(tenant)
        return {"forgotten": await container.answers().cache.purge(whose, named)}

    async def show_bodies(arguments: JsonObject) -> JsonObject:
        bodies = container.bodies()
        kind, name, seconds = (arguments.get(key) for key in ("kind", "name", "seconds"))
        if kind in ("key", "request") and isinstance(name, str):
            whose: Whose = ("key" if kind == "key" else "request", name)
            if seconds == 0:
                bodies.end(whose)
            else:
                bodies.look(whose, float(str(seconds)))
        shown = bodies.looks().items()
        return {"shown": [f"{kind} {name}: {left:.0f} s more" for (kind, name), left in shown]}

    return {"ping": ping, "cache_purge": cache_purge, "show_bodies": show_bodies}


class Commands:
    """Answers whatever is asked: nothing that a command does ends the worker."""

    def __init__(self, known: Mapping[str, Command]) -> None:
        self._known = known

    async def answer(self, name: str, arguments: JsonObject) -> JsonObject:
        """Do what is asked; what fails is told."""
        command = self._known.get(name)
        if command is None:
            return self._failed(f"this worker knows no command {name}")
        try:
            return {"pid": os.getpid(), **await command(arguments)}
        except ModelmuxError as error:
            return self._failed(error.message)
        except Exception as error:  # noqa: BLE001  # whatever it is, the worker serves on
            return self._failed(f"{type(error).__name__}: {error}")

    def _failed(self, message: str) -> JsonObject:
        return {"pid": os.getpid(), "error": message}
