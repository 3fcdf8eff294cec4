"""`modelmux explain`: the plan of a request, and what would go upstream; nothing is sent."""

import asyncio
import json
import logging
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from ...application.explain import Explain, Explanation
from ...domain.dialect import Dialect
from ...domain.errors import ConfigurationError
from ...domain.request import Caller
from ..caller_headers import told_headers
from ..container import Container
from ..explaining import ReadRequest, read_request
from ..opening import open_seal, running
from ..settings.file import Loaded
from .asking_health import configured_url
from .console import ConfigOption, JsonOption, print_result
from .explained import as_json, tell
from .live_targets import take_over_live
from .loading import load


def run(
    file: Annotated[str, typer.Argument(help="The body of a request; - reads it from stdin.")],
    dialect: Annotated[
        Dialect | None,
        typer.Option("--dialect", "-d", help="Its language.", show_default="guessed"),
    ] = None,
    target: Annotated[
        int | None, typer.Option("--target", "-t", min=1, help="One of them.", show_default="all")
    ] = None,
    tenant: Annotated[
        str, typer.Option("--tenant", help="Whose it is: what is sealed opens for its owner.")
    ] = "local",
    headers: Annotated[
        list[str] | None,
        typer.Option("--header", "-H", help="One of its headers, as name: value; repeatable."),
    ] = None,
    tags: Annotated[
        list[str] | None, typer.Option("--tag", help="A tag of the caller's key; repeatable.")
    ] = None,
    live: Annotated[
        bool, typer.Option("--live", help="Ask the running gateway how its targets do.")
    ] = False,
    url: Annotated[
        str | None,
        typer.Option("--url", help="Address of that gateway.", show_default="from configuration"),
    ] = None,
    config: ConfigOption = None,
    json_output: JsonOption = False,
) -> None:
    """Show what would go upstream for a request, and why, without sending anything."""
    # Rules that cannot be told are part of what is printed.
    logging.getLogger("modelmux.routing").addHandler(logging.NullHandler())
    loaded = load(config)
    body = _read(file, loaded.settings.server.max_body_bytes)
    container = Container(loaded=_keeping_keys(loaded), dry=True)
    caller = Caller(tenant, tags=tuple(tags or ()))
    asked = _Asked(body, dialect, caller, _parsed(headers or ()), target)
    if live or url is not None:
        now = container.clock().monotonic()
        take_over_live(container.target_states(), url or configured_url(config), now)
        asked.live = True
    read, explanation = asyncio.run(_explain(container, asked))
    if json_output:
        print_result(json.dumps(as_json(read, explanation), indent=2, ensure_ascii=False))
    else:
        tell(read, explanation)
    if not explanation.works:
        raise typer.Exit(1)


@dataclass(slots=True)
class _Asked:
    """What is to be explained."""

    body: bytes
    dialect: Dialect | None
    caller: Caller
    headers: Mapping[str, str]
    target: int | None
    live: bool = False


def _parsed(headers: Iterable[str]) -> Mapping[str, str]:
    """Return headers as routing is told of them.

    Raises:
        ConfigurationError: one is no name and value.
    """
    pairs: dict[bytes, bytes] = {}
    for header in headers:
        name, colon, value = header.partition(":")
        if not colon or not name.strip():
            raise ConfigurationError(
                f"this is no header: {header}", where="--header", hint='--header "x-session: abc"'
            )
        pairs[name.strip().lower().encode()] = value.strip().encode()
    return told_headers(pairs)


def _read(file: str, limit_bytes: int) -> bytes:
    try:
        if file == "-":
            # What stands in for standard input may be text alone.
            body = getattr(sys.stdin, "buffer", sys.stdin).read(limit_bytes + 1)
        else:
            with Path(file).open("rb") as opened:
                body = opened.read(limit_bytes + 1)
    except OSError as error:
        raise ConfigurationError(f"cannot read {file}: {error.strerror}", where="FILE") from error
    content = body.encode() if isinstance(body, str) else bytes(body)
    if len(content) > limit_bytes:
        raise ConfigurationError(
            f"the body takes more than {limit_bytes} bytes", where=file,
            hint="a server refuses it too: server.max_body_bytes",
        )  # fmt: skip
    return content


def _keeping_keys(loaded: Loaded) -> Loaded:
    """Return the configuration without a store, but with the keys that seal, if they are there."""
    nothing = loaded.keeping_nothing()
    file = loaded.settings.state.seal_file
    if file is None or not Path(file).expanduser().is_file():
        return nothing
    state = msgspec.structs.replace(nothing.settings.state, seal_file=file)
    settings = msgspec.structs.replace(nothing.settings, state=state)
    return Loaded(settings, nothing.origins, nothing.file, nothing.environ, nothing.found)


async def _explain(container: Container, asked: _Asked) -> tuple[ReadRequest, Explanation]:
    async with running(container):
        sealer = await open_seal(container)
        read = await read_request(
            asked.body, asked.dialect, asked.caller, sealer=sealer, ids=container.ids(),
            clock=container.clock(), headers=asked.headers,
        )  # fmt: skip
        if read is None:
            raise ConfigurationError(
                "this body is in no language known here: it has neither messages nor input nor "
                "prompt", where="FILE", hint=f"--dialect {' | '.join(Dialect)}",
            )  # fmt: skip
        explain = Explain(container.router(), asked.live)
        explanation = await explain.explain(read.request, asked.target)
    plan, target = explanation.plan, asked.target
    if target is not None and target > len(plan.every_target):
        raise ConfigurationError(
            f"{plan.route} has {len(plan.every_target)} targets", where="--target"
        )
    return read, explanation
