"""Ids of calls in Messages' alphabet: others' ids may hold what Claude does not take back."""

import re
from hashlib import blake2s

_FOREIGN = re.compile(r"[^A-Za-z0-9_-]")


def encode_call_id(call_id: str) -> str:
    """Return `call_id` itself if it fits, else one that no other id of a conversation gets.

    The client's later requests may be relayed to Claude as they come.
    """
    fitting = _FOREIGN.sub("_", call_id)
    if fitting == call_id and call_id:
        return call_id
    return f"{fitting}_{blake2s(call_id.encode(), digest_size=6).hexdigest()}"
