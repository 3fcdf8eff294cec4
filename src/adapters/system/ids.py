"""Ids from the system's random source, drawn in bulk: one system call serves some 200 ids."""

import os
import string
import sys

from ...application.ports import IdSource

_LENGTH = 20  # 62 ** 20 is 119 bits
_LETTERS = (string.digits + string.ascii_letters).encode()
# 248 is the largest multiple of 62 in a byte; bytes from there on are left out: none is favoured.
_TO_LETTER = bytes(_LETTERS[byte % 62] for byte in range(256))
_LEFT_OUT = bytes(range(248, 256))


class RandomIds(IdSource):
    """Safe from several threads (`list.pop` is atomic) and in forked children."""

    def __init__(self) -> None:
        self._ready: list[str] = []
        if sys.platform != "win32":
            # A child that went on with its parent's supply would give out the parent's ids.
            os.register_at_fork(after_in_child=self._forget)

    def new(self, prefix: str) -> str:
        try:
            return prefix + self._ready.pop()
        except IndexError:
            ready = _draw()
            id_ = ready.pop()
            self._ready = ready
            return prefix + id_

    def _forget(self) -> None:
        self._ready = []


def _draw() -> list[str]:
    letters = os.urandom(4096).translate(_TO_LETTER, _LEFT_OUT).decode("ascii")
    return [letters[start : start + _LENGTH] for start in range(0, len(letters) - _LENGTH, _LENGTH)]
