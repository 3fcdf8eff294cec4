import pytest

from modelmux.adapters.memory.clock import ManualClock
from modelmux.adapters.memory.ids import CountingIds
from modelmux.adapters.memory.keys import MemoryKeyRegistry, MemoryKeyRing
from modelmux.adapters.memory.media_fetcher import MemoryMediaFetcher
from modelmux.adapters.memory.observer import RecordingObserver
from modelmux.adapters.memory.proof_vault import MemoryProofVault, ProofLimits
from modelmux.application.keys import configured_key
from modelmux.application.ports import IdSource, Observer, ProofVault
from modelmux.domain.conversation import ImageData
from modelmux.domain.errors import InvalidRequest
from modelmux.domain.secret import Secret
from tests.contracts.id_source import IdSourceContract
from tests.contracts.key_ring import KeyRingContract, Keys
from tests.contracts.observer import ObserverContract, finished, request
from tests.contracts.proof_vault import ProofVaultContract, kept, key


class TestCountingIds(IdSourceContract):
    @pytest.fixture
    def ids(self) -> IdSource:
        return CountingIds()

    def test_ids_can_be_foretold(self) -> None:
        ids = CountingIds()
        assert [ids.new("a"), ids.new("b")] == ["a" + "1".zfill(20), "b" + "2".zfill(20)]


class TestMemoryKeys(KeyRingContract):
    @pytest.fixture
    def keys(self) -> Keys:
        ring = MemoryKeyRing()
        return Keys(ring, MemoryKeyRegistry(ManualClock(), ring))

    async def test_configured_keys_stay_when_others_come_and_go(self) -> None:
        ring = MemoryKeyRing([configured_key(Secret("test-key"), name="env", tenant="default")])
        registry = MemoryKeyRegistry(ManualClock(), ring)
        record, _ = await registry.create(name="x", tenant="default")
        await registry.revoke(record.id)
        found = ring.find("test-key")
        assert found is not None
        assert found.name == "env"


class TestMemoryProofVault(ProofVaultContract):
    @pytest.fixture
    def vault(self) -> ProofVault:
        return MemoryProofVault(ManualClock())

    async def test_proofs_are_gone_after_their_time(self) -> None:
        clock = ManualClock()
        vault = MemoryProofVault(clock, ProofLimits(ttl_s=60))
        await vault.keep({key("call_1"): kept("one")})
        clock.advance(59)
        assert await vault.find([key("call_1")])
        clock.advance(1)
        assert not await vault.find([key("call_1")])

    async def test_a_tenant_over_its_number_loses_its_own_oldest(self) -> None:
        vault = MemoryProofVault(ManualClock(), ProofLimits(tenant_entries=2))
        await vault.keep({key("a", "other"): kept("a")})
        for name in "bcd":
            await vault.keep({key(name): kept(name)})
        everything = [key("a", "other"), key("b"), key("c"), key("d")]
        assert list(await vault.find(everything)) == [key("a", "other"), key("c"), key("d")]

    async def test_a_tenant_over_its_bytes_loses_its_own_oldest(self) -> None:
        vault = MemoryProofVault(ManualClock(), ProofLimits(tenant_bytes=5000))
        await vault.keep({key("a", "other"): kept("x" * 2000)})
        for name in "bcd":
            await vault.keep({key(name): kept("x" * 1000)})
        everything = [key("a", "other"), key("b"), key("c"), key("d")]
        assert list(await vault.find(everything)) == [key("a", "other"), key("c"), key("d")]

    async def test_all_together_are_bounded_too(self) -> None:
        vault = MemoryProofVault(ManualClock(), ProofLimits(entries=2))
        for name in "abc":
            await vault.keep({key(name, name): kept(name)})
        found = await vault.find([key(name, name) for name in "abc"])
        assert list(found) == [key("b", "b"), key("c", "c")]

    async def test_what_is_larger_than_all_room_is_not_kept_and_harms_nobody(self) -> None:
        vault = MemoryProofVault(ManualClock(), ProofLimits(tenant_bytes=3000))
        await vault.keep({key("big", "big"): kept("x" * 10_000), key("a"): kept("a")})
        assert list(await vault.find([key("big", "big"), key("a")])) == [key("a")]


class TestRecordingObserver(ObserverContract):
    @pytest.fixture
    def observer(self) -> Observer:
        return RecordingObserver()

    def test_lists_what_it_was_told(self) -> None:
        observer = RecordingObserver()
        observer.exchange_started()
        assert observer.in_flight == 1
        observer.attempt_settled(request("vertex", "m"), 0.5, None)
        exchange = finished()
        observer.exchange_settled(exchange)
        assert observer.in_flight == 0
        assert [(a.provider, a.model, a.duration_s) for a in observer.attempts] == [
            ("vertex", "m", 0.5)
        ]
        assert observer.exchanges == [exchange]


async def test_the_memory_fetcher_serves_what_it_has_and_refuses_the_rest() -> None:
    image = ImageData("image/png", "aGVsbG8=")
    fetcher = MemoryMediaFetcher({"https://example.com/a.png": image})
    assert await fetcher.fetch_image("https://example.com/a.png") == image
    with pytest.raises(InvalidRequest):
        await fetcher.fetch_image("https://example.com/b.png")
    assert fetcher.fetched == ["https://example.com/a.png", "https://example.com/b.png"]
