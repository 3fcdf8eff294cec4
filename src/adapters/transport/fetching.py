"""Short questions beside the answers: lists of models, counts of tokens. Read whole, in bounds."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from itertools import islice
from typing import Final

import msgspec

from ...application.ports import ProbeReport
from ...domain.errors import ModelmuxError, ProviderError, ProviderProtocolBroken
from .client import HttpCall, HttpClient
from .languages import ErrorReply
from .url import Url

MOST_LIST_BYTES: Final = 8 * 2**20
MOST_COUNT_BYTES: Final = 64 * 1024
MOST_MODELS: Final = 5000


async def fetch(
    client: HttpClient,
    call: HttpCall,
    decode_error: Callable[[ErrorReply], ProviderError],
    *,
    most_bytes: int,
) -> bytes:
    """Return the body of the reply to `call`.

    Raises:
        ProviderError: no reply, or none of success; with the provider's name on it.
    """
    try:
        reply = await client.send(call)
        try:
            body = await reply.read_all(most_bytes)
        finally:
            await reply.aclose()
        if not 200 <= reply.status < 300:
            raise decode_error(ErrorReply(reply.status, reply.headers, body))
    except ProviderError as error:
        error.provider = client.provider
        raise
    return body


def read_count(answer: bytes, read: Callable[[bytes], int], *, provider: str) -> int:
    """Return the number of tokens that `read` finds in `answer`.

    Raises:
        ProviderProtocolBroken: it finds none.
    """
    try:
        return read(answer)
    except msgspec.DecodeError as error:
        raise ProviderProtocolBroken(
            "The upstream counted no tokens.", provider=provider, detail=str(error)
        ) from error


async def report_within(timeout_s: float, url: Url, asking: Awaitable[ProbeReport]) -> ProbeReport:
    """Return what `asking` the list of models at `url` tells, or why it tells nothing."""
    try:
        async with asyncio.timeout(timeout_s):
            return await asking
    except TimeoutError:
        return ProbeReport(False, f"no answer within {timeout_s:g} s")
    except msgspec.DecodeError:
        return ProbeReport(False, f"{asked(url)} answered something that is no list of models")
    except ModelmuxError as error:
        return ProbeReport.failed(error)


def listed(url: Url, names: Iterable[str]) -> ProbeReport:
    """Return the report of a list of models; names that are empty are none."""
    models = tuple(islice(filter(None, names), MOST_MODELS))
    return ProbeReport(True, f"{asked(url)} lists {len(models)} models", models)


def asked(url: Url) -> str:
    """Return the question in words, without what only we need to know of it."""
    return f"GET {url.target.partition('?')[0]}"
