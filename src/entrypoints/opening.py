"""Opens what needs an event loop, and closes it in reverse."""

from collections.abc import AsyncGenerator, Iterable
from contextlib import AsyncExitStack, asynccontextmanager

from ..domain.errors import ConfigurationError, StoreError
from .container import Container
from .settings import IN_MEMORY
from .wiring.parts import Closing, Store


@asynccontextmanager
async def running(container: Container) -> AsyncGenerator[None]:
    """Open what needs an event loop; close everything in reverse, upstreams last.

    Raises:
        ConfigurationError: the store cannot be opened.
    """
    async with AsyncExitStack() as stack:
        stack.push_async_callback(container.fetcher().aclose)
        for adapter in container.adapters().values():
            stack.push_async_callback(adapter.aclose)
        await stack.enter_async_context(open_store(container))
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
        path = ("storage", "path")
        raise ConfigurationError(
            f"the store cannot be opened: {error.detail or error.message}",
            where=loaded.origins.where(path) or "storage.path (its default)",
            hint=f'set MODELMUX_STORAGE__PATH to a writable file, or to "{IN_MEMORY}"',
        ) from error
    try:
        yield store
    finally:
        await _close(store.closes)


async def _close(closings: Iterable[Closing]) -> None:
    for close in closings:
        await close()
