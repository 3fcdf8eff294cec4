"""Function names and call ids as Gemini takes them, and back."""

import re
from collections.abc import Iterable, Mapping
from hashlib import blake2s

_FITTING = re.compile(r"[A-Za-z_][A-Za-z0-9_.:-]{0,127}")
_FOREIGN = re.compile(r"[^A-Za-z0-9_.:-]")
_MADE = "call_g_"


def encode_name(name: str) -> str:
    """Return `name` in Gemini's alphabet: itself if it fits, else one no other name gets."""
    if _FITTING.fullmatch(name):
        return name
    digest = blake2s(name.encode(), digest_size=4).hexdigest()
    return f"_{_FOREIGN.sub('_', name)[:110]}_{digest}"


def renamed(names: Iterable[str]) -> Mapping[str, str]:
    """Return the way back for those of `names` that had to be changed."""
    return {encoded: name for name in names if (encoded := encode_name(name)) != name}


def make_call_id(response_id: str, choice: int, index: int) -> str:
    """Return an id for a call that came without one: the same for the same answer and place."""
    return f"{_MADE}{response_id}_{choice}_{index}" if choice else f"{_MADE}{response_id}_{index}"


def was_made(call_id: str) -> bool:
    """Whether Gemini never saw `call_id`: a call goes back as it came, without one."""
    return call_id.startswith(_MADE)
