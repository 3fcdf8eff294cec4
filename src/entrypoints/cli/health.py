"""`modelmux health`: the exit code is a container's health check, so it imports little."""

import http.client
import json
from typing import Annotated
from urllib.parse import urlsplit

import typer

from ...domain.errors import ConfigurationError
from ..settings_file import load_server
from .console import ConfigOption, JsonOption, print_result, say

_EVERY_ADDRESS = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}  # noqa: S104  # looked up, not bound
_ANSWER_LIMIT_BYTES = 2**20


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
    address = urlsplit(url or _configured_url(config))
    if address.scheme not in ("http", "https") or not address.hostname:
        raise ConfigurationError(
            "--url is not an http or https address", where="--url", hint="http://127.0.0.1:3000"
        )
    kind = http.client.HTTPSConnection if address.scheme == "https" else http.client.HTTPConnection
    connection = kind(address.hostname, address.port, timeout=timeout_s)
    try:
        connection.request("GET", f"{address.path.rstrip('/')}/health")
        response = connection.getresponse()
        body = response.read(_ANSWER_LIMIT_BYTES).decode("utf-8", "replace")
    except (OSError, http.client.HTTPException) as error:
        say(f"no answer from {address.netloc}: {error}")
        raise typer.Exit(1) from error
    finally:
        connection.close()
    print_result(body if json_output else _status(body, response.status))
    if response.status != 200:
        raise typer.Exit(1)


def _configured_url(config: ConfigOption) -> str:
    server = load_server(config)
    host = _EVERY_ADDRESS.get(server.host, server.host)
    return f"http://{f'[{host}]' if ':' in host else host}:{server.port}"


def _status(body: str, status: int) -> str:
    try:
        return str(json.loads(body)["status"])
    except (ValueError, KeyError, TypeError):
        return f"answered {status}"
