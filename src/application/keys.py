"""Keys as every registry and ring sees them: how one is made, written down and found.

A key reads `mmx_<id>_<secret>`; only its SHA-256 is kept. Configuration may bring keys of any
form, in the open or as `sha256:<hex>`.
"""

import hashlib
import hmac
import secrets
from collections.abc import Iterable
from dataclasses import dataclass

from ..domain.errors import ConfigurationError
from ..domain.secret import Secret
from .ports import KeyRecord

_HASH_PREFIX = "sha256:"
_SLOT_BYTES = 16


@dataclass(frozen=True, slots=True)
class HeldKey:
    """A record and the SHA-256 of its key's text."""

    record: KeyRecord
    digest: bytes


class KeyTable:
    """The keys that are valid at one moment, found by their text. Never changed: replaced."""

    __slots__ = ("_held",)

    def __init__(self, keys: Iterable[HeldKey] = ()) -> None:
        self._held = {
            held.digest[:_SLOT_BYTES]: held for held in keys if held.record.revoked_at is None
        }

    def find(self, key: str) -> KeyRecord | None:
        """Return the record of `key`; how long that takes tells nothing of the keys we hold."""
        digest = digest_of(key)
        held = self._held.get(digest[:_SLOT_BYTES])
        if held is None or not hmac.compare_digest(held.digest, digest):
            return None
        return held.record

    def is_empty(self) -> bool:
        return not self._held


def digest_of(key: str) -> bytes:
    # Whatever a header can hold has to pass; lone surrogates match no key, and must not raise.
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).digest()


def new_key(
    *, name: str, tenant: str, now: float, tags: tuple[str, ...] = ()
) -> tuple[HeldKey, str]:
    """Return a fresh key as it is kept, and its text."""
    key_id = secrets.token_hex(5)
    text = f"mmx_{key_id}_{secrets.token_urlsafe(32)}"
    record = KeyRecord(key_id, name, tenant, now, tags=tags)
    return HeldKey(record, digest_of(text)), text


def configured_key(
    secret: Secret, *, name: str, tenant: str, tags: tuple[str, ...] = ()
) -> HeldKey:
    """Return a key from configuration: `sha256:<64 hex digits>`, or the key's own text.

    Raises:
        ConfigurationError: it is empty, or not the hash it says it is.
    """
    value = secret.reveal()
    if value.startswith(_HASH_PREFIX):
        try:
            digest = bytes.fromhex(value.removeprefix(_HASH_PREFIX).strip())
        except ValueError:
            digest = b""
        if len(digest) != hashlib.sha256().digest_size:
            raise ConfigurationError(
                f"the key {name!r} is not a SHA-256 hash",
                hint="write sha256: and 64 hexadecimal digits",
            )
    elif value:
        digest = digest_of(value)
    else:
        raise ConfigurationError(f"the key {name!r} is empty")
    return HeldKey(KeyRecord(f"config-{digest.hex()[:8]}", name, tenant, 0.0, tags=tags), digest)
