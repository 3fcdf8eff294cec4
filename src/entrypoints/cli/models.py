"""`modelmux models list | test`."""

import asyncio
import json
import time
from typing import Annotated, NamedTuple

import typer

from ...application.planning import ModelEntry
from ...domain.errors import ModelmuxError
from ..container import Container
from ..opening import running
from .console import ConfigOption, JsonOption, in_one_line, print_result, print_rows, say
from .loading import load
from .question import ask_once

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None)


@app.command("list")
def list_models(
    config: ConfigOption = None,
    offline: Annotated[
        bool, typer.Option("--offline", help="Only what is configured; ask nobody.")
    ] = False,
    json_output: JsonOption = False,
) -> None:
    """List the names clients may use, and which provider stands first behind each."""
    container = Container(loaded=load(config).keeping_nothing())
    entries = asyncio.run(_entries(container, ask=not offline))
    if json_output:
        print_result(json.dumps([{"id": it.id, "provider": it.owned_by} for it in entries]))
        return
    print_rows(("MODEL", "PROVIDER"), [(entry.id, entry.owned_by) for entry in entries])
    if not entries:
        say("no provider lists models; call them as provider/model, or write models = [...]")


async def _entries(container: Container, *, ask: bool) -> tuple[ModelEntry, ...]:
    async with running(container):
        if ask:
            await container.check_health().probe_all()
        return container.planner().models()


class Trial(NamedTuple):
    model: str
    ok: bool
    detail: str
    duration_s: float


@app.command("test")
def try_models(
    models: Annotated[
        list[str] | None, typer.Argument(help="Names to try.", show_default="all that are listed")
    ] = None,
    config: ConfigOption = None,
    json_output: JsonOption = False,
) -> None:
    """Send each model one tiny request, the way a client's would go; costs a few tokens."""
    container = Container(loaded=load(config).keeping_nothing())
    trials = asyncio.run(_try_all(container, models or []))
    if json_output:
        print_result(json.dumps([trial._asdict() for trial in trials]))
    else:
        rows = [
            ("ok" if it.ok else "FAIL", it.model, f"{it.duration_s * 1000:.0f} ms", it.detail)
            for it in trials
        ]
        print_rows(("", "MODEL", "TIME", "ANSWER"), rows)
    if not trials or not all(trial.ok for trial in trials):
        raise typer.Exit(1)


async def _try_all(container: Container, models: list[str]) -> list[Trial]:
    async with running(container):
        if not models:
            await container.check_health().probe_all()
            models = [entry.id for entry in container.planner().models()]
        return [await _try(container, model) for model in models]


async def _try(container: Container, model: str) -> Trial:
    began = time.monotonic()
    text: list[str] = []
    try:
        await ask_once(container.respond(), model, "Answer with the word ok.", text.append, 64)
    except ModelmuxError as error:
        return Trial(model, False, in_one_line(error), time.monotonic() - began)
    return Trial(model, True, " ".join("".join(text).split())[:60], time.monotonic() - began)
