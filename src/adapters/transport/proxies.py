"""Which upstreams are reached through an HTTP proxy, by the usual environment variables.

Read as Go and curl do: `HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY`, either case (lower wins), and
`NO_PROXY`, a list of names (with their subdomains), addresses, networks and ports, or `*`.
Loopback is never proxied.
"""

import base64
import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from urllib.parse import unquote, urlsplit

from ...domain.errors import ConfigurationError
from .url import Url


@dataclass(frozen=True, slots=True)
class Proxy:
    """`authorization` is the value of the header that signs us in there, if any."""

    host: str
    port: int
    authorization: str | None = None


@dataclass(frozen=True, slots=True)
class ProxyRules:
    """The proxy for each scheme, and the hosts that go without."""

    by_scheme: Mapping[str, Proxy]
    exempt: tuple[str, ...] = ()

    @classmethod
    def from_environment(cls, environ: Mapping[str, str]) -> "ProxyRules":
        """Return the rules the variables state.

        Raises:
            ConfigurationError: a proxy is not reached by plain HTTP.
        """
        by_scheme: dict[str, Proxy] = {}
        for scheme in ("http", "https"):
            for name in (f"{scheme}_proxy", "all_proxy"):
                text = environ.get(name) or environ.get(name.upper())
                if text:
                    by_scheme[scheme] = _parse_proxy(text, name.upper())
                    break
        exempt = environ.get("no_proxy") or environ.get("NO_PROXY") or ""
        return cls(
            by_scheme, tuple(one.strip().lower() for one in exempt.split(",") if one.strip())
        )

    def proxy_for(self, url: Url) -> Proxy | None:
        """Return the proxy through which `url` is reached; None: none."""
        proxy = self.by_scheme.get(url.scheme)
        if proxy is None or _is_loopback(url.host):
            return None
        if any(_covers(rule, url) for rule in self.exempt):
            return None
        return proxy


NO_PROXIES = ProxyRules(MappingProxyType({}))


def _parse_proxy(text: str, variable: str) -> Proxy:
    parts = urlsplit(text if "://" in text else f"http://{text}")
    try:
        port = parts.port or 80
    except ValueError:
        port = 0
    if parts.scheme != "http" or not parts.hostname or not port:
        raise ConfigurationError(
            "the proxy has to be an address of the form http://host:port",
            where=variable,
            hint="change or unset it, or tell the provider not to trust proxy variables",
        )
    authorization = None
    if parts.username is not None:
        pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
        authorization = "Basic " + base64.b64encode(pair.encode()).decode()
    return Proxy(parts.hostname, port, authorization)


def _is_loopback(host: str) -> bool:
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _covers(rule: str, url: Url) -> bool:
    if rule == "*":
        return True
    if "/" in rule:
        try:
            return ipaddress.ip_address(url.host) in ipaddress.ip_network(rule, strict=False)
        except ValueError:
            return False
    if rule.startswith("[") or rule.count(":") == 1:
        rule, _, port = rule.rpartition(":") if not rule.endswith("]") else (rule, "", "")
        if port and port != str(url.port):
            return False
        rule = rule.strip("[]")
    name = rule.removeprefix("*").removeprefix(".")
    return url.host == name or url.host.endswith(f".{name}")
