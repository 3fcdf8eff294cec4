"""`modelmux check`, also spelled `config validate` and `validate FILE`."""

import asyncio
import json
from pathlib import Path
from typing import Annotated

import typer

from ..container import Container
from ..loopback import is_loopback
from ..opening import running
from ..settings.file import Loaded
from .console import ConfigOption, JsonOption, print_result, say
from .loading import load


def run(
    file: Annotated[
        Path | None, typer.Argument(help="The file to check.", show_default="where serve looks")
    ] = None,
    config: ConfigOption = None,
    online: Annotated[
        bool, typer.Option("--online", help="Ask each provider whether it answers.")
    ] = False,
    json_output: JsonOption = False,
) -> None:
    """Check the configuration; with --online ask each provider too."""
    loaded = load(file or config)
    container = Container(loaded=loaded.keeping_nothing())
    container.planner()  # builds every provider, which looks at its options
    reports = asyncio.run(_ask(container)) if online else {}
    if json_output:
        told = {
            "ok": all(healthy for healthy, _ in reports.values()),
            "file": str(loaded.file) if loaded.file else None,
            "unpriced": ["/".join(target) for target in _unpriced(loaded, container)],
            "providers": {
                name: {"healthy": healthy, "detail": detail}
                for name, (healthy, detail) in reports.items()
            },
        }
        print_result(json.dumps(told, indent=2))
    else:
        _tell(loaded, container)
        for name, (healthy, detail) in reports.items():
            print_result(f"{'ok  ' if healthy else 'FAIL'}  {name}: {detail}")
    if not all(healthy for healthy, _ in reports.values()):
        raise typer.Exit(1)


def _tell(loaded: Loaded, container: Container) -> None:
    for sentence in loaded.found:
        say(f"found: {sentence}")
    providers = ", ".join(f"{entry.name} ({entry.type})" for entry in container.planner().providers)
    print_result(f"ok    {loaded.file or 'no file'}: {providers}")
    for provider, model in _unpriced(loaded, container):
        say(f"warning: nobody knows what {provider}/{model} costs; its route chooses by cost")
    server = loaded.settings.server
    if not loaded.settings.keys and not is_loopback(server.host):
        say(f"note: on {server.host} it starts only once there is a key: modelmux keys create NAME")


def _unpriced(loaded: Loaded, container: Container) -> list[tuple[str, str]]:
    """Return the targets without a price, of routes that choose by it."""
    return [
        (target.provider, target.model)
        for route in loaded.settings.routes
        if route.strategy == "cost"
        for target in route.targets
        if container.price_book().price(target.provider, target.model) is None
    ]


async def _ask(container: Container) -> dict[str, tuple[bool, str]]:
    async with running(container):
        report = await container.check_health().probe_all()
    return {
        provider.name: (provider.healthy is not False, provider.explain())
        for provider in report.providers
    }
