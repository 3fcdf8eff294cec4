"""Where each key of a TOML text stands, so that an error can point at it.

Source: TOML 1.0.0. `tomllib` tells no positions. The text must already have been accepted by it:
this scanner finds keys and skips values, it checks nothing.
"""

import re
import tomllib
from bisect import bisect_right
from typing import NamedTuple, TypeAlias

KeyPath: TypeAlias = tuple[str | int, ...]
"""Keys and list indexes from the top: `("providers", 0, "region")`."""

_BLANK = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")
_SPACE = re.compile(r"[ \t]*")
_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")
_STRING = re.compile(
    r'"""(?:\\.|[^\\])*?"""+' r"|'''.*?'''+" r'|"(?:\\.|[^"\\])*"' r"|'[^']*'", re.DOTALL
)
_SCALAR = re.compile(r"[^,\]}\n#]*")


class Position(NamedTuple):
    """Both count from 1."""

    line: int
    column: int


def locate(text: str) -> dict[KeyPath, Position]:
    """Return the position of every table, key and list element of a valid TOML text."""
    return _Scanner(text).scan()


class _Scanner:
    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._starts = [0, *(match.end() for match in re.finditer("\n", text))]
        self._places: dict[KeyPath, Position] = {}
        self._last_element: dict[KeyPath, int] = {}

    def scan(self) -> dict[KeyPath, Position]:
        table: KeyPath = ()
        while not self._ends():
            if self._text[self._at] == "[":
                table = self._header()
            else:
                self._pair(table)
        return self._places

    def _ends(self) -> bool:
        self._skip(_BLANK)
        return self._at >= len(self._text)

    def _skip(self, pattern: re.Pattern[str]) -> str:
        match = pattern.match(self._text, self._at)
        taken = match[0] if match else ""
        self._at += len(taken)
        return taken

    def _note(self, path: KeyPath, start: int) -> None:
        line = bisect_right(self._starts, start)
        self._places.setdefault(path, Position(line, start - self._starts[line - 1] + 1))

    def _header(self) -> KeyPath:
        start = self._at
        of_array = self._text.startswith("[[", start)
        self._at += 2 if of_array else 1
        parts = self._key()
        self._at += 2 if of_array else 1
        path: KeyPath = ()
        for part in parts:
            path = (*self._in_last_element(path), part)
            self._note(path, start)
        if not of_array:
            return self._in_last_element(path)
        self._last_element[path] = self._last_element.get(path, -1) + 1
        path = self._in_last_element(path)
        self._note(path, start)
        return path

    def _in_last_element(self, path: KeyPath) -> KeyPath:
        index = self._last_element.get(path)
        return path if index is None else (*path, index)

    def _key(self) -> list[str]:
        parts: list[str] = []
        while True:
            self._skip(_SPACE)
            if quoted := self._skip(_STRING):
                parts.append(tomllib.loads(f"key = {quoted}")["key"])
            else:
                parts.append(self._skip(_BARE_KEY))
            self._skip(_SPACE)
            if not self._text.startswith(".", self._at):
                return parts
            self._at += 1

    def _pair(self, table: KeyPath) -> None:
        start = self._at
        path = table
        for part in self._key():
            path = (*path, part)
            self._note(path, start)
        self._at += 1  # the equals sign
        self._skip(_SPACE)
        self._value(path)

    def _value(self, path: KeyPath) -> None:
        opening = self._text[self._at]
        if opening == "[":
            self._at += 1
            index = 0
            while not self._closed("]"):
                self._note((*path, index), self._at)
                self._value((*path, index))
                index += 1
        elif opening == "{":
            self._at += 1
            while not self._closed("}"):
                self._pair(path)
        elif not self._skip(_STRING):
            self._skip(_SCALAR)

    def _closed(self, bracket: str) -> bool:
        """Step over a comma; return whether `bracket` ends the list, stepping over it too."""
        self._skip(_BLANK)
        if self._text[self._at] == ",":
            self._at += 1
            self._skip(_BLANK)
        if self._text[self._at] == bracket:
            self._at += 1
            return True
        return False
