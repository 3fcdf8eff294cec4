"""How one server wants Responses said: what differs between them, as data."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from ...domain.caching import CacheMark


@dataclass(frozen=True, slots=True)
class Spelling:
    """How one server wants things said.

    `developer_role` False sends developer messages as system messages. `allowed_tools`
    False leaves out the others and says the plain choice. `open_thoughts` sends thoughts that
    nobody sealed back as they are. `least_output_tokens` is the smallest limit that is not refused.
    """

    developer_role: bool = True
    allowed_tools: bool = True
    open_thoughts: bool = False
    least_output_tokens: int = 16


OPENAI: Final = Spelling()
OPEN_MODELS: Final = Spelling(
    developer_role=False,
    allowed_tools=False,
    open_thoughts=True,
    least_output_tokens=1,
)


def encode_mark(mark: CacheMark) -> Mapping[str, str]:
    """Return a cache mark as a `prompt_cache_breakpoint`."""
    ttl = mark.nearest(("30m", "12h"))
    return {"mode": "explicit"} if ttl is None else {"mode": "explicit", "ttl": ttl}
