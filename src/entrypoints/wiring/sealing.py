"""The part of the container that seals what clients carry: its keys, and what is made of them."""

import os
from pathlib import Path

from ...adapters.sealing.first_use import FirstUseSealer
from ...adapters.sealing.key_file import FileKeys, rotate
from ...adapters.sealing.keys import KEY_BYTES, HeldKeys, SealKey, SealKeys
from ...application.ports import Clock, Sealer
from ..settings.sections import StateSettings
from .parts import GivePart, Seal


def build(settings: StateSettings, clock: Clock, part: GivePart) -> Seal:
    """Return a sealer with the keys that are written, of a file, or of this process alone."""

    def make(keys: SealKeys) -> Sealer:
        sealer: Sealer = part("cipher").sealer(keys)
        return sealer

    if settings.seal_file is not None and not settings.seal_keys:
        keys = FileKeys(Path(settings.seal_file).expanduser(), clock)
        return Seal(FirstUseSealer(lambda: make(keys)), (keys.start,))
    own = [SealKey.of_text(key.reveal()) for key in settings.seal_keys]
    held = HeldKeys(own or [SealKey(os.urandom(KEY_BYTES))])
    return Seal(FirstUseSealer(lambda: make(held)))


def rotate_key(file: Path) -> str:
    """Add a key to a file; return its id."""
    return rotate(file).id.hex()
