"""`modelmux doctor`: what this machine has, what is taken from where, and what does not work."""

import asyncio
import importlib.util
import json
import platform
import socket
import sys
from collections.abc import Iterator
from typing import Annotated, Literal, NamedTuple

import typer

from ... import __version__
from ...domain.errors import ConfigurationError, ModelmuxError
from ..container import Container
from ..loopback import is_loopback
from ..opening import open_store, running
from ..settings.discovery import ask_local
from ..settings.file import Loaded
from .console import ConfigOption, JsonOption, in_one_line, print_result
from .loading import load

State = Literal["ok", "note", "FAIL"]


class Finding(NamedTuple):
    subject: str
    state: State
    detail: str


def run(
    config: ConfigOption = None,
    offline: Annotated[bool, typer.Option("--offline", help="Ask no provider.")] = False,
    json_output: JsonOption = False,
) -> None:
    """Examine this machine: environment, configuration, store, port, credentials, providers."""
    findings = list(_machine())
    try:
        loaded = load(config)
        container = Container(loaded=loaded.keeping_nothing())
        container.planner()
    except ConfigurationError as error:
        hint = f"; {error.hint}" if error.hint else ""
        place = f"{error.where}: " if error.where else ""
        findings.append(Finding("configuration", "FAIL", f"{place}{error.message}{hint}"))
    else:
        findings += _configuration(loaded)
        findings += asyncio.run(_services(loaded, container, offline))
    if json_output:
        print_result(json.dumps([finding._asdict() for finding in findings], indent=2))
    else:
        for finding in findings:
            print_result(f"{finding.state:<4}  {finding.subject:<14} {finding.detail}")
    if any(finding.state == "FAIL" for finding in findings):
        raise typer.Exit(1)


def _machine() -> Iterator[Finding]:
    yield Finding("modelmux", "ok", f"{__version__} in {sys.prefix}")
    yield Finding("python", "ok", f"{platform.python_version()} on {platform.platform()}")
    has_loop = importlib.util.find_spec("uvloop") is not None
    slower = "not installed: the server is slower on Python's own loop"
    yield Finding("uvloop", "ok" if has_loop else "note", "installed" if has_loop else slower)
    has_azure = importlib.util.find_spec("azure.identity") if _has("azure") else None
    yield _extra("azure-identity", "Entra ID needs it", "azure", there=has_azure is not None)
    signs = "Bedrock with AWS credentials needs it"
    yield _extra("botocore", signs, "aws", there=_has("botocore"))


def _extra(package: str, why: str, extra: str, *, there: bool) -> Finding:
    if there:
        return Finding(package, "ok", "installed")
    return Finding(package, "note", f'not installed; {why}: pip install "modelmux[{extra}]"')


def _has(package: str) -> bool:
    return importlib.util.find_spec(package) is not None


def _configuration(loaded: Loaded) -> Iterator[Finding]:
    yield Finding("configuration", "ok", str(loaded.file or "no file"))
    for sentence in loaded.found:
        yield Finding("found", "note", sentence)
    for path, name, provider in loaded.settings.named_providers():
        kind = str(provider.__struct_config__.tag)
        yield Finding(name, "ok", f"{kind}, from {loaded.origins.where(path)}")
    server = loaded.settings.server
    yield _port(server.host, server.port)
    has_keys = bool(loaded.settings.keys)
    if has_keys or not is_loopback(server.host):
        told = f"{len(loaded.settings.keys)} in the configuration"
        yield Finding("keys", "ok" if has_keys else "note", told)
    else:
        yield Finding(
            "keys", "note", "none configured: without made ones this machine alone may call"
        )


def _port(host: str, port: int) -> Finding:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            if b'"uptime_seconds"' in (ask_local(port, "/health") or b""):
                return Finding("port", "ok", f"{host}:{port}: a gateway is running there")
            return Finding(
                "port", "FAIL", f"{host}:{port}: {error.strerror}; is it running already?"
            )
    return Finding("port", "ok", f"{host}:{port} is free")


async def _services(loaded: Loaded, container: Container, offline: bool) -> list[Finding]:
    findings = [await _store(Container(loaded=loaded))]
    if offline:
        return findings
    async with running(container):
        for name, adapter in container.adapters().items():
            for explain in adapter.explains:
                try:
                    findings.append(Finding(name, "ok", await explain()))
                except ModelmuxError as error:
                    findings.append(Finding(name, "FAIL", in_one_line(error)))
        report = await container.check_health().probe_all()
    for provider in report.providers:
        if provider.healthy is False:
            found = Finding(provider.name, "FAIL", provider.explain())
        else:  # what is private then stands in the lines above
            found = Finding(provider.name, "ok", provider.detail or "cannot be asked")
        findings.append(found)
    return list(dict.fromkeys(findings))


async def _store(container: Container) -> Finding:
    storage = container.loaded().settings.storage
    place = storage.path or "Postgres"
    if storage.redis_url is not None:
        place += " and Redis"
    try:
        async with open_store(container) as store:
            await store.turns.state.ping()
            made = [key for key in await store.registry.list() if key.revoked_at is None]
    except ModelmuxError as error:
        return Finding("store", "FAIL", error.message)
    return Finding("store", "ok", f"{place}, {len(made)} keys made")
