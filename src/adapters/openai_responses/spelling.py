"""How one server wants Responses said: what differs between them, as data."""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Spelling:
    """How one server wants things said.

    `developer_role` False sends developer messages as system messages. `custom_tools` False sends
    free-text tools as functions with one argument. `least_output_tokens` is the smallest limit
    that is not refused.
    """

    developer_role: bool = True
    custom_tools: bool = True
    least_output_tokens: int = 16


OPENAI: Final = Spelling()
OPEN_MODELS: Final = Spelling(developer_role=False, custom_tools=False, least_output_tokens=1)
