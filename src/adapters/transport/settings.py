"""How patient and how generous the client is with an upstream; every bound has a default."""

from dataclasses import dataclass

from .proxies import NO_PROXIES, ProxyRules


@dataclass(frozen=True, slots=True)
class TransportSettings:
    """Times are seconds, sizes bytes.

    `first_byte_timeout_s` counts from the sent request to the head of the reply,
    `idle_timeout_s` between two signs of progress after it, `total_timeout_s` over everything.
    `wait_timeout_s` is how long a call waits for one of the `max_connections` slots.
    `ca_file` is trusted beside the system's store. `proxies` are made of an environment by whoever
    reads one. `dry`: no call is sent, nor is anybody asked for what would sign it in; whoever signs
    calls in puts a word in braces in its place.
    """

    connect_timeout_s: float = 5.0
    first_byte_timeout_s: float = 120.0
    idle_timeout_s: float = 120.0
    total_timeout_s: float = 3600.0
    max_connections: int = 512
    max_waiting: int = 2048
    wait_timeout_s: float = 10.0
    keep_alive_s: float = 30.0
    max_header_bytes: int = 65536
    max_event_bytes: int = 16 * 2**20
    max_body_bytes: int = 64 * 2**20
    ca_file: str | None = None
    verify_tls: bool = True
    proxies: ProxyRules = NO_PROXIES
    dry: bool = False
