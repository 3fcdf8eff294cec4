"""A Postgres server that is cut off: nobody says goodbye, packets just stop."""

import asyncio
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from urllib.parse import urlsplit

import pytest

from modelmux.adapters.sql.postgres import PostgresDatabase
from modelmux.adapters.sql.state_store import SqlStateStore
from modelmux.adapters.system.clock import SystemClock
from modelmux.domain.errors import StoreError
from modelmux.domain.secret import Secret
from tests.support.state_samples import record


@asynccontextmanager
async def line_to(url: str) -> AsyncGenerator[tuple[str, asyncio.Event]]:
    """Give an address that leads to the server, but for while the event is not set."""
    place = urlsplit(url)
    goes = asyncio.Event()
    goes.set()
    ways: list[asyncio.Task[None]] = []
    ends: list[asyncio.StreamWriter] = []

    async def carry(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):
            while data := await source.read(65536):
                await goes.wait()
                sink.write(data)
        sink.close()

    async def connect(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_reader, far_writer = await asyncio.open_connection(place.hostname, place.port)
        ends.extend((writer, far_writer))
        ways.append(asyncio.create_task(carry(reader, far_writer)))
        ways.append(asyncio.create_task(carry(far_reader, writer)))

    server = await asyncio.start_server(connect, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    try:
        yield place._replace(netloc=f"{place.username}@127.0.0.1:{port}").geturl(), goes
    finally:
        server.close()
        for way in ways:
            way.cancel()
        await asyncio.gather(*ways, return_exceptions=True)
        for end in ends:
            end.close()
            with suppress(ConnectionError):
                await end.wait_closed()


async def test_it_is_given_up_in_time_and_found_again(postgres_url: str) -> None:
    async with line_to(postgres_url) as (url, goes):
        database = PostgresDatabase(Secret(url), longest_s=0.5)
        await database.start()
        store = SqlStateStore(database, SystemClock())
        await store.add(record("resp_1"))
        goes.clear()
        for act in (
            store.add(record("resp_2")),
            store.find("acme", "resp_1"),
            store.forget("acme", "resp_1"),
        ):
            began = time.monotonic()
            with pytest.raises(StoreError) as told:
                await act
            assert time.monotonic() - began < 3
            assert told.value.detail is not None
        goes.set()
        async with asyncio.timeout(5):
            while True:
                try:
                    await store.add(record("resp_3"))
                    break
                except StoreError:
                    await asyncio.sleep(0.05)
        assert await store.find("acme", "resp_3") is not None
        await database.aclose()


async def test_it_can_be_left_while_it_is_silent(postgres_url: str) -> None:
    async with line_to(postgres_url) as (url, goes):
        database = PostgresDatabase(Secret(url), longest_s=0.5)
        await database.start()
        store = SqlStateStore(database, SystemClock())
        await store.add(record("resp_1"))
        goes.clear()
        adding = asyncio.create_task(store.add(record("resp_2")))
        await asyncio.sleep(0.1)
        adding.cancel()
        with pytest.raises(asyncio.CancelledError):
            await adding
        async with asyncio.timeout(8):
            await database.aclose()
