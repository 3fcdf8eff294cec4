"""The vault in Redis: what every vault must, and its bounds."""

import asyncio

import pytest

from modelmux.adapters.memory.clock import ManualClock
from modelmux.adapters.redis.proof_vault import RedisProofLimits, RedisProofVault
from modelmux.adapters.redis.server import RedisServer
from modelmux.application.ports import ProofKey, ProofVault
from modelmux.domain.errors import StoreError
from tests.contracts.proof_vault import ProofVaultContract, kept, key


class TestRedisProofVault(ProofVaultContract):
    @pytest.fixture
    def vault(self, server: RedisServer) -> ProofVault:
        return RedisProofVault(server, ManualClock())


async def names(vault: ProofVault, *keys: ProofKey) -> list[str]:
    return [found.call_id for found in await vault.find(keys)]


async def test_proofs_are_gone_after_their_time(server: RedisServer) -> None:
    vault = RedisProofVault(server, ManualClock(), RedisProofLimits(ttl_s=0.2))
    await vault.keep({key("call_1"): kept("one")})
    assert await names(vault, key("call_1")) == ["call_1"]
    await asyncio.sleep(0.25)
    assert await names(vault, key("call_1")) == []


async def test_a_tenant_over_its_number_loses_its_own_oldest(server: RedisServer) -> None:
    clock = ManualClock()
    vault = RedisProofVault(server, clock, RedisProofLimits(tenant_entries=2))
    for name, tenant in [("a", "other"), ("b", "acme"), ("c", "acme"), ("d", "acme")]:
        await vault.keep({key(name, tenant): kept(name)})
        clock.advance(1)
    assert await names(vault, key("a", "other"), key("b"), key("c"), key("d")) == ["a", "c", "d"]


async def test_all_together_are_bounded_too(server: RedisServer) -> None:
    clock = ManualClock()
    vault = RedisProofVault(server, clock, RedisProofLimits(entries=2))
    for name in "abc":
        await vault.keep({key(name, f"tenant:{name}"): kept(name)})
        clock.advance(1)
    assert await names(vault, *(key(name, f"tenant:{name}") for name in "abc")) == ["b", "c"]


async def test_what_is_too_large_or_no_text_is_refused(server: RedisServer) -> None:
    vault = RedisProofVault(server, ManualClock())
    for value in ("x" * (9 * 2**20), "\ud800"):
        with pytest.raises(StoreError):
            await vault.keep({key("call_1"): kept(value)})
    assert await names(vault, key("call_1")) == []
