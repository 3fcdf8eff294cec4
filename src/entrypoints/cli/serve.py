"""`modelmux serve`: becomes the supervisor, which starts the processes that serve."""

import json
import os
import sys
from typing import Annotated

import typer

from ...domain.errors import ConfigurationError
from ..supervisor.spawning import command
from .console import ConfigOption

_SUPERVISOR = "modelmux.entrypoints.supervisor"


def run(
    config: ConfigOption = None,
    host: Annotated[
        str | None, typer.Option("--host", help="Address to listen on.", show_default="127.0.0.1")
    ] = None,
    port: Annotated[
        int | None, typer.Option("--port", "-p", help="0 takes a free one.", show_default="3000")
    ] = None,
    workers: Annotated[
        int | None,
        typer.Option("--workers", "-w", help="Processes; 0 is one a core.", show_default="1"),
    ] = None,
    log_format: Annotated[
        str | None, typer.Option("--log-format", help="auto, json or pretty.", show_default=False)
    ] = None,
    log_level: Annotated[
        str | None,
        typer.Option("--log-level", help="debug, info, warning or error.", show_default=False),
    ] = None,
    debug: Annotated[
        bool, typer.Option("--debug", help="Log at debug, with redacted bodies.")
    ] = False,
) -> None:
    """Start the gateway. Without a configuration it uses what it finds on this machine."""
    if sys.platform == "win32":
        raise ConfigurationError(
            "modelmux serve needs Linux or macOS",
            hint="on Windows use WSL, or the container image",
        )
    words = {
        "config": None if config is None else str(config),
        "host": host,
        "port": port,
        "workers": workers,
        "log_format": log_format,
        "log_level": log_level,
        "debug": debug,
    }
    # The same process goes on as something small: all it had to import for this is let go of.
    becoming = command(_SUPERVISOR, json.dumps({"words": words}))
    os.execv(becoming[0], becoming)  # noqa: S606  # our own interpreter
