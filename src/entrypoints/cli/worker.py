"""One process that answers calls; the supervisor starts it, and tells it when to go."""

import asyncio
import logging
import os
import sys
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
import structlog

from ...application.check_health import HealthReport
from ...domain.errors import ConfigurationError, ModelmuxError
from ...domain.redaction import redact
from ..app import create_app
from ..companions import companions_absent
from ..container import Container, services
from ..control import Commands, commands
from ..debug_log import BodyLog, debug_log
from ..lifespan import watched_providers
from ..log import configure_logging
from ..opening import open_seal, open_store, running
from ..server import GatewayServer, serve
from ..settings.file import Loaded
from ..settings.toml_positions import KeyPath
from ..supervised import Channel
from ..supervisor.lines import PROTOCOL
from .banner import Facts, banner, list_models
from .loading import load

_EXIT_CONFIGURATION = 2


class Words(msgspec.Struct, frozen=True):
    """What `modelmux serve` was given, as options."""

    config: str | None = None
    host: str | None = None
    port: int | None = None
    workers: int | None = None
    log_format: str | None = None
    log_level: str | None = None
    debug: bool = False

    def load(self) -> Loaded:
        """Return the configuration that these words and the file make.

        Raises:
            ConfigurationError: it cannot work, with the place of the trouble.
        """
        level = ("--debug", "debug") if self.debug else ("--log-level", self.log_level)
        words: dict[KeyPath, tuple[str, object]] = {
            ("server", "host"): ("--host", self.host),
            ("server", "port"): ("--port", self.port),
            ("server", "workers"): ("--workers", self.workers),
            ("log", "format"): ("--log-format", self.log_format),
            ("log", "level"): level,
        }
        config = None if self.config is None else Path(self.config)
        return load(config, {path: word for path, word in words.items() if word[1] is not None})


class Orders(msgspec.Struct, frozen=True):
    """What the supervisor tells when it starts a worker; `number` counts within a generation."""

    protocol: int
    channel: int
    number: int
    generation: int
    words: Words


def main(told: str) -> None:
    """Serve until told to go, and end the process: 0, or 2 for what is wrong with the settings."""
    orders = msgspec.json.decode(told, type=Orders)
    channel = Channel(orders.channel)
    try:
        if orders.protocol != PROTOCOL:
            raise ConfigurationError(
                "the installed modelmux does not work under the one that runs",
                hint="restart the gateway",
            )
        loaded = orders.words.load()
        Worker(loaded, channel, _log_by(loaded), is_first=orders.number == 0).run()
    except ModelmuxError as error:
        channel.say("failed", code=_EXIT_CONFIGURATION, **_told(error))
        sys.exit(_EXIT_CONFIGURATION)


def _told(error: ModelmuxError) -> dict[str, str | None]:
    if isinstance(error, ConfigurationError):
        return {"message": error.message, "where": error.where, "hint": error.hint}
    detail = None if error.detail is None else redact(error.detail)
    return {"message": error.message, "detail": detail}


def _log_by(loaded: Loaded) -> bool:
    """Set up the log; return whether it talks to a person."""
    log = loaded.settings.log
    pretty = log.is_pretty(on_terminal=sys.stderr.isatty())
    configure_logging(level=log.level, redact=redact, pretty=pretty)
    if log.level != "debug":
        logging.getLogger("uvicorn.error").setLevel(logging.WARNING)  # start and end are told here
    return pretty


class Worker:
    """`pretty` talks to a person, otherwise facts go to the log; the first tells for all."""

    def __init__(self, loaded: Loaded, channel: Channel, pretty: bool, *, is_first: bool) -> None:
        self._loaded = loaded
        self._channel = channel
        self._pretty = pretty
        self._is_first = is_first
        self._log = structlog.get_logger("modelmux")
        self._container = Container(loaded=loaded, tells=True)
        self._needs_key = True
        self._announces = False
        self._told_models: Sequence[str] = []

    def run(self) -> None:
        """Serve until told to go.

        Raises:
            ConfigurationError: it cannot start.
        """
        loaded, container = self._loaded, self._container
        container.planner()  # builds the providers: what is wrong with them is told first
        has_keys = asyncio.run(_try_opening(loaded)) or bool(loaded.settings.keys)
        self._needs_key = has_keys
        offered = services(container, has_keys=has_keys, body_log=self._body_log())
        server = loaded.settings.server
        workers = server.workers or _cores()
        listener, self._announces = self._channel.bind(
            server.host,
            server.port,
            workers=workers,
            grace_s=server.drain_grace_s,
            reload_grace_s=server.reload_grace_s,
            pretty=self._pretty,
        )
        with companions_absent():
            app = create_app(offered, self._lifespan)
        proxies = ",".join(server.trusted_proxies) or None

        def begin(host: str, port: int) -> None:
            self._ready(gateway, host, port)

        gateway = GatewayServer(
            app,
            on_ready=begin,
            trusted_proxies=proxies,
            shares_listener=workers > 1,
        )
        serve(gateway, listener)

    @asynccontextmanager
    async def _lifespan(self) -> AsyncGenerator[None]:
        container = self._container
        async with (
            running(container),
            watched_providers(
                container.check_health(), container.clock(), self._tell_providers, container.pace()
            ),
        ):
            yield
        container.log_writer().close()

    def _body_log(self) -> BodyLog | None:
        if self._loaded.settings.log.level != "debug":
            return None
        return debug_log(redact, structlog.get_logger("bodies").debug)

    def _ready(self, server: GatewayServer, host: str, port: int) -> None:
        self._told_models = [entry.id for entry in self._container.planner().models()]
        if self._announces:
            self._tell_ready(host, port)
        self._channel.say("ready")
        self._channel.follow(server, Commands(commands(self._container)))

    def _tell_ready(self, host: str, port: int) -> None:
        planner = self._container.planner()
        facts = Facts(
            host,
            port,
            str(self._loaded.file) if self._loaded.file else None,
            self._loaded.found,
            [f"{entry.name} ({entry.type})" for entry in planner.providers],
            self._told_models,
            self._needs_key,
        )
        if self._pretty:
            sys.stderr.write(f"{banner(facts)}\n")
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
        if not self._is_first:
            return  # all would tell the same
        for provider in report.providers:
            if provider.healthy is False:
                self._log.warning(
                    "provider_unwell", provider=provider.name, detail=provider.explain()
                )
        models = [entry.id for entry in self._container.planner().models()]
        if models == self._told_models:
            return
        if self._pretty:
            sys.stderr.write(f"  models         {list_models(models)}\n")
        else:
            self._log.info("models_known", models=models)


def _cores() -> int:
    """Return how many cores this process may run on; quotas of containers are not counted."""
    if sys.platform == "linux":
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


async def _try_opening(loaded: Loaded) -> bool:
    """Return whether keys were made; all is closed again, for the server has its own loop.

    Raises:
        ConfigurationError: something cannot be opened; the server itself would tell a traceback.
    """
    container = Container(loaded=loaded)
    async with open_store(container) as store:
        await open_seal(container)
        return not store.ring.is_empty()
