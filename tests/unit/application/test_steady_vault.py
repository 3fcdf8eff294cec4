"""A vault whose store fails now and then."""

from collections.abc import Iterable, Mapping

import pytest

from modelmux.adapters.memory.clock import ManualClock
from modelmux.adapters.memory.proof_vault import MemoryProofVault
from modelmux.application.ports import KeptProof, ProofKey, ProofVault
from modelmux.application.steady_vault import SteadyVault
from modelmux.domain.errors import StoreError
from tests.contracts.proof_vault import ProofVaultContract, kept, key


class FailingVault(MemoryProofVault):
    """Fails while `gone`."""

    gone = False
    kept_at_once = 0

    async def keep(self, proofs: Mapping[ProofKey, KeptProof]) -> None:
        self._check()
        self.kept_at_once = max(self.kept_at_once, len(proofs))
        await super().keep(proofs)

    async def find(self, keys: Iterable[ProofKey]) -> Mapping[ProofKey, KeptProof]:
        self._check()
        return await super().find(keys)

    def _check(self) -> None:
        if self.gone:
            raise StoreError("gone")


def _vaults() -> tuple[FailingVault, SteadyVault]:
    clock = ManualClock()
    inner = FailingVault(clock)
    return inner, SteadyVault(inner, MemoryProofVault(clock))


class TestSteadyVault(ProofVaultContract):
    @pytest.fixture
    def vault(self) -> ProofVault:
        return _vaults()[1]


async def test_what_this_process_kept_is_found_while_the_store_is_gone() -> None:
    inner, vault = _vaults()
    await vault.keep({key("before"): kept("one")})
    inner.gone = True
    await vault.keep({key("meanwhile"): kept("two")})
    assert len(await vault.find([key("before"), key("meanwhile")])) == 2
    with pytest.raises(StoreError):
        await vault.find([key("elsewhere")])


async def test_what_is_owed_is_found_and_paid_back_a_few_at_a_time() -> None:
    inner, vault = _vaults()
    inner.gone = True
    keys = [key(f"call_{number}") for number in range(120)]
    for one in keys:
        await vault.keep({one: kept("x")})
    inner.gone = False
    assert set(await vault.find(keys)) == set(keys)
    for number in range(3):
        await vault.keep({key(f"later_{number}"): kept("y")})
    assert set(await inner.find(keys)) == set(keys)
    assert inner.kept_at_once <= 51


async def test_what_is_erased_is_owed_no_more() -> None:
    inner, vault = _vaults()
    inner.gone = True
    await vault.keep({key("call"): kept("x")})
    inner.gone = False
    await vault.erase(key("call").tenant)
    await vault.keep({key("other"): kept("y")})
    assert await inner.find([key("call")]) == {}
