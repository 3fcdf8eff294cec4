"""The part of the container that seals what clients carry."""

import os
from collections.abc import Sequence
from pathlib import Path

from ...adapters.sealing.key_file import FileKeys, rotate
from ...adapters.sealing.keys import KEY_BYTES, HeldKeys, SealKey
from ...adapters.sealing.sealer import AesSealer
from ...application.ports import Clock
from ...domain.secret import Secret
from .parts import Seal


def build(file: Path | None, written: Sequence[Secret], clock: Clock) -> Seal:
    """Return a sealer with the keys that are written, of a file, or of this process alone."""
    if written:
        held = HeldKeys([SealKey.of_text(key.reveal()) for key in written])
        return Seal(AesSealer(held))
    if file is None:
        return Seal(AesSealer(HeldKeys([SealKey(os.urandom(KEY_BYTES))])))
    keys = FileKeys(file, clock)
    return Seal(AesSealer(keys), (keys.start,))


def rotate_key(file: Path) -> str:
    """Add a key to a file; return its id."""
    return rotate(file).id.hex()
