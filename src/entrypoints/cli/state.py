"""`modelmux state export | erase | sweep | rotate-key`: what is kept of turns."""

import asyncio
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from ...application.ports import Swept
from ...domain.errors import ConfigurationError
from ..container import Container, rotate_seal_key
from ..opening import open_seal, open_store
from ..responses.turn_wire import ResponsesWire
from ..settings.file import Loaded
from ..settings.sections import IN_MEMORY
from ..state.exporting import encode_export
from .console import ConfigOption, JsonOption, is_person_there, print_result, say
from .loading import load, nobody_there

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None)
Tenant = Annotated[str, typer.Argument(help="The owner of what is kept, as in `keys list`.")]


@app.command("export")
def export(tenant: Tenant, config: ConfigOption = None) -> None:
    """Write all that is kept for a tenant as JSON lines, oldest first."""
    loaded = _load(config)

    async def run() -> int:
        container = Container(loaded=loaded)
        count = 0
        async with open_store(container) as store:
            wire = ResponsesWire(await open_seal(container))
            async for exported in store.turns.state.export(tenant):
                print_result(encode_export(wire, exported).decode())
                count += 1
        return count

    say(f"{asyncio.run(run())} exported")


@app.command("erase")
def erase(
    tenant: Tenant,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    config: ConfigOption = None,
    json_output: JsonOption = False,
) -> None:
    """Delete all that is kept for a tenant; it does not come back."""
    loaded = _load(config)
    if not yes:
        if not is_person_there():
            raise ConfigurationError("nobody is there to be asked", hint="say --yes")
        typer.confirm(
            f"Delete all responses, conversations and proofs of {tenant!r}?", abort=True, err=True
        )

    async def run() -> tuple[int, int]:
        async with open_store(Container(loaded=loaded)) as store:
            return await store.turns.state.erase(tenant), await store.vault.erase(tenant)

    erased, proofs = asyncio.run(run())
    if json_output:
        print_result(_json({"erased": erased, "proofs": proofs}))
        return
    print_result(f"{erased} erased, and {proofs} proofs")


@app.command("sweep")
def sweep(config: ConfigOption = None, json_output: JsonOption = False) -> None:
    """Delete what is over its time or a limit, as running servers do now and then."""
    loaded = _load(config)

    async def run() -> Swept:
        async with open_store(Container(loaded=loaded)) as store:
            return await store.turns.state.sweep()

    swept = asyncio.run(run())
    if json_output:
        print_result(_json({"expired": swept.expired, "crowded": swept.crowded}))
        return
    print_result(f"{swept.expired} expired, {swept.crowded} over a limit")


@app.command("rotate-key")
def rotate_key(config: ConfigOption = None, json_output: JsonOption = False) -> None:
    """Make a new seal key; running servers take it within a second, what is sealed still opens."""
    key_id, path = rotate_seal_key(_load(config, keeps=False))
    if json_output:
        print_result(_json({"key_id": key_id, "file": str(path)}))
        return
    print_result(key_id)
    say(f"{path} has a new key, which seals from now on")


def _load(config: Path | None, *, keeps: bool = True) -> Loaded:
    """Return the configuration; with `keeps`, of a gateway whose turns outlive it."""
    loaded = load(config, look=nobody_there)
    storage = loaded.settings.storage
    if keeps and storage.path == IN_MEMORY and storage.redis_url is None:
        raise ConfigurationError(
            "storage.path is :memory:, which nothing outlives",
            where=loaded.origins.where(("storage", "path")),
            hint="name a file there, or a database in storage.url",
        )
    return loaded


def _json(value: object) -> str:
    return msgspec.json.encode(value).decode()
