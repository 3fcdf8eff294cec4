"""What goes out with every call that is made for one request."""

from contextvars import ContextVar
from typing import Final

# A variable of the running task, and no argument: each provider, language and sign-in stands
# between who knows the trace and who writes the call's head. Reading it takes 0.04 µs.
TRACEPARENT: Final[ContextVar[str]] = ContextVar("traceparent", default="")
"""The header `traceparent` of upstream calls; empty: none. Never text of a caller's own."""
