"""`modelmux cache purge`: forgets kept answers."""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from ...domain.json_values import JsonObject
from ..container import Container, kept_answers
from ..settings.file import Loaded
from ..settings.sections import Settings
from .console import ConfigOption, JsonOption, print_result, say
from .loading import load, nobody_there
from .running import PortOption, ask_workers

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None)


@app.callback()
def _group() -> None:
    """With a callback, one verb alone stays a verb of its group."""


@app.command("purge")
def purge(
    route: Annotated[
        list[str] | None, typer.Option("--route", help="Of this route; may be repeated.")
    ] = None,
    tenant: Annotated[str | None, typer.Option("--tenant", help="Of this tenant.")] = None,
    config: ConfigOption = None,
    port: PortOption = None,
    json_output: JsonOption = False,
) -> None:
    """Forget the answers that are kept: all, or those of routes, of a tenant, or of both.

    Answers in Redis are forgotten there; those in memory by the workers of the running gateway.
    """
    loaded = load(config, look=nobody_there)
    routes = _routes(loaded.settings, route or [])
    if loaded.settings.cache.backend == "redis":
        forgotten = asyncio.run(_purge(loaded, tenant, routes))
    else:
        forgotten = _let_workers_purge(tenant, routes, config, port)
    if json_output:
        print_result(msgspec.json.encode({"forgotten": forgotten}).decode())
        return
    print_result(f"{forgotten} forgotten")


def _routes(settings: Settings, named: Sequence[str]) -> list[str]:
    """Return the routes' own names; answers are kept under these, whatever alias was asked for.

    One that is in the file no more may still have answers in Redis, so it is only remarked on.
    """
    known = {
        name: route.model for route in settings.routes for name in (route.model, *route.aliases)
    }
    if settings.routing.cache is None:  # else any model may have kept answers under its name
        for name in named:
            if name not in known:
                say(f'no route is called "{name}"; known: {", ".join(known) or "none"}')
    return [known.get(name, name) for name in named]


async def _purge(loaded: Loaded, tenant: str | None, routes: list[str]) -> int:
    answers = kept_answers(Container(loaded=loaded), patient=True)
    try:
        return await answers.cache.purge(tenant, routes)
    finally:
        for close in answers.closes:
            await close()


def _let_workers_purge(
    tenant: str | None, routes: list[str], config: Path | None, port: int | None
) -> int:
    """Return how many answers all workers have forgotten.

    Raises:
        typer.Exit: 1, no gateway is there, or a worker could not do it.
    """
    arguments: JsonObject = {"tenant": tenant, "routes": [*routes]}
    answers = ask_workers("cache_purge", arguments, config, port)
    return sum(int(str(answer["forgotten"])) for answer in answers)
