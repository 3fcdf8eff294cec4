"""Ids of calls, which most servers give none."""

from typing import Final

_MADE: Final = "call_o_"


def make_call_id(answer: str, index: int) -> str:
    """Return an id for a call that came without one: the same for the same answer and place."""
    return f"{_MADE}{answer}_{index}"
