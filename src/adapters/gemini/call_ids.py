"""Ids for the calls of Gemini's that came without one."""

_MADE = "call_g_"


def make_call_id(response_id: str, choice: int, index: int) -> str:
    """Return an id for a call that came without one: the same for the same answer and place."""
    return f"{_MADE}{response_id}_{choice}_{index}" if choice else f"{_MADE}{response_id}_{index}"


def was_made(call_id: str) -> bool:
    """Whether Gemini never saw `call_id`: a call goes back as it came, without one."""
    return call_id.startswith(_MADE)
