"""`modelmux keys create | list | revoke | hash`: the keys callers show."""

import asyncio
import hashlib
import sys
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, TypeVar

import msgspec
import typer

from ...application.ports import KeyRecord, KeyRegistry
from ...domain.errors import ConfigurationError
from ..container import Container
from ..opening import open_store
from ..settings.sections import IN_MEMORY
from .console import ConfigOption, JsonOption, is_person_there, print_result, print_rows, say
from .loading import load, nobody_there

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None)
T = TypeVar("T")


@app.command("create")
def create(
    name: Annotated[str, typer.Argument(help="Who or what the key is for.")],
    tenant: Annotated[str, typer.Option("--tenant", help="The owner of what is kept.")] = "default",
    tag: Annotated[
        list[str] | None, typer.Option("--tag", help="A word rules know the key by; may repeat.")
    ] = None,
    config: ConfigOption = None,
    json_output: JsonOption = False,
) -> None:
    """Make a key and show it, this once; a running server takes it within a second."""
    tags = tuple(dict.fromkeys(tag or ()))
    for word, where in ((name, "NAME"), (tenant, "--tenant"), *((one, "--tag") for one in tags)):
        if not word.strip() or not word.isprintable():
            raise ConfigurationError("a name has letters, and no control characters", where=where)
    record, text = _with_registry(
        config, lambda registry: registry.create(name=name, tenant=tenant, tags=tags)
    )
    if json_output:
        print_result(_json({**_told(record), "key": text}))
        return
    print_result(text)
    say(f"key {record.id} for {record.name}: it is not kept, and will not be shown again")


@app.command("list")
def list_keys(config: ConfigOption = None, json_output: JsonOption = False) -> None:
    """List the keys that were made, never their text."""
    records = _with_registry(config, lambda registry: registry.list())
    if json_output:
        print_result(_json([_told(record) for record in records]))
        return
    rows = [
        (
            it.id,
            it.name,
            it.tenant,
            ",".join(it.tags) or "-",
            _date(it.created_at),
            _date(it.revoked_at),
        )
        for it in records
    ]
    print_rows(("ID", "NAME", "TENANT", "TAGS", "CREATED", "REVOKED"), rows)


@app.command("revoke")
def revoke(
    key_id: Annotated[str, typer.Argument(help="The key's id, as `keys list` shows it.")],
    config: ConfigOption = None,
    json_output: JsonOption = False,
) -> None:
    """End a key; a running server refuses it within a second."""
    record = _with_registry(config, lambda registry: registry.revoke(key_id))
    if record is None:
        say(f"there is no key {key_id}; `modelmux keys list` shows them")
        raise typer.Exit(1)
    print_result(_json(_told(record)) if json_output else f"{record.id} is revoked")


@app.command("hash")
def hash_key() -> None:
    """Read a key from stdin and print its hash, for [[keys]] in the file."""
    if is_person_there():
        text = typer.prompt("Key", hide_input=True, err=True)
    else:
        text = sys.stdin.readline().rstrip("\r\n")
    if not text:
        raise ConfigurationError(
            "no key came on stdin", hint='printf %s "$KEY" | modelmux keys hash'
        )
    try:
        digest = hashlib.sha256(str(text).encode()).hexdigest()
    except UnicodeEncodeError as error:
        raise ConfigurationError("the key is not UTF-8 text") from error
    print_result(f"sha256:{digest}")


def _with_registry(config: Path | None, act: Callable[[KeyRegistry], Awaitable[T]]) -> T:
    loaded = load(config, look=nobody_there)
    if loaded.settings.storage.path == IN_MEMORY:
        raise ConfigurationError(
            "storage.path is :memory:, which no key outlives",
            where=loaded.origins.where(("storage", "path")),
            hint="name a file there, or write [[keys]] in the configuration",
        )

    async def run() -> T:
        async with open_store(Container(loaded=loaded)) as store:
            return await act(store.registry)

    return asyncio.run(run())


def _told(record: KeyRecord) -> dict[str, object]:
    return {
        "id": record.id,
        "name": record.name,
        "tenant": record.tenant,
        "tags": record.tags,
        "created_at": record.created_at,
        "revoked_at": record.revoked_at,
    }


def _json(value: object) -> str:
    return msgspec.json.encode(value).decode()


def _date(seconds: float | None) -> str:
    if seconds is None:
        return "-"
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M")
