"""Addresses of upstreams, taken apart once."""

import re
from dataclasses import dataclass
from urllib.parse import urlsplit

from ...domain.errors import ConfigurationError

_PORTS = {"http": 80, "https": 443}
_HOST = re.compile(r"[a-z0-9._-]+|[0-9a-f:.]*:[0-9a-f:.]*(%[a-z0-9._-]+)?")
_TARGET = re.compile(r"/[\x21-\x7e]*")


@dataclass(frozen=True, slots=True)
class Url:
    """`host` is lower case and without brackets; `target` is path and query, ready to send."""

    scheme: str
    host: str
    port: int
    target: str

    @classmethod
    def parse(cls, text: str) -> "Url":
        """Return the parts of an http or https address.

        Raises:
            ConfigurationError: it is not one, or holds a user name, a fragment or a space.
        """
        try:
            parts = urlsplit(text)
            port = parts.port
            host = (parts.hostname or "").encode("idna" if not text.isascii() else "ascii").decode()
        except ValueError as error:
            raise _broken(text) from error
        target = parts.path or "/"
        if parts.query:
            target = f"{target}?{parts.query}"
        if (
            parts.scheme not in _PORTS
            or parts.username is not None
            or parts.fragment
            or port == 0
            or not text.strip() == text
            or not _HOST.fullmatch(host)
            or not _TARGET.fullmatch(target)
        ):
            raise _broken(text)
        return cls(parts.scheme, host, port or _PORTS[parts.scheme], target)

    def at(self, target: str) -> "Url":
        """Return another address at the same origin; `target` starts with a slash."""
        if not _TARGET.fullmatch(target):
            raise _broken(target)
        return Url(self.scheme, self.host, self.port, target)

    def join(self, path: str) -> "Url":
        """Return this address with `path` put behind its own path; its query stays last."""
        own, mark, query = self.target.partition("?")
        return self.at(f"{own.rstrip('/')}/{path.lstrip('/')}{mark}{query}")

    @property
    def authority(self) -> str:
        """Host and port as the Host header spells them."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _PORTS[self.scheme] else f"{host}:{self.port}"

    def __str__(self) -> str:
        return f"{self.scheme}://{self.authority}{self.target}"


def _broken(text: str) -> ConfigurationError:
    # What stands before an @ may be a password, and behind a ? a key.
    shown = text.rpartition("@")[2].partition("?")[0][:200]
    return ConfigurationError(
        f"{shown!r} is not an address of an upstream",
        hint="write it as https://host/path, without user name, spaces or fragment",
    )
