"""TokenHttp: the plain HTTP that google-auth asks tokens over.

google-auth brings its own only for `requests`, `urllib3` and `aiohttp`, none of which we need
for one call an hour; the standard library does it. Runs in worker threads, never on the loop.
"""

import ssl
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from email.message import Message
from functools import partial
from http.client import HTTPException, HTTPResponse, HTTPSConnection
from time import monotonic
from typing import Any

from google.auth.exceptions import TransportError
from google.auth.transport import Request, Response

from ...domain.errors import ConfigurationError
from ..transport.settings import TransportSettings
from ..transport.tls import tls_context
from ..transport.url import Url

MAX_ANSWER_BYTES = 1 << 20
CALL_TIMEOUT_S = 8.0


@dataclass(frozen=True, slots=True)
class _Answer:
    status: int
    headers: Message
    data: bytes


Response.register(_Answer)


class NoAnswer(TransportError):
    def __init__(self, reason: str) -> None:
        super().__init__(reason)  # type: ignore[no-untyped-call]  # google-auth's are untyped


class TokenHttp(Request):
    """One sign-in's calls: made for it, and of no use after `total_s`.

    Follows no redirect (a token goes to nobody else) and keeps no connection. Every error is a
    `TransportError`, as google-auth expects. `troubles` counts the calls that failed
    for want of an answer or with 429 or 5xx, `in_trouble` says whether the last one did.
    """

    def __init__(self, settings: TransportSettings, *, total_s: float = 25.0) -> None:
        self._settings = settings
        self._deadline = monotonic() + total_s
        self.troubles = 0
        self.in_trouble = False

    def __call__(
        self,
        url: str,
        method: str = "GET",
        body: bytes | str | None = None,
        headers: Mapping[str, str] | None = None,
        timeout: float | None = None,
        *,
        cert: tuple[str, str] | None = None,
        direct: bool = False,
        **_: Any,  # Any: options of other transports, which google-auth may pass along
    ) -> _Answer:
        """Return the answer, whatever its status; `direct` goes around any proxy.

        Raises:
            NoAnswer: there was none in time, or it was too large.
        """
        try:
            address = Url.parse(url)
        except ConfigurationError as error:
            raise NoAnswer(error.message) from error
        data = body.encode() if isinstance(body, str) else body
        request = urllib.request.Request(  # noqa: S310 - the scheme was looked at above
            url, data=data, headers=dict(headers or {}), method=method
        )
        proxy = None if direct else self._settings.proxies.proxy_for(address)
        if proxy is not None:
            if proxy.authorization is not None:
                request.add_header("Proxy-authorization", proxy.authorization)
            request.set_proxy(f"{proxy.host}:{proxy.port}", "http")
        ends_at = min(self._deadline, monotonic() + (timeout or CALL_TIMEOUT_S))
        self.in_trouble = True
        self.troubles += 1
        try:
            with self._opener(cert).open(request, timeout=_left(ends_at)) as reply:
                # google-auth tries again after 500, 503 and 504, but not after the 502 of a proxy.
                status = 503 if reply.status == 502 else reply.status
                answer = _Answer(status, reply.headers, _read(reply, ends_at))
        except (OSError, HTTPException, ValueError) as error:
            reason = error.reason if isinstance(error, urllib.error.URLError) else error
            raise NoAnswer(f"{address.host} did not answer: {reason}") from error
        self.in_trouble = status >= 500 or status == 429
        self.troubles -= not self.in_trouble
        return answer

    def _opener(self, cert: tuple[str, str] | None) -> urllib.request.OpenerDirector:
        # Assembled by hand: `build_opener` would follow redirects, read files and speak FTP, and
        # look for proxies by itself.
        opener = urllib.request.OpenerDirector()
        opener.add_handler(urllib.request.HTTPHandler())
        opener.add_handler(_HttpsHandler(partial(self._tls, cert)))
        return opener

    def _tls(self, cert: tuple[str, str] | None) -> ssl.SSLContext:
        if cert is None:
            return tls_context(self._settings.ca_file, self._settings.verify_tls)
        # A certificate of our own, for a workload identity of X.509: not in the shared context.
        context = ssl.create_default_context()
        if self._settings.ca_file is not None:
            context.load_verify_locations(self._settings.ca_file)
        context.load_cert_chain(*cert)
        return context


class _HttpsHandler(urllib.request.AbstractHTTPHandler):
    """Makes the context when there is a connection for it: its certificates take 2 MB and 50 ms."""

    def __init__(self, context: Callable[[], ssl.SSLContext]) -> None:
        super().__init__()
        self._context = context

    def https_open(self, request: urllib.request.Request) -> HTTPResponse:
        return self.do_open(HTTPSConnection, request, context=self._context())

    https_request = urllib.request.AbstractHTTPHandler.do_request_


def _left(ends_at: float) -> float:
    left_s = ends_at - monotonic()
    if left_s <= 0:
        raise TimeoutError("out of time")
    return left_s


def _read(reply: Any, ends_at: float) -> bytes:  # Any: what `open` returns is untyped
    """Return the body; the time counts for all of it, so a server that drips is cut off too."""
    pieces: list[bytes] = []
    size = 0
    while piece := reply.read1(65536):
        size += len(piece)
        if size > MAX_ANSWER_BYTES:
            raise ValueError("its answer is too large")
        pieces.append(piece)
        _left(ends_at)
    return b"".join(pieces)
