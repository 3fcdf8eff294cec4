"""Where the keys come from that sign calls, and what is done when they are out of date."""

from abc import abstractmethod
from collections.abc import Mapping
from typing import Protocol

from .signing import AwsKeys


class KeySource(Protocol):
    """Whoever made it closes it."""

    @abstractmethod
    async def keys(self) -> AwsKeys:
        """Return keys that are valid; does not suspend while there are any.

        Raises:
            ProviderError: none can be had.
        """
        ...

    @abstractmethod
    async def renew(self, refused: AwsKeys) -> AwsKeys | None:
        """Return other keys than those that were refused; None if there are none to be had.

        Raises:
            ProviderError: they were looked for, and something went wrong.
        """
        ...

    @abstractmethod
    def describe(self) -> str:
        """Return, for people, where the keys come from."""
        ...

    @abstractmethod
    async def aclose(self) -> None:
        """End what is under way. Idempotent."""
        ...


class FixedKeys(KeySource):
    """Keys that somebody wrote down, and that stay as they are while we run."""

    def __init__(self, keys: AwsKeys, source: str) -> None:
        self._keys = keys
        self._source = source

    async def keys(self) -> AwsKeys:
        return self._keys

    async def renew(self, refused: AwsKeys) -> AwsKeys | None:
        del refused
        return None

    def describe(self) -> str:
        return self._source

    async def aclose(self) -> None: ...


def keys_in(environment: Mapping[str, str]) -> FixedKeys | None:
    """Return the keys that stand in the variables AWS's own tools read first, if they do."""
    access_key = environment.get("AWS_ACCESS_KEY_ID")
    secret_key = environment.get("AWS_SECRET_ACCESS_KEY")
    if not access_key or not secret_key:
        return None
    token = environment.get("AWS_SESSION_TOKEN") or None
    return FixedKeys(AwsKeys(access_key, secret_key, token), "the environment")
