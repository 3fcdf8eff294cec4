"""Tenants and ids as they stand in keys: any text, quoted, so that a colon only ever parts."""

from urllib.parse import quote, unquote


def quoted(text: str) -> str:
    return quote(text, safe="", errors="surrogatepass")


def unquoted(name: bytes) -> str:
    return unquote(name.decode("ascii"), errors="surrogatepass")


def parted(name: bytes) -> tuple[str, str]:
    """Return tenant and id of a name `tenant:id`."""
    tenant, _, id_ = name.partition(b":")
    return unquoted(tenant), unquoted(id_)
