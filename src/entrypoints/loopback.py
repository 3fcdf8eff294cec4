"""Names and addresses of this machine alone."""

from ipaddress import ip_address


def is_loopback(host: str) -> bool:
    """Return whether `host`, a name or an address without brackets, leads to this machine only."""
    if host.lower() == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
