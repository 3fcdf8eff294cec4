"""Trust: the system's store, and what the configuration adds to it."""

import ssl
from functools import lru_cache

from ...domain.errors import ConfigurationError


@lru_cache(maxsize=16)
def tls_context(ca_file: str | None, verify: bool) -> ssl.SSLContext:
    """Return the context for connections to upstreams; reading the store takes some 20 ms, once.

    Raises:
        ConfigurationError: `ca_file` holds no certificates.
    """
    context = ssl.create_default_context()
    context.set_alpn_protocols(["http/1.1"])
    if ca_file is not None:
        try:
            context.load_verify_locations(ca_file)
        except OSError as error:
            raise ConfigurationError(
                f"{ca_file!r} holds no certificates that can be read",
                hint="name a PEM file",
            ) from error
    if not verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context
