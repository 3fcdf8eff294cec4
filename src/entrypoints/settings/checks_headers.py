"""What a header can be called, and hold. Source: RFC 9110, 5.1 and 5.5."""

import re
from typing import Final

from ...domain.secret import Secret
from .origins import Origins, spell
from .toml_positions import KeyPath

HEADER_NAME: Final = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_NAME = re.compile(HEADER_NAME)
_VALUE = re.compile(r"[\t\x20-\x7e\x80-\xff]*")


def check_header(name: str, value: Secret, path: KeyPath, origins: Origins) -> None:
    """Raise if no header can be called `name`, or hold `value`.

    Raises:
        ConfigurationError: with its place.
    """
    if not _NAME.fullmatch(name):
        raise origins.error(path, f'{spell(path)}: "{name}" cannot be a header\'s name')
    if not _VALUE.fullmatch(value.reveal()):
        raise origins.error(
            path,
            f"{spell(path)}: no header can hold this value",
            hint="look for line breaks, and for typographic quotes or spaces around it",
        )
