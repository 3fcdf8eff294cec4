"""From a body to its envelope and its content: large ones beside the event loop, one at a time."""

import asyncio
from collections.abc import Callable
from typing import Generic

from ..domain.deferred import Deferred
from ..domain.errors import RequestError
from ..domain.request import Caller, Generation
from .client_dialect import ClientDialect, EnvelopeT
from .members import LARGE_BODY_BYTES, Members, decode_members

_LARGE_AT_ONCE = 1


class BodyDecoder(Generic[EnvelopeT]):
    """For the calls of one dialect; `read` returns the members of a body."""

    def __init__(
        self, dialect: ClientDialect[EnvelopeT], read: Callable[[bytes], Members] = decode_members
    ) -> None:
        self._dialect = dialect
        self._read = read
        # Each decoding holds the interpreter for moments; many at once would queue for it.
        self._large = asyncio.Semaphore(_LARGE_AT_ONCE)

    async def decode(
        self, body: bytes, caller: Caller
    ) -> tuple[Members, EnvelopeT, Deferred[Generation]]:
        """Return the members, what they say at the top, and their content for who needs it.

        Raises:
            RequestError: the top level is wrong; what is wrong below is told by the content.
        """
        if len(body) >= LARGE_BODY_BYTES:
            async with self._large:
                return await asyncio.to_thread(self._decode_all, body, caller)
        dialect = self._dialect
        members = self._read(body)
        envelope = dialect.decode_envelope(members)
        return members, envelope, Deferred(lambda: dialect.decode_content(members, caller))

    def _decode_all(
        self, body: bytes, caller: Caller
    ) -> tuple[Members, EnvelopeT, Deferred[Generation]]:
        members = self._read(body)
        envelope = self._dialect.decode_envelope(members)
        try:
            content = Deferred.of(self._dialect.decode_content(members, caller))
        except RequestError as error:
            content = Deferred[Generation](_raising(error))
        return members, envelope, content


def _raising(error: RequestError) -> Callable[[], Generation]:
    def make() -> Generation:
        # A fresh traceback each time: the old one would hold frames and grow.
        raise error.with_traceback(None)

    return make
