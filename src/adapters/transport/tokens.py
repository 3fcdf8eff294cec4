"""CachedToken: an access token kept in memory, renewed before it ends, fetched once for all.

The rules: any number of waiters cause one fetch; a token is renewed `ahead_s` before its end
while requests go on with the old one; a fetch that fails hurts nobody as long as that is valid.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from ...application.ports.clock import Clock
from ...domain.errors import ProviderError, UpstreamAuthFailed


@dataclass(frozen=True, slots=True)
class Token:
    """`expires_at` is in seconds since the epoch, by the clock given to `CachedToken`."""

    value: str = field(repr=False)
    expires_at: float


class CachedToken:
    """Gives the token that `fetch` brings; `fetch` raises `ProviderError` if there is none.

    The fetch runs in a task of its own, which this object owns: a caller that is cancelled while
    waiting takes nothing from the others. After a failure there is no other fetch for `pause_s`;
    until then those who have no valid token get that failure again.
    """

    def __init__(
        self,
        fetch: Callable[[], Awaitable[Token]],
        clock: Clock,
        ahead_s: float = 300.0,
        *,
        pause_s: float = 1.0,
        timeout_s: float = 30.0,
    ) -> None:
        self._fetch = fetch
        self._clock = clock
        self._ahead_s = ahead_s
        self._pause_s = pause_s
        self._timeout_s = timeout_s
        self._token = Token("", float("-inf"))
        self._renew_at = float("-inf")
        self._failure: ProviderError | None = None
        self._fetching: asyncio.Task[None] | None = None

    async def get(self) -> str:
        """Return a valid token; waits only when there is none.

        Raises:
            ProviderError: `fetch` failed and no token is valid.
        """
        now = self._clock.now()
        if now < self._renew_at:
            if now < self._token.expires_at:
                return self._token.value
            if self._failure is not None:
                raise self._failure.with_traceback(None)  # shared: keeps no frames
        if self._fetching is None:
            self._fetching = asyncio.create_task(self._renew(), name="token-renewal")
        if now < self._token.expires_at:
            return self._token.value
        await asyncio.shield(self._fetching)
        if self._failure is not None:
            raise self._failure.with_traceback(None)  # shared: keeps no frames
        return self._token.value

    async def aclose(self) -> None:
        """End a fetch that is under way, and wait for its end. Idempotent."""
        fetching = self._fetching
        if fetching is not None:
            fetching.cancel()
            await asyncio.wait((fetching,))

    async def _renew(self) -> None:
        try:
            async with asyncio.timeout(self._timeout_s):
                token = await self._fetch()
        except TimeoutError:
            self._fail(UpstreamAuthFailed(f"no access token within {self._timeout_s:g} s"))
        except ProviderError as error:
            self._fail(error)
        else:
            self._failure = None
            self._token = token
            # A token that lives no longer than `ahead_s` is renewed at half its life: renewing
            # it at once would fetch at every call.
            left_s = token.expires_at - self._clock.now()
            self._renew_at = token.expires_at - min(self._ahead_s, left_s / 2)
        finally:
            self._fetching = None

    def _fail(self, error: ProviderError) -> None:
        self._failure = error
        self._renew_at = self._clock.now() + self._pause_s
