"""Opens what needs an event loop, and closes it in reverse."""

import asyncio
from collections.abc import AsyncGenerator, Iterable
from contextlib import AsyncExitStack, asynccontextmanager

from ..application.filters.caching import Caching
from ..application.ports import Sealer
from ..domain.errors import ConfigurationError, StoreError
from .container import Container, limits_are_there
from .settings.file import Loaded
from .settings.sections import IN_MEMORY
from .wiring.parts import Closing, Store


@asynccontextmanager
async def running(container: Container) -> AsyncGenerator[None]:
    """Open what needs an event loop; close everything in reverse, upstreams last.

    Raises:
        ConfigurationError: the store cannot be opened.
    """
    async with AsyncExitStack() as stack:
        telemetry = container.telemetry()
        if telemetry is not None:
            stack.push_async_callback(asyncio.to_thread, telemetry.close)
        counting = container.counting()
        if counting is not None:
            stack.callback(counting.closes)
        lag, shedding = container.loop_lag(), container.shedding()
        if shedding is not None:
            shedding.start()
        lag.start()
        stack.callback(lag.stop)
        stack.push_async_callback(container.fetcher().aclose)
        if limits_are_there(container):
            limiter = container.limiter()
            for closing in reversed(limiter.closes):
                stack.push_async_callback(closing)
            for begin in limiter.begins:
                await begin()
        for adapter in container.adapters().values():
            stack.push_async_callback(adapter.aclose)
        store = await stack.enter_async_context(open_store(container))
        await open_seal(container)
        for begin in store.begins:
            await begin()
        if not store.turns.sweeps_itself:
            sweeping = container.sweeping()
            stack.push_async_callback(sweeping.aclose)
            sweeping.start()
        cached = container.cached()
        if isinstance(cached, Caching):
            for closing in reversed(container.answers().closes):
                stack.push_async_callback(closing)
            stack.push_async_callback(cached.aclose)
        for keeper in (container.holding(), container.jobs()):
            stack.push_async_callback(keeper.aclose)
            keeper.start()
        gauges = container.metrics().gauges
        stack.push_async_callback(gauges.aclose)
        if counting is not None:
            gauges.start(container.clock())
        yield


@asynccontextmanager
async def open_store(container: Container) -> AsyncGenerator[Store]:
    """Open the store alone.

    Raises:
        ConfigurationError: it cannot be opened.
    """
    store = container.store()
    loaded = container.loaded()
    try:
        for opening in store.opens:
            await opening()
    except StoreError as error:
        await _close(store.closes)
        where, hint = _where(loaded)
        raise ConfigurationError(
            f"the store cannot be opened: {error.detail or error.message}", where=where, hint=hint
        ) from error
    try:
        yield store
    finally:
        await _close(store.closes)


async def open_seal(container: Container) -> Sealer:
    """Return the sealer, its keys read, or made where there were none.

    Raises:
        ConfigurationError: they cannot be had.
    """
    seal = container.seal()
    for opening in seal.opens:
        await opening()
    return seal.sealer


def _where(loaded: Loaded) -> tuple[str | None, str]:
    """Return the place of the store in the configuration, and what can be done about it."""
    storage = loaded.settings.storage
    keys = {"redis_url": storage.redis_url, "url": storage.url}
    for key, url in keys.items():
        if url is not None:
            return loaded.origins.where(("storage", key)), f"is the server of storage.{key} there?"
    return (
        loaded.origins.where(("storage", "path")) or "storage.path (its default)",
        f'set MODELMUX_STORAGE__PATH to a writable file, or to "{IN_MEMORY}"',
    )


async def _close(closings: Iterable[Closing]) -> None:
    for close in closings:
        await close()
