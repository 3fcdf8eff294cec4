"""A Redis server that is stopped, killed, hung, full or of a newer kind."""

import asyncio
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator
from contextlib import asynccontextmanager

import pytest

from modelmux.adapters.memory.clock import ManualClock
from modelmux.adapters.redis.event_log import RedisEventLog
from modelmux.adapters.redis.leases import RedisLeases
from modelmux.adapters.redis.proof_vault import RedisProofVault
from modelmux.adapters.redis.server import RedisServer
from modelmux.adapters.redis.state_store import RedisStateStore
from modelmux.application.ports import LeaseKey, LoggedEvent
from modelmux.domain.errors import StoreError
from modelmux.domain.secret import Secret
from tests.contracts.proof_vault import kept as kept_proof
from tests.contracts.proof_vault import key as proof_key
from tests.support.servers import OwnServer, own_redis
from tests.support.state_samples import conversation, record, running


@pytest.fixture
def process() -> Generator[OwnServer]:
    with own_redis() as process:
        yield process


@asynccontextmanager
async def connected(url: str, timeout_s: float = 5.0) -> AsyncGenerator[RedisServer, None]:
    server = RedisServer(Secret(url), timeout_s=timeout_s)
    try:
        yield server
    finally:
        await server.aclose()


def askings(server: RedisServer) -> list[Callable[[], Awaitable[object]]]:
    """Return one call of everything that asks the server."""
    clock = ManualClock()
    store, leases = RedisStateStore(server, clock), RedisLeases(server)
    log, vault = RedisEventLog(server), RedisProofVault(server, clock)
    lease = LeaseKey("acme", "conv_1")

    async def export() -> object:
        return [one async for one in store.export("acme")]

    return [
        lambda: store.add(record("resp_1")),
        lambda: store.settle(record("resp_1")),
        lambda: store.find("acme", "resp_1"),
        lambda: store.chain("acme", "resp_1"),
        lambda: store.forget("acme", "resp_1"),
        store.abandoned,
        lambda: store.add_conversation(conversation("conv_1"), []),
        lambda: store.find_conversation("acme", "conv_1"),
        lambda: store.relabel_conversation("acme", "conv_1", {}),
        lambda: store.forget_conversation("acme", "conv_1"),
        lambda: store.items("acme", "conv_1"),
        lambda: store.append("acme", "conv_1", []),
        lambda: store.forget_item("acme", "conv_1", "a"),
        store.sweep,
        lambda: store.erase("acme"),
        export,
        store.ping,
        lambda: leases.take(lease, "one", 6.0),
        lambda: leases.renew([lease], "one", 6.0),
        lambda: leases.release(lease, "one"),
        lambda: log.append("acme", "resp_1", [LoggedEvent(0, b"x")]),
        lambda: log.read("acme", "resp_1", -1),
        lambda: vault.keep({proof_key("call_1"): kept_proof("one")}),
        lambda: vault.find([proof_key("call_1")]),
    ]


async def test_a_server_that_is_down_is_told_at_once_and_one_that_is_back_is_used(
    process: OwnServer,
) -> None:
    async with connected(process.url) as server:
        store = RedisStateStore(server, ManualClock())
        await asyncio.gather(*(store.add(record(f"resp_{n}")) for n in range(40)))
        process.stop()
        started = time.monotonic()
        for asking in askings(server):
            with pytest.raises(StoreError) as caught:
                await asking()
            assert caught.value.retry_after_s
            assert "127.0.0.1" not in caught.value.message
        assert time.monotonic() - started < 2.0
        process.start()
        # Every connection of the pool is dead, and the server has forgotten all scripts.
        found = await asyncio.gather(*(store.find("acme", f"resp_{n}") for n in range(40)))
        assert found == [record(f"resp_{n}") for n in range(40)]
        await store.ping()


async def test_what_was_acknowledged_survives_a_killed_server(process: OwnServer) -> None:
    async with connected(process.url) as server:
        store = RedisStateStore(server, ManualClock())
        kept: list[str] = []

        async def write(writer: int) -> None:
            for n in range(1_000_000):
                try:
                    await store.add(record(f"resp_{writer}_{n}"))
                except StoreError:
                    return
                kept.append(f"resp_{writer}_{n}")

        for generation in range(3):
            writers = [asyncio.create_task(write(generation * 10 + n)) for n in range(8)]
            await asyncio.sleep(0.15)
            process.kill()
            await asyncio.gather(*writers)
            process.start()
        assert len(kept) > 24
        for id_ in kept:
            assert await store.find("acme", id_) == record(id_)


async def test_a_server_that_hangs_is_given_up_in_time(process: OwnServer) -> None:
    async with connected(process.url, timeout_s=0.2) as server:
        store = RedisStateStore(server, ManualClock())
        await store.add(running("resp_1"))
        await store.add(record("resp_2", text="second"))
        process.pause()
        try:
            started = time.monotonic()
            asked = [store.find("acme", f"resp_{n % 2 + 1}") for n in range(200)]
            found = await asyncio.gather(*asked, return_exceptions=True)
            assert {type(one) for one in found} == {StoreError}
            assert time.monotonic() - started < 3.0
        finally:
            process.resume()
        # Answers that came too late are nobody else's.
        for _ in range(100):
            assert await store.find("acme", "resp_2") == record("resp_2", text="second")
            assert await store.find("acme", "resp_3") is None


async def test_a_server_that_is_full_refuses_and_loses_nothing() -> None:
    with own_redis("--maxmemory", "6mb", "--maxmemory-policy", "noeviction") as process:
        async with connected(process.url) as server:
            store = RedisStateStore(server, ManualClock())
            kept: list[str] = []

            async def fill() -> None:
                for n in range(1000):
                    await store.add(record(f"resp_{n}", text="x" * 100_000))
                    kept.append(f"resp_{n}")

            with pytest.raises(StoreError):
                await fill()
            assert len(kept) > 10
            for id_ in kept:
                found = await store.find("acme", id_)
                assert found is not None
                assert await store.forget("acme", id_)
            await store.ping()


async def test_nothing_is_written_to_a_server_that_only_reads(process: OwnServer) -> None:
    with own_redis("--replicaof", "127.0.0.1", process.url.rpartition(":")[2][:-2]) as replica:
        async with connected(replica.url) as server:
            with pytest.raises(StoreError):
                await RedisStateStore(server, ManualClock()).ping()


async def test_the_password_is_nowhere_in_an_error() -> None:
    async with connected("redis://user:hunter2@127.0.0.1:1/0") as server:
        with pytest.raises(StoreError) as caught:
            await RedisStateStore(server, ManualClock()).ping()
        assert "hunter2" not in f"{caught.value.message} {caught.value.detail}"


async def test_what_a_later_release_keeps_is_not_guessed_at(process: OwnServer) -> None:
    async with connected(process.url) as server:
        store = RedisStateStore(server, ManualClock())
        await store.add(running("resp_new"))
        await store.add(running("resp_ours"))
        await server.command("HSET", "modelmux:r:acme:resp_new", "b", b"\x02later")
        with pytest.raises(StoreError):
            await store.find("acme", "resp_new")
        # Our own jobs are looked after all the same.
        assert [one.id for one in await store.abandoned()] == ["resp_ours"]
