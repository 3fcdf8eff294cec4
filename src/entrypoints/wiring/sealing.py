"""The part of the container that seals what clients carry: its keys, and what is made of them."""

import os
from collections.abc import Callable, Sequence
from pathlib import Path

from ...adapters.sealing.first_use import FirstUseSealer
from ...adapters.sealing.key_file import FileKeys, rotate
from ...adapters.sealing.keys import KEY_BYTES, HeldKeys, SealKey, SealKeys
from ...application.ports import Clock, Sealer
from ...domain.secret import Secret
from .parts import Seal


def build(
    file: Path | None,
    written: Sequence[Secret],
    clock: Clock,
    make: Callable[[SealKeys], Sealer],
) -> Seal:
    """Return a sealer with the keys that are written, of a file, or of this process alone."""
    if file is not None and not written:
        keys = FileKeys(file, clock)
        return Seal(FirstUseSealer(lambda: make(keys)), (keys.start,))
    own = [SealKey.of_text(key.reveal()) for key in written]
    held = HeldKeys(own or [SealKey(os.urandom(KEY_BYTES))])
    return Seal(FirstUseSealer(lambda: make(held)))


def rotate_key(file: Path) -> str:
    """Add a key to a file; return its id."""
    return rotate(file).id.hex()
