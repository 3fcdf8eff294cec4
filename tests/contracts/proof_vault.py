"""The laws of `ProofVault`."""

import asyncio
from abc import ABC, abstractmethod

import pytest

from modelmux.application.ports import KeptProof, ProofKey, ProofVault
from modelmux.domain.conversation import Proof, Reasoning, Vendor


def kept(value: str) -> KeptProof:
    """Return what stands at a Claude tool call after one thought."""
    signature = Proof(Vendor.ANTHROPIC, "claude-test", "signature", value)
    return KeptProof((Reasoning("Let me look that up.", signature),), None)


def key(call_id: str, tenant: str = "acme") -> ProofKey:
    return ProofKey(tenant, call_id)


class ProofVaultContract(ABC):
    """Inherit, give `vault`: empty, running."""

    @pytest.fixture
    @abstractmethod
    def vault(self) -> ProofVault: ...

    async def test_what_was_kept_is_found_unchanged(self, vault: ProofVault) -> None:
        whole = KeptProof(
            (
                Reasoning("", Proof(Vendor.ANTHROPIC, "m", "redacted_thinking", "A" * 5000)),
                Reasoning("", Proof(Vendor.OPENAI, "m", "encrypted_content", "AAA=", "rs_1")),
                Reasoning("plain thought \U0001f600 \x00 \n"),
            ),
            Proof(Vendor.GOOGLE, "gemini-test", "thought_signature", "c2ln+/="),
        )
        await vault.keep({key("call_1"): whole, key("call_2"): kept("two")})
        assert await vault.find([key("call_2"), key("call_1")]) == {
            key("call_1"): whole,
            key("call_2"): kept("two"),
        }

    async def test_only_what_is_asked_for_and_there_is_found(self, vault: ProofVault) -> None:
        await vault.keep({key("call_1"): kept("one"), key("call_2"): kept("two")})
        assert await vault.find([key("call_2"), key("missing")]) == {key("call_2"): kept("two")}

    async def test_nothing_is_kept_and_found_for_nothing(self, vault: ProofVault) -> None:
        await vault.keep({})
        assert await vault.find([]) == {}

    async def test_a_tenant_never_finds_what_is_anothers(self, vault: ProofVault) -> None:
        await vault.keep({key("call_1", "acme"): kept("ours")})
        assert await vault.find([key("call_1", "other")]) == {}
        await vault.keep({key("call_1", "other"): kept("theirs")})
        assert await vault.find([key("call_1", "acme")]) == {key("call_1", "acme"): kept("ours")}

    async def test_keeping_again_replaces(self, vault: ProofVault) -> None:
        await vault.keep({key("call_1"): kept("old")})
        await vault.keep({key("call_1"): kept("new")})
        assert await vault.find([key("call_1")]) == {key("call_1"): kept("new")}

    async def test_many_keep_at_once_and_none_is_lost(self, vault: ProofVault) -> None:
        await asyncio.gather(
            *(vault.keep({key(f"call_{n}"): kept(f"value {n}")}) for n in range(600))
        )
        found = await vault.find([key(f"call_{n}") for n in range(600)])
        assert found == {key(f"call_{n}"): kept(f"value {n}") for n in range(600)}

    async def test_ids_of_any_text_do_no_harm(self, vault: ProofVault) -> None:
        odd = [key("'; DROP TABLE proofs; --"), key("\x00"), key("ключ"), key("x" * 10_000)]
        await vault.keep({one: kept(one.call_id[:5]) for one in odd})
        found = await vault.find([*odd, key("\ud800")])
        assert found == {one: kept(one.call_id[:5]) for one in odd}

    async def test_all_of_a_tenant_is_erased_and_nothing_else(self, vault: ProofVault) -> None:
        ours, theirs = [key(f"call_{n}") for n in range(1100)], key("call_1", "other")
        await vault.keep({one: kept(one.call_id) for one in [*ours, theirs]})
        assert await vault.erase("acme") == len(ours)
        assert await vault.erase("acme") == 0
        assert await vault.find([*ours, theirs]) == {theirs: kept("call_1")}
        await vault.keep({ours[0]: kept("new")})
        assert await vault.find(ours) == {ours[0]: kept("new")}
