"""Who asks: the key in any of its carriers, or nobody on an open loopback address."""

from collections.abc import Mapping
from functools import lru_cache

from ..application.ports import KeyRing
from ..domain.errors import Forbidden, InvalidKey, MissingKey
from ..domain.request import Caller
from .loopback import is_loopback

_LOCAL = Caller("local")


def admit(
    headers: Mapping[bytes, bytes],
    keys: KeyRing | None,
    *,
    open_access: bool,
    named_first: bool = False,
) -> Caller:
    """Return the caller behind `headers`; `named_first`: `x-api-key` wins over `authorization`.

    Open access, which only a loopback address has, lasts while nobody holds a key. It takes any
    key or none: client libraries want one to be set. It refuses what a web page in the user's
    browser could send there: a host name that was made to resolve to this machine, or another
    site's script.

    Raises:
        MissingKey: there is no key, and one is needed.
        InvalidKey: there is one that we do not know.
        Forbidden: open access from where it does not reach.
    """
    key = _key(headers, named_first=named_first)
    if key is not None and keys is not None:
        record = keys.find(key)
        if record is not None:
            return Caller(record.tenant, record.id, record.tags, record.name)
    if open_access and (keys is None or keys.is_empty()):
        _check_local(headers)
        return _LOCAL
    if key is None:
        raise MissingKey(
            "No API key was given. Send it as 'Authorization: Bearer <key>', 'x-api-key' or "
            "'api-key'."
        )
    raise InvalidKey("The API key is not valid here.")


def _key(headers: Mapping[bytes, bytes], *, named_first: bool) -> str | None:
    if named_first and (named := headers.get(b"x-api-key")):
        return named.decode("latin-1")
    bearer = headers.get(b"authorization")
    if bearer is not None:
        scheme, _, key = bearer.partition(b" ")
        if scheme.lower() == b"bearer" and (key := key.strip()):
            return key.decode("latin-1")
    named = headers.get(b"x-api-key") or headers.get(b"api-key")
    return named.decode("latin-1") if named else None


def _check_local(headers: Mapping[bytes, bytes]) -> None:
    if not _names_loopback(headers.get(b"host", b"")):
        raise Forbidden(
            "Without keys this gateway answers to loopback names only (localhost, 127.0.0.1). "
            "Create a key to reach it by another name."
        )
    origin = headers.get(b"origin")
    if origin is not None and not _names_loopback(origin.partition(b"://")[2]):
        raise Forbidden("Without keys this gateway does not answer web pages of other sites.")


@lru_cache(1024)
def _names_loopback(host: bytes) -> bool:
    name = host.decode("latin-1")
    name = name[1:].partition("]")[0] if name.startswith("[") else name.partition(":")[0]
    return is_loopback(name)
