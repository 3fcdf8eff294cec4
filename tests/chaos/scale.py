"""How much of everything a test takes: all of it, or the short form."""

import os
from typing import Final

# Set by `make chaos`.
FULL: Final = os.environ.get("MODELMUX_CHAOS") == "full"


def scaled(many: int, *, short: int) -> int:
    """Return how many calls, clients, rounds or seconds a law is tried with."""
    return many if FULL else short
