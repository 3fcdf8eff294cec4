"""`modelmux health`: the exit code is a container's health check, so it imports little."""

import json
from typing import Annotated

import typer

from .asking_health import ask_health, configured_url
from .console import ConfigOption, JsonOption, print_result, say


def run(
    config: ConfigOption = None,
    url: Annotated[
        str | None,
        typer.Option("--url", help="Address of the gateway.", show_default="from configuration"),
    ] = None,
    timeout_s: Annotated[float, typer.Option("--timeout", min=0.1, help="Seconds to wait.")] = 3.0,
    json_output: JsonOption = False,
) -> None:
    """Ask a running gateway how it is: exit code 0 if it answers well, 1 if not."""
    try:
        status, body = ask_health(url or configured_url(config), timeout_s)
    except OSError as error:
        say(str(error))
        raise typer.Exit(1) from error
    print_result(body if json_output else _status(body, status))
    if status != 200:
        raise typer.Exit(1)


def _status(body: str, status: int) -> str:
    try:
        return str(json.loads(body)["status"])
    except (ValueError, KeyError, TypeError):
        return f"answered {status}"
