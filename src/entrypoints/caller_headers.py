"""The caller's headers as routing reads them, where rules or affinity are configured."""

from collections.abc import Mapping
from typing import Final

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
