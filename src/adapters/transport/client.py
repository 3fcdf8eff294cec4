"""The HTTP client for upstreams: slots, then the pool, then one exchange."""

from collections.abc import Iterable, Sequence
from functools import lru_cache

from ...application.ports import TRACEPARENT, Gauge, NotSent, Reading, UpstreamCall
from ...domain.errors import ConfigurationError, ProviderError, ProviderProtocolBroken, StreamCut
from .connection import Connection
from .dialling import Dialler, Resolve
from .pool import Origin, Pool
from .reply import HttpCall, HttpReply
from .settings import TransportSettings
from .slots import Slots
from .tls import tls_context

__all__ = ["HttpCall", "HttpClient", "HttpReply"]

_WITHOUT_BODY = frozenset({"GET", "HEAD", "DELETE", "OPTIONS"})


class HttpClient:
    """Calls the upstreams of one provider; belongs to the event loop that first uses it.

    Redirects are replies like others: they are never followed. `resolve` chooses what is dialled,
    the loop's resolver if it is None.
    """

    def __init__(
        self,
        provider: str,
        settings: TransportSettings,
        *,
        resolve: Resolve | None = None,
    ) -> None:
        self.provider = provider
        self.settings = settings
        if settings.ca_file is not None:
            # A wrong file is told at the start, not at the first call.
            tls_context(settings.ca_file, settings.verify_tls)
        self._pool = Pool(settings, Dialler(settings, resolve))
        self._slots = Slots(
            settings.max_connections,
            max_waiting=settings.max_waiting,
            wait_timeout_s=settings.wait_timeout_s,
        )

    async def send(self, call: HttpCall) -> HttpReply:
        """Return the reply once its status and headers are there.

        Raises:
            UpstreamUnreachable: no connection, or it was lost before the head of a reply.
            UpstreamTimeout: no connection, or no head, in time.
            ProviderProtocolBroken: the head is not HTTP, or announces what we did not ask for.
            TooManyWaiting: no slot in time.
            ConfigurationError: a header cannot be sent.
            NotSent: this is a dry run.
        """
        if self.settings.dry:
            raise NotSent(_described(call))
        slots = self._slots
        if not slots.take_free():
            await slots.take()
        try:
            connection = await self._exchange(call)
        except BaseException as error:
            slots.give_back()
            if isinstance(error, ProviderError):
                error.provider = self.provider
            raise
        return _PooledReply(connection, slots, self.provider)

    async def _exchange(self, call: HttpCall) -> Connection:
        pool = self._pool
        origin = pool.origin(call.url)
        head = _encode_head(call, origin)
        bodiless = call.method == "HEAD"
        connection = pool.take(origin)
        # A kept connection may have been closed at the other end a moment ago: then the request
        # reached no answer, and goes out once more on a new one.
        if connection is None or not await connection.exchange(head, call.body, bodiless=bodiless):
            connection = await pool.connect(origin)
            await connection.exchange(head, call.body, bodiless=bodiless)
        headers = connection.headers
        if (
            "content-encoding" in headers
            and 200 <= connection.status < 300
            and headers["content-encoding"].lower() != "identity"
        ):
            connection.close()
            raise ProviderProtocolBroken("The upstream compressed its answer, unasked.")
        return connection

    def readings(self) -> Iterable[Reading]:
        """Yield how many connections there are, and how many calls wait for one."""
        name = self.provider
        yield Reading(Gauge.CONNECTIONS, self._pool.open, (name, "open"))
        yield Reading(Gauge.CONNECTIONS, self._pool.idle, (name, "idle"))
        yield Reading(Gauge.WAITING, self._slots.waiting, (name,))

    async def aclose(self) -> None:
        """Close all connections; answers that still run break off, calls that wait are refused."""
        self._slots.close()
        await self._pool.aclose()


def _described(call: HttpCall) -> UpstreamCall:
    return UpstreamCall(call.method, str(call.url), tuple(call.headers), call.body)


def _encode_head(call: HttpCall, origin: Origin) -> bytes:
    body, headers = call.body, call.headers
    # Most providers send the same headers with every call, and give them as the same tuple.
    lines = _known_lines(headers) if isinstance(headers, tuple) else _lines(headers)
    if trace := TRACEPARENT.get():
        lines += f"traceparent: {trace}\r\n"
    length = "" if not body and call.method in _WITHOUT_BODY else f"content-length: {len(body)}\r\n"
    try:
        return (
            f"{call.method} {origin.target_prefix}{call.url.target}{origin.own_headers}"
            f"{lines}{length}\r\n"
        ).encode("latin-1")
    except UnicodeEncodeError as error:
        raise ConfigurationError(
            "a header for the upstream holds characters that HTTP cannot send",
            hint="look for typographic quotes or spaces around the key",
        ) from error


def _lines(headers: Sequence[tuple[str, str]]) -> str:
    lines = "".join([f"{name}: {value}\r\n" for name, value in headers])
    if lines.count("\n") != len(headers) or lines.count("\r") != len(headers):
        raise ConfigurationError("a header for the upstream holds a line break")
    return lines


_known_lines = lru_cache(maxsize=256)(_lines)


class _PooledReply(HttpReply):
    """Holds its connection until the body's end has been read, and the slot as long."""

    __slots__ = ("_at_end", "_connection", "_provider", "_slots")

    def __init__(self, connection: Connection, slots: Slots, provider: str) -> None:
        super().__init__(connection.status, connection.headers)
        self._connection: Connection | None = connection
        self._slots = slots
        self._provider = provider
        self._at_end = False

    def take_whole(self) -> bytes | None:
        connection = self._connection
        data = connection.take_whole() if connection is not None else None
        if connection is not None and data is not None:
            self._at_end = True
            self._let_go(connection)
        return data

    async def read_before(self, deadline: float | None) -> bytes:
        connection = self._connection
        if connection is None:
            if self._at_end:
                return b""
            raise StreamCut(
                "The upstream's answer was closed before its end.", provider=self._provider
            )
        try:
            data = await connection.read(deadline)
        except BaseException as error:
            self._connection = None
            connection.close()
            self._slots.give_back()
            if isinstance(error, ProviderError):
                error.provider = self._provider
            raise
        if not data:
            self._at_end = True
            self._let_go(connection)
        return data

    async def aclose(self) -> None:
        connection = self._connection
        if connection is not None:
            self._let_go(connection)

    def let_end(self) -> None:
        connection = self._connection
        if connection is not None:
            self._connection = None
            connection.drain()
            self._slots.give_back()

    def _let_go(self, connection: Connection) -> None:
        self._connection = None
        connection.finish()
        self._slots.give_back()
