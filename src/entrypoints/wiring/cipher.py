"""The part of the container that names the cipher: imported when something is sealed first."""

from ...adapters.sealing.keys import SealKeys
from ...adapters.sealing.sealer import AesSealer


def sealer(keys: SealKeys) -> AesSealer:
    return AesSealer(keys)
