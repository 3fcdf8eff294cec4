"""What the types alone cannot say about the server and its workers."""

from .origins import Origins
from .sections import IN_MEMORY, Settings


def check_server(settings: Settings, origins: Origins) -> None:
    """Raise for the first thing that cannot work.

    Raises:
        ConfigurationError: with its place.
    """
    storage = settings.storage
    if settings.server.workers == 1 or storage.path != IN_MEMORY or storage.url is not None:
        return
    if storage.redis_url is None:
        raise origins.error(
            ("server", "workers"),
            "several workers cannot share a store that is in the memory of one",
            hint='give storage.path a file (without storage.path there is one), or "workers = 1"',
        )
