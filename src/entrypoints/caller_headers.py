"""The caller's headers as routing and the cache read them, where they are configured."""

from collections.abc import Callable, Mapping
from typing import Final, TypeAlias

from ..domain.request import NO_TERMS

HeaderReader: TypeAlias = Callable[[Mapping[bytes, bytes]], Mapping[str, str]]

# What signs a caller in, here or at a provider; a cookie of whoever sits in front too.
SECRET_HEADERS: Final = frozenset(
    {
        "api-key", "authorization", "cookie", "proxy-authorization", "x-amz-security-token",
        "x-api-key", "x-goog-api-key",
    }
)  # fmt: skip


def told_headers(headers: Mapping[bytes, bytes]) -> Mapping[str, str]:
    """Return them as texts without what signs the caller in; ASGI's names are in small letters."""
    told = {name.decode("latin-1"): value.decode("latin-1") for name, value in headers.items()}
    return {name: value for name, value in told.items() if name not in SECRET_HEADERS}


def cache_control(headers: Mapping[bytes, bytes]) -> Mapping[str, str]:
    """Return what the caller says to caches, and nothing else."""
    said = headers.get(b"cache-control")
    return NO_TERMS if said is None else {"cache-control": said.decode("latin-1")}


def no_headers(headers: Mapping[bytes, bytes]) -> Mapping[str, str]:
    """Return nothing: nobody reads them."""
    del headers
    return NO_TERMS
