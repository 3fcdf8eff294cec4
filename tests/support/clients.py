"""Upstream clients for tests: short times."""

import contextlib
from collections.abc import AsyncGenerator
from dataclasses import replace

from modelmux.adapters.transport.client import HttpCall, HttpClient
from modelmux.adapters.transport.settings import TransportSettings
from modelmux.adapters.transport.url import Url

QUICK = TransportSettings(
    connect_timeout_s=2.0,
    first_byte_timeout_s=2.0,
    idle_timeout_s=2.0,
    total_timeout_s=10.0,
    wait_timeout_s=2.0,
)


@contextlib.asynccontextmanager
async def http_client(**changes: float | str | bool | None) -> AsyncGenerator[HttpClient, None]:
    """Give a client with QUICK settings and `changes` to them; close it."""
    # The members are checked at run time; a TypedDict of all settings would only repeat them.
    settings = replace(QUICK, **changes)  # type: ignore[arg-type]
    client = HttpClient("upstream", settings)
    try:
        yield client
    finally:
        await client.aclose()


def post(base_url: str, path: str = "/v1/chat", body: bytes = b"{}") -> HttpCall:
    return HttpCall(Url.parse(base_url + path), (("content-type", "application/json"),), body)


def get(base_url: str, path: str = "/v1/models") -> HttpCall:
    return HttpCall(Url.parse(base_url + path), (), method="GET")
