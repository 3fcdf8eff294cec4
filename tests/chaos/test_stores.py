"""Stores that are killed or frozen under load: calls that do not need them go on."""

import asyncio
import threading
import time
from collections.abc import Callable, Generator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from modelmux.adapters.memory.clock import ManualClock
from modelmux.adapters.memory.proof_vault import MemoryProofVault
from modelmux.adapters.redis.proof_vault import RedisProofVault
from modelmux.adapters.redis.server import RedisServer
from modelmux.application.steady_vault import SteadyVault
from modelmux.application.store_breaker import StoreBreaker
from modelmux.domain.errors import StoreError
from modelmux.domain.secret import Secret
from tests.contracts.proof_vault import kept as kept_proof
from tests.contracts.proof_vault import key as proof_key
from tests.support.servers import OwnServer, own_postgres, own_redis
from tests.support.serving import ServedGateway, serving

from .crowds import percentile
from .scale import FULL, scaled
from .tools.asking import KEY, ask, caller_of
from .tools.failing_upstream import failing_upstream
from .tools.tcp_proxy import TcpProxy, tcp_proxy


@dataclass(frozen=True, slots=True)
class Store:
    """A server behind a proxy, and what `[storage]` says of it."""

    storage: str
    server: OwnServer
    proxy: TcpProxy

    def lose(self, how: str) -> None:
        if how == "killed":
            self.server.kill()
        else:  # to stop Postgres would stop none of those processes that it has begun
            self.proxy.freeze()

    def give_back(self, how: str) -> None:
        if how == "killed":
            self.server.start()
        else:
            self.proxy.thaw()


@contextmanager
def _redis() -> Generator[Store]:
    with own_redis() as server, tcp_proxy(_port(server)) as proxy:
        url = f"redis://127.0.0.1:{proxy.port}/0"
        yield Store(f'redis_url = "{url}"\npath = ":memory:"', server, proxy)


@contextmanager
def _postgres() -> Generator[Store]:
    with own_postgres() as server, tcp_proxy(_port(server)) as proxy:
        url = server.url.replace(f":{_port(server)}/", f":{proxy.port}/")
        yield Store(f'url = "{url}"', server, proxy)


def _port(server: OwnServer) -> int:
    port = urlsplit(server.url).port
    assert port is not None
    return port


every_store = pytest.mark.parametrize("store", [_redis, _postgres], ids=["redis", "postgres"])


@dataclass(slots=True)
class Load:
    """Callers who ask one after the other; `took_s` are their calls, by when these ended."""

    gateway: ServedGateway
    took_s: list[float] = field(default_factory=list[float])
    failed: list[str] = field(default_factory=list[str])
    _stop: threading.Event = field(default_factory=threading.Event)

    def ask(self) -> None:
        with caller_of(self.gateway.url) as client:
            while not self._stop.is_set():
                began = time.monotonic()
                outcome = ask(client, "chat", "m", stream=len(self.took_s) % 2 == 0)
                if not outcome.complete:
                    self.failed.append(f"{outcome.status}: {outcome.error}")
                self.took_s.append(time.monotonic() - began)
                time.sleep(0.005)

    @contextmanager
    def going_on(self, callers: int = 4) -> Generator[None]:
        """Ask until the block ends."""
        threads = [threading.Thread(target=self.ask) for _ in range(callers)]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            self._stop.set()
            for thread in threads:
                thread.join(30)


@contextmanager
def _gateway(folder: Path, storage: str) -> Generator[ServedGateway]:
    with ExitStack() as stack:
        upstream = stack.enter_context(failing_upstream())
        config = f'[storage]\n{storage}\n[state]\nseal_file = "{folder}/seal.keys"\n'
        config += '[[providers]]\nname = "a"\ntype = "openai_compat"\nmodels = ["m"]\n'
        config += f'base_url = "{upstream.base_url}"\n'
        environment = {"MODELMUX_API_KEY": KEY}
        yield stack.enter_context(serving(folder, config=config, environment=environment))


def _p99_ms(values: list[float]) -> float:
    return percentile(values, 99) * 1000


@every_store
@pytest.mark.parametrize("how", ["killed", "frozen"])
def test_calls_that_need_no_store_do_not_notice_that_it_is_gone(
    tmp_path: Path, store: Callable[[], AbstractContextManager[Store]], how: str
) -> None:
    seconds = scaled(10, short=2)
    with store() as kept, _gateway(tmp_path, kept.storage) as gateway:
        healthy, gone = Load(gateway), Load(gateway)
        with healthy.going_on():
            time.sleep(seconds)
        with gone.going_on():
            time.sleep(0.2)
            kept.lose(how)
            time.sleep(seconds)
            kept.give_back(how)
            time.sleep(1.0)
    assert healthy.failed == gone.failed == []
    # A few hundred calls on a machine that does other things tell no more than that nobody waits
    # for a time-out.
    leeway_ms = 20.0 if FULL else 150.0
    assert _p99_ms(gone.took_s) <= 1.2 * _p99_ms(healthy.took_s) + leeway_ms


@every_store
@pytest.mark.parametrize("how", ["killed", "frozen"])
def test_what_must_be_kept_is_refused_at_once_while_nothing_can_be_and_then_kept_again(
    tmp_path: Path, store: Callable[[], AbstractContextManager[Store]], how: str
) -> None:
    body = {"model": "m", "input": "hi", "store": True}
    with (
        store() as kept,
        _gateway(tmp_path, kept.storage) as gateway,
        caller_of(gateway.url) as client,
    ):
        assert client.post("/v1/responses", json=body).status_code == 200
        kept.lose(how)
        # The first may find it out, and wait for that; nobody after it.
        client.post("/v1/responses", json=body)
        time.sleep(3.5)
        for _ in range(scaled(200, short=20)):
            began = time.monotonic()
            answer = client.post("/v1/responses", json=body)
            assert (answer.status_code, answer.json()["error"]["code"]) == (
                503,
                "store_unavailable",
            )
            assert "retry-after" in answer.headers
            assert time.monotonic() - began < 0.25
        kept.give_back(how)
        deadline = time.monotonic() + 10
        while client.post("/v1/responses", json=body).status_code != 200:
            assert time.monotonic() < deadline
            time.sleep(0.05)


async def test_proofs_go_on_in_this_process_while_redis_is_frozen_and_are_paid_back() -> None:
    with own_redis() as process:
        breaker = StoreBreaker("redis")
        server = RedisServer(Secret(process.url), breaker=breaker)
        clock = ManualClock()
        shared = RedisProofVault(server, clock)
        vault = SteadyVault(shared, MemoryProofVault(clock))
        keys = [proof_key(f"call_{number}") for number in range(120)]
        await vault.keep({keys[0]: kept_proof("0")})
        process.pause()
        slowest = 0.0
        for number, key in enumerate(keys[1:], 1):
            began = time.monotonic()
            await vault.keep({key: kept_proof(str(number))})
            assert (await vault.find([key]))[key] == kept_proof(str(number))
            slowest = max(slowest, time.monotonic() - began)
        assert slowest < 1.0
        began = time.monotonic()
        with pytest.raises(StoreError):
            await vault.find([proof_key("never")])
        assert time.monotonic() - began < 0.05
        process.resume()
        async with asyncio.timeout(10):
            while not breaker.is_up:  # noqa: ASYNC110 - the server's answer is what is waited for
                await asyncio.sleep(0.02)
        for number in range(3):  # what is owed goes with what is kept, fifty at a time
            await vault.keep({proof_key(f"later_{number}"): kept_proof("later")})
        assert set(await shared.find(keys)) == set(keys)
        await server.aclose()
