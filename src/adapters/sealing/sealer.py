"""Sealing by AES-256-GCM: what is sealed can be neither read nor changed without the key.

An envelope is `SEAL_MARK` and, in base64url without padding, the key's id, a nonce and the
ciphertext. Tenant and purpose are sealed with it: for another of either it does not open.
"""

import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as NotBase64

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from ...application.ports import SEAL_MARK, Sealer
from ...domain.errors import InvalidRequest
from .keys import ID_BYTES, SealKey, SealKeys

_NONCE_BYTES = 12
_TAG_BYTES = 16


class AesSealer(Sealer):
    """Safe in any thread."""

    def __init__(self, keys: SealKeys) -> None:
        self._keys = keys
        self._ciphers: dict[bytes, AESGCM] = {}

    def seal(self, tenant: str, purpose: str, content: bytes) -> str:
        key = self._keys.newest()
        bound = _bound(tenant, purpose)
        # Made of all that is sealed: no nonce meets two contents, and a view repeats its bytes.
        nonce = hmac.digest(key.nonce_secret, bound + content, "sha256")[:_NONCE_BYTES]
        sealed = self._cipher(key).encrypt(nonce, content, bound)
        return SEAL_MARK + _encode(key.id + nonce + sealed)

    def open(self, tenant: str, purpose: str, sealed: str) -> bytes:
        envelope = _decode(sealed)
        key = self._keys.find(envelope[:ID_BYTES])
        if key is None:
            raise _not_ours()
        nonce = envelope[ID_BYTES : ID_BYTES + _NONCE_BYTES]
        try:
            return self._cipher(key).decrypt(
                nonce, envelope[ID_BYTES + _NONCE_BYTES :], _bound(tenant, purpose)
            )
        except InvalidTag:
            raise _not_ours() from None

    def _cipher(self, key: SealKey) -> AESGCM:
        """Return the cipher of one of the few keys there are."""
        cipher = self._ciphers.get(key.secret)
        if cipher is None:
            cipher = self._ciphers[key.secret] = AESGCM(key.secret)
        return cipher


def _bound(tenant: str, purpose: str) -> bytes:
    """Return what an envelope is bound to; lengths keep the parts apart."""
    parts = [part.encode("utf-8", "surrogatepass") for part in (SEAL_MARK, tenant, purpose)]
    return b"".join(b"%d:%b" % (len(part), part) for part in parts)


def _encode(envelope: bytes) -> str:
    return urlsafe_b64encode(envelope).decode("ascii").rstrip("=")


def _decode(sealed: str) -> bytes:
    text = sealed.removeprefix(SEAL_MARK)
    if text == sealed or not text.isascii():
        raise _not_ours()
    try:
        envelope = urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except NotBase64:
        raise _not_ours() from None
    # The decoder passes over letters it does not know, and over bits after the last byte.
    if len(envelope) < ID_BYTES + _NONCE_BYTES + _TAG_BYTES or _encode(envelope) != text:
        raise _not_ours()
    return envelope


def _not_ours() -> InvalidRequest:
    return InvalidRequest(
        "The encrypted content could not be verified: it was changed or cut, was made for another "
        "caller, or its key is gone. Leave the item out.",
        reason="invalid_encrypted_content",
    )
