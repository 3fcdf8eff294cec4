"""The laws of `KeyRing` and `KeyRegistry`, which hold for the two together."""

import asyncio
import re
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from modelmux.application.ports import KeyRegistry, KeyRing


@dataclass(frozen=True, slots=True)
class Keys:
    """A ring and the registry it learns from."""

    ring: KeyRing
    registry: KeyRegistry


async def within_a_second(condition: Callable[[], bool]) -> bool:
    """Return whether `condition` comes true within a second."""
    for _ in range(100):
        if condition():
            return True
        await asyncio.sleep(0.01)
    return condition()


class KeyRingContract(ABC):
    """Inherit, give `keys`: a ring that holds nothing yet, running."""

    @pytest.fixture
    @abstractmethod
    def keys(self) -> Keys: ...

    async def test_a_ring_without_keys_says_so_and_finds_nothing(self, keys: Keys) -> None:
        assert keys.ring.is_empty()
        assert keys.ring.find("test-key-not-secret") is None
        assert keys.ring.find("") is None

    async def test_a_new_key_opens_within_a_second(self, keys: Keys) -> None:
        record, text = await keys.registry.create(name="laptop", tenant="acme")
        assert await within_a_second(lambda: keys.ring.find(text) == record)
        assert (record.name, record.tenant, record.revoked_at) == ("laptop", "acme", None)
        assert not keys.ring.is_empty()

    async def test_a_key_keeps_its_tags(self, keys: Keys) -> None:
        tags = ("batch", "ключ")
        record, text = await keys.registry.create(name="laptop", tenant="acme", tags=tags)
        assert record.tags == tags
        assert await within_a_second(lambda: keys.ring.find(text) == record)
        assert list(await keys.registry.list()) == [record]
        assert (await keys.registry.revoke(record.id)) == (await keys.registry.list())[0]

    async def test_a_key_tells_its_id_and_is_long(self, keys: Keys) -> None:
        record, text = await keys.registry.create(name="laptop", tenant="acme")
        assert re.fullmatch(rf"mmx_{record.id}_[0-9A-Za-z_-]{{43}}", text)

    async def test_near_misses_do_not_open(self, keys: Keys) -> None:
        _, text = await keys.registry.create(name="laptop", tenant="acme")
        assert await within_a_second(lambda: keys.ring.find(text) is not None)
        for wrong in (text[:-1], text + "x", text.upper(), f" {text}", "\udcff", "ключ"):
            assert keys.ring.find(wrong) is None

    async def test_a_revoked_key_closes_within_a_second_and_stays_listed(self, keys: Keys) -> None:
        kept, kept_text = await keys.registry.create(name="kept", tenant="acme")
        ended, ended_text = await keys.registry.create(name="ended", tenant="acme")
        assert await within_a_second(lambda: keys.ring.find(ended_text) is not None)
        revoked = await keys.registry.revoke(ended.id)
        assert revoked is not None
        assert revoked.revoked_at is not None
        assert await within_a_second(lambda: keys.ring.find(ended_text) is None)
        assert keys.ring.find(kept_text) == kept
        assert list(await keys.registry.list()) == [kept, revoked]

    async def test_revoking_again_changes_nothing(self, keys: Keys) -> None:
        record, _ = await keys.registry.create(name="laptop", tenant="acme")
        assert await keys.registry.revoke(record.id) == await keys.registry.revoke(record.id)

    async def test_revoking_what_is_not_there_gives_none(self, keys: Keys) -> None:
        assert await keys.registry.revoke("nobody") is None

    async def test_a_ring_whose_last_key_is_revoked_is_empty(self, keys: Keys) -> None:
        record, text = await keys.registry.create(name="laptop", tenant="acme")
        assert await within_a_second(lambda: keys.ring.find(text) is not None)
        await keys.registry.revoke(record.id)
        assert await within_a_second(keys.ring.is_empty)
