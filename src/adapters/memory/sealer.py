"""A sealer that keeps what it seals and gives out tokens for it."""

import secrets

from ...application.ports import SEAL_MARK, Sealer
from ...domain.errors import InvalidRequest


class MemorySealer(Sealer):
    """Unbounded: for tests."""

    def __init__(self) -> None:
        self._texts: dict[tuple[str, str, bytes], str] = {}
        self._sealed: dict[tuple[str, str, str], bytes] = {}

    def seal(self, tenant: str, purpose: str, content: bytes) -> str:
        text = self._texts.get((tenant, purpose, content))
        if text is None:
            text = self._texts[tenant, purpose, content] = SEAL_MARK + secrets.token_urlsafe(24)
            self._sealed[tenant, purpose, text] = content
        return text

    def open(self, tenant: str, purpose: str, sealed: str) -> bytes:
        try:
            return self._sealed[tenant, purpose, sealed]
        except KeyError:
            raise InvalidRequest(
                "The encrypted content could not be verified.", reason="invalid_encrypted_content"
            ) from None
