"""`${NAME}`, `${NAME:-default}` and `${file:/path}` in the values of the configuration."""

import re
from collections.abc import Mapping
from pathlib import Path

_REFERENCE = re.compile(r"\$\$\{|\$\{([^}]*)\}")
_VARIABLE = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)(?::-(.*))?", re.DOTALL)


class BadReference(Exception):
    """A reference that cannot be followed: what is wrong, and what to do."""

    def __init__(self, message: str, hint: str) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


def references_in(text: str) -> tuple[str, ...]:
    """Return the references as they are written; `$${` is no reference but the text `${`."""
    return tuple(match[0] for match in _REFERENCE.finditer(text) if match[1] is not None)


def expand(text: str, environ: Mapping[str, str]) -> str:
    """Return `text` with every reference replaced.

    Raises:
        BadReference: a variable is not set, or a file cannot be read.
    """
    return _REFERENCE.sub(lambda match: _follow(match, environ), text)


def _follow(match: re.Match[str], environ: Mapping[str, str]) -> str:
    inside: str | None = match[1]
    if inside is None:
        return "${"
    if inside.startswith("file:"):
        return _read(inside.removeprefix("file:"))
    variable = _VARIABLE.fullmatch(inside)
    if variable is None:
        raise BadReference(
            f"{match[0]} is not a reference",
            "write ${NAME}, ${NAME:-default} or ${file:/path}; write $${ for the text ${",
        )
    name: str = variable[1]
    default: str | None = variable[2]
    value = environ.get(name) or default
    if value is None:
        state = "is empty" if name in environ else "is not set"
        raise BadReference(
            f"environment variable {name} {state}",
            f"set it, or give a default: ${{{name}:-value}}",
        )
    return value


def _read(path: str) -> str:
    try:
        return Path(path).expanduser().read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise BadReference(
            f"cannot read {path}: {reason}", "the file must be there, and readable for this user"
        ) from error
