"""The gateway's HTTP side on a real socket, in a thread of this process."""

import socket
import threading
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, replace

from modelmux.adapters.memory.ids import CountingIds
from modelmux.adapters.memory.observer import RecordingObserver
from modelmux.adapters.system.clock import SystemClock
from modelmux.application.check_health import CheckHealth
from modelmux.application.list_models import ListModels
from modelmux.application.plan import ProviderEntry
from modelmux.application.planning import Planner
from modelmux.application.ports import LlmProvider
from modelmux.domain.capabilities import Capabilities
from modelmux.entrypoints.app import App, create_app
from modelmux.entrypoints.server import GatewayServer, listen
from modelmux.entrypoints.services import HttpLimits, Services
from tests.support.state_services import state_services


@dataclass(frozen=True, slots=True)
class RunningServer:
    port: int
    app: App
    observer: RecordingObserver
    server: GatewayServer

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def connect(self, timeout_s: float = 10.0) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), timeout_s)


async def _no_metrics() -> bytes:
    return b"modelmux_up 1\n"


def services_with(
    provider: LlmProvider, *, models: tuple[str, ...] = ("m", "org/name"), **changes: object
) -> Services:
    """Return services that answer through `provider` alone, open to loopback."""
    clock = SystemClock()
    planner = Planner([ProviderEntry("p", "scripted", provider, lambda _: Capabilities(), models)])
    services = Services(
        respond=provider,
        list_models=ListModels(planner),
        check_health=CheckHealth(planner, clock),
        keys=None,
        observer=RecordingObserver(),
        clock=clock,
        ids=CountingIds(),
        state=state_services(provider, planner, clock),
        metrics=_no_metrics,
        open_access=True,
        limits=HttpLimits(),
    )
    return replace(services, **changes)  # type: ignore[arg-type]  # fields by name, checked when made


@contextmanager
def serving_http(services: Services) -> Generator[RunningServer]:
    """Serve until the block ends; the observer of `services` must be a recording one."""
    app = create_app(services)
    ready = threading.Event()

    def note_ready(host: str, port: int) -> None:
        ready.set()

    server = GatewayServer(app, on_ready=note_ready)
    listener = listen("127.0.0.1", 0)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    try:
        assert ready.wait(10), "the server did not start"
        assert isinstance(services.observer, RecordingObserver)
        yield RunningServer(listener.getsockname()[1], app, services.observer, server)
    finally:
        server.should_exit = True
        thread.join(20)
        listener.close()
    assert not thread.is_alive(), "the server did not end"
