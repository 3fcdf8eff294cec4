"""What stands in a thinking block's `signature` when the thoughts are not Claude's.

It is the envelope of the Responses dialect, so thoughts that were begun in one go on in the other.
Claude's own signatures are not sealed: the next request may be relayed to Claude byte for byte.
"""

from ...application.ports import Sealer
from ...domain.conversation import Reasoning
from ..responses.sealing import open_reasoning, seal_reasoning


def seal_thinking(sealer: Sealer, tenant: str, item: Reasoning) -> str:
    """Return the `signature` of thoughts, their text and proof in it; begins with `SEAL_MARK`."""
    return seal_reasoning(sealer, tenant, item)


def open_thinking(sealer: Sealer, tenant: str, sealed: str) -> Reasoning:
    """Return the thoughts whose `signature` was `sealed`.

    Raises:
        InvalidRequest: it is not what we gave this tenant.
    """
    return open_reasoning(sealer, tenant, sealed)
