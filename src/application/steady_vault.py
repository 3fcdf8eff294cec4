"""A vault that goes on while its store is gone, for the conversations that stay here."""

from collections import OrderedDict
from collections.abc import Iterable, Mapping
from itertools import islice

from ..domain.errors import StoreError
from .ports import KeptProof, ProofKey, ProofVault

_MAX_OWED = 10_000
_REPAID_AT_ONCE = 50


class SteadyVault(ProofVault):
    """`inner` is shared and may fail; `front` is this process's memory, and bounds itself.

    What could not be written is owed: it is written with what is kept next, a few at a time, so
    that a store that comes back is not met by all of it at once. Beyond 10,000 the oldest is lost.
    """

    def __init__(self, inner: ProofVault, front: ProofVault) -> None:
        self._inner = inner
        self._front = front
        self._owed: OrderedDict[ProofKey, KeptProof] = OrderedDict()

    async def keep(self, proofs: Mapping[ProofKey, KeptProof]) -> None:
        await self._front.keep(proofs)
        repaid = dict(islice(self._owed.items(), _REPAID_AT_ONCE))
        try:
            await self._inner.keep({**repaid, **proofs})
        except StoreError:
            self._owed.update(proofs)
            while len(self._owed) > _MAX_OWED:
                self._owed.popitem(last=False)
        else:
            for key in (*repaid, *proofs):
                self._owed.pop(key, None)

    async def find(self, keys: Iterable[ProofKey]) -> Mapping[ProofKey, KeptProof]:
        wanted = tuple(keys)
        try:
            found = await self._inner.find(wanted)
        except StoreError:
            found = await self._front.find(wanted)
            if not found:
                raise
            return found
        if not self._owed:
            return found
        owed = {key: self._owed[key] for key in wanted if key in self._owed}
        return {**owed, **found}

    async def erase(self, tenant: str) -> int:
        erased = await self._front.erase(tenant)
        for key in [key for key in self._owed if key.tenant == tenant]:
            del self._owed[key]
        return max(erased, await self._inner.erase(tenant))
