"""Asks a running gateway how it is. Imports little, for a container's health check may wait."""

import http.client
from pathlib import Path
from urllib.parse import urlsplit

from ...domain.errors import ConfigurationError
from ..settings.file import load_server

_EVERY_ADDRESS = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}  # noqa: S104  # looked up, not bound
_ANSWER_LIMIT_BYTES = 2**20


def configured_url(config: Path | None) -> str:
    """Return where the gateway of a configuration listens.

    Raises:
        ConfigurationError: the file cannot be read.
    """
    server = load_server(config)
    host = _EVERY_ADDRESS.get(server.host, server.host)
    return f"http://{f'[{host}]' if ':' in host else host}:{server.port}"


def ask_health(url: str, timeout_s: float) -> tuple[int, str]:
    """Return status and body of `/health`.

    Raises:
        ConfigurationError: `url` is none.
        OSError: nobody answers there; says who was asked.
    """
    scheme, host, port, path = _parts(url)
    kind = http.client.HTTPSConnection if scheme == "https" else http.client.HTTPConnection
    connection = kind(host, port, timeout=timeout_s)
    try:
        connection.request("GET", f"{path.rstrip('/')}/health")
        response = connection.getresponse()
        body = response.read(_ANSWER_LIMIT_BYTES).decode("utf-8", "replace")
    except (OSError, http.client.HTTPException, UnicodeError) as error:
        raise OSError(f"no answer from {host}{f':{port}' if port else ''}: {error}") from error
    finally:
        connection.close()
    return response.status, body


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
