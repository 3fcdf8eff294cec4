"""How one server wants chat completions said: what differs between them, as data."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

from ...domain.caching import CacheMark
from ...domain.conversation import Vendor

NOTHING: Final[Mapping[str, object]] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Spelling:
    """How one server wants things said.

    `developer_role` False sends developer messages as system messages. `proofs` names the vendor
    whose thoughts go back with its own proof; `echo_reasoning` sends back thoughts that are no
    vendor's proof; both as `reasoning_content`. `no_effort` are the members that switch thinking
    off where `reasoning_effort` has no word for it. `allowed_tools` False sends the same
    meaning in plain choices; `old_functions` False knows nothing of `functions` and
    `function_call`, and would ignore them in a relayed body.
    """

    max_tokens: str = "max_completion_tokens"
    stream_options: bool = True
    developer_role: bool = True
    proofs: Vendor | None = None
    echo_reasoning: bool = False
    no_effort: Mapping[str, object] = field(default_factory=lambda: NOTHING)
    allowed_tools: bool = True
    old_functions: bool = True


OPENAI: Final = Spelling()


def encode_mark(mark: CacheMark) -> Mapping[str, str]:
    """Return a cache mark as a `prompt_cache_breakpoint`."""
    ttl = mark.nearest(("30m", "12h"))
    return {"mode": "explicit"} if ttl is None else {"mode": "explicit", "ttl": ttl}
