"""`modelmux serve`: one process, until a signal ends it."""

import asyncio
import logging
import sys
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from typing import Annotated

import structlog
import typer

from ...application.check_health import HealthReport
from ...domain.redaction import redact
from ..app import create_app
from ..companions import companions_absent
from ..container import Container, services
from ..debug_log import debug_log
from ..lifespan import watched_providers
from ..log import configure_logging
from ..opening import open_seal, open_store, running
from ..server import serve
from ..services import BodyLog
from ..settings.file import Loaded
from ..settings.toml_positions import KeyPath
from .banner import Facts, banner, list_models
from .console import ConfigOption, say
from .loading import load


def run(
    config: ConfigOption = None,
    host: Annotated[
        str | None, typer.Option("--host", help="Address to listen on.", show_default="127.0.0.1")
    ] = None,
    port: Annotated[
        int | None, typer.Option("--port", "-p", help="0 takes a free one.", show_default="3000")
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
    words: dict[KeyPath, tuple[str, object]] = {
        ("server", "host"): ("--host", host),
        ("server", "port"): ("--port", port),
        ("log", "format"): ("--log-format", log_format),
        ("log", "level"): ("--debug", "debug") if debug else ("--log-level", log_level),
    }
    loaded = load(config, {path: word for path, word in words.items() if word[1] is not None})
    log = loaded.settings.log
    pretty = log.format == "pretty" or (log.format == "auto" and sys.stderr.isatty())
    configure_logging(level=log.level, redact=redact, pretty=pretty)
    if log.level != "debug":
        logging.getLogger("uvicorn.error").setLevel(logging.WARNING)  # start and end are told here
    Service(loaded, pretty).run()


class Service:
    """One run of the gateway; `pretty` talks to a person, otherwise facts go to the log."""

    def __init__(self, loaded: Loaded, pretty: bool) -> None:
        self._loaded = loaded
        self._pretty = pretty
        self._log = structlog.get_logger("modelmux")
        self._container = Container(loaded=loaded, tells=True)
        self._needs_key = True
        self._told_models: Sequence[str] = []

    def run(self) -> None:
        """Serve until a signal comes.

        Raises:
            ConfigurationError: it cannot start.
        """
        loaded, container = self._loaded, self._container
        container.planner()  # builds the providers: what is wrong with them is told first
        has_keys = asyncio.run(_try_opening(loaded)) or bool(loaded.settings.keys)
        self._needs_key = has_keys
        offered = services(container, has_keys=has_keys, body_log=self._body_log())
        server = loaded.settings.server
        with companions_absent():
            app = create_app(offered, self._lifespan)
        serve(
            app,
            server.host,
            server.port,
            on_ready=self._tell_ready,
            trusted_proxies=",".join(server.trusted_proxies) or None,
        )

    @asynccontextmanager
    async def _lifespan(self) -> AsyncGenerator[None]:
        container = self._container
        async with (
            running(container),
            watched_providers(container.check_health(), container.clock(), self._tell_providers),
        ):
            yield
        container.log_writer().close()

    def _body_log(self) -> BodyLog | None:
        if self._loaded.settings.log.level != "debug":
            return None
        return debug_log(redact, structlog.get_logger("bodies").debug)

    def _tell_ready(self, host: str, port: int) -> None:
        planner = self._container.planner()
        facts = Facts(
            host,
            port,
            str(self._loaded.file) if self._loaded.file else None,
            self._loaded.found,
            [f"{entry.name} ({entry.type})" for entry in planner.providers],
            [entry.id for entry in planner.models()],
            self._needs_key,
        )
        self._told_models = facts.models
        if self._pretty:
            say(banner(facts))
            return
        self._log.info(
            "listening",
            url=facts.url,
            file=facts.file,
            found=list(facts.found),
            providers=list(facts.providers),
            models=list(facts.models),
            needs_key=facts.needs_key,
        )

    def _tell_providers(self, report: HealthReport) -> None:
        for provider in report.providers:
            if provider.healthy is False:
                self._log.warning(
                    "provider_unwell", provider=provider.name, detail=provider.explain()
                )
        models = [entry.id for entry in self._container.planner().models()]
        if models == self._told_models:
            return
        if self._pretty:
            say(f"  models         {list_models(models)}")
        else:
            self._log.info("models_known", models=models)


async def _try_opening(loaded: Loaded) -> bool:
    """Return whether keys were made; all is closed again, for the server has its own loop.

    Raises:
        ConfigurationError: something cannot be opened; the server itself would tell a traceback.
    """
    container = Container(loaded=loaded)
    async with open_store(container) as store:
        await open_seal(container)
        return not store.ring.is_empty()
