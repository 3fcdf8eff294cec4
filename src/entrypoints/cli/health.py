"""`modelmux health`: the exit code is a container's health check, so it imports little."""

import http.client
import json
from typing import Annotated
from urllib.parse import urlsplit

import typer

from ...domain.errors import ConfigurationError
from ..settings.file import load_server
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
    scheme, host, port, path = _parts(url or _configured_url(config))
    kind = http.client.HTTPSConnection if scheme == "https" else http.client.HTTPConnection
    connection = kind(host, port, timeout=timeout_s)
    try:
        connection.request("GET", f"{path.rstrip('/')}/health")
        response = connection.getresponse()
        body = response.read(_ANSWER_LIMIT_BYTES).decode("utf-8", "replace")
    except (OSError, http.client.HTTPException, UnicodeError) as error:
        say(f"no answer from {host}{f':{port}' if port else ''}: {error}")
        raise typer.Exit(1) from error
    finally:
        connection.close()
    print_result(body if json_output else _status(body, response.status))
    if response.status != 200:
        raise typer.Exit(1)


def _parts(url: str) -> tuple[str, str, int | None, str]:
    """Return scheme, host, port and path."""
    try:
        address = urlsplit(url)
        if address.scheme in ("http", "https") and address.hostname:
            return address.scheme, address.hostname, address.port, address.path
    except ValueError:
        pass  # a port that is no number, or half an IPv6 address
    raise ConfigurationError(
        "--url is not an http or https address", where="--url", hint="http://127.0.0.1:3000"
    )


def _configured_url(config: ConfigOption) -> str:
    server = load_server(config)
    host = _EVERY_ADDRESS.get(server.host, server.host)
    return f"http://{f'[{host}]' if ':' in host else host}:{server.port}"


def _status(body: str, status: int) -> str:
    try:
        return str(json.loads(body)["status"])
    except (ValueError, KeyError, TypeError):
        return f"answered {status}"
