"""AwsClient: signs each call, and once more with other keys where the first were out of date."""

from collections.abc import Mapping
from typing import Final

from ...application.ports import Clock
from ...domain.errors import ProviderError
from ..converse.errors import is_expired
from ..transport.client import HttpCall, HttpClient, HttpReply
from ..transport.languages import ErrorReply
from ..transport.settings import TransportSettings
from .keys import KeySource
from .signing import AwsKeys, Scope, sign, signed_call

_REFUSED: Final = frozenset({401, 403})
_MAX_REFUSAL_BYTES: Final = 64 * 1024


class AwsClient(HttpClient):
    """`keys` belongs to whoever made it. Signs for one scope."""

    def __init__(
        self,
        provider: str,
        settings: TransportSettings,
        *,
        keys: KeySource,
        scope: Scope,
        clock: Clock,
    ) -> None:
        super().__init__(provider, settings)
        self._keys = keys
        self._scope = scope
        self._clock = clock

    async def send(self, call: HttpCall) -> HttpReply:
        """As `HttpClient.send`; raises besides what having no keys is told by."""
        try:
            keys = await self._keys.keys()
            reply = await super().send(self._signed(call, keys))
            if reply.status not in _REFUSED:
                return reply
            refusal = await _read(reply)
            if is_expired(ErrorReply(refusal.status, refusal.headers, refusal.body)):
                renewed = await self._keys.renew(keys)
                if renewed is not None:
                    return await super().send(self._signed(call, renewed))
        except ProviderError as error:
            error.provider = self.provider
            raise
        return refusal

    def _signed(self, call: HttpCall, keys: AwsKeys) -> HttpCall:
        return signed_call(call, sign(call, keys, self._scope, self._clock.now()))


async def _read(reply: HttpReply) -> "ReadReply":
    """Return `reply` with its body; its connection is free. A body that cannot be had is empty."""
    try:
        body = await reply.read_all(_MAX_REFUSAL_BYTES)
    except ProviderError:
        body = b""
    finally:
        await reply.aclose()
    return ReadReply(reply.status, reply.headers, body)


class ReadReply(HttpReply):
    """A reply whose body was read before."""

    __slots__ = ("_rest", "body")

    def __init__(self, status: int, headers: Mapping[str, str], body: bytes) -> None:
        super().__init__(status, headers)
        self.body = body
        self._rest = body

    async def read_before(self, deadline: float | None) -> bytes:
        del deadline
        rest, self._rest = self._rest, b""
        return rest

    async def aclose(self) -> None:
        self._rest = b""

    def let_end(self) -> None:
        self._rest = b""
