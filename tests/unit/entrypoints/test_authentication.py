import pytest

from modelmux.adapters.memory.clock import ManualClock
from modelmux.adapters.memory.keys import MemoryKeyRegistry, MemoryKeyRing
from modelmux.domain.errors import Forbidden, InvalidKey, MissingKey
from modelmux.entrypoints.authentication import admit

LOCAL = {b"host": b"localhost:3000"}


async def ring_and_key() -> tuple[MemoryKeyRing, bytes]:
    ring = MemoryKeyRing()
    _, text = await MemoryKeyRegistry(ManualClock(), ring).create(name="n", tenant="acme")
    return ring, text.encode()


@pytest.mark.parametrize(
    ("name", "prefix"),
    [
        (b"authorization", b"Bearer "),
        (b"authorization", b"bearer  "),
        (b"x-api-key", b""),
        (b"api-key", b""),
    ],
)
async def test_a_key_is_found_in_any_carrier(name: bytes, prefix: bytes) -> None:
    ring, key = await ring_and_key()
    caller = admit({name: prefix + key}, ring, open_access=False)
    assert caller.tenant == "acme"
    assert caller.key_id


async def test_of_two_carriers_the_dialect_says_which_counts() -> None:
    ring, key = await ring_and_key()
    both = {b"authorization": b"Bearer another", b"x-api-key": key}
    assert admit(both, ring, open_access=False, named_first=True).tenant == "acme"
    with pytest.raises(InvalidKey):
        admit(both, ring, open_access=False)
    bearer = {b"authorization": b"Bearer " + key, b"x-api-key": b""}
    assert admit(bearer, ring, open_access=False, named_first=True).tenant == "acme"


async def test_no_key_and_a_wrong_key_are_refused() -> None:
    ring, key = await ring_and_key()
    for headers in ({}, {b"authorization": b"Basic " + key}, {b"authorization": b"Bearer "}):
        with pytest.raises(MissingKey):
            admit(headers, ring, open_access=False)
    with pytest.raises(InvalidKey):
        admit({b"x-api-key": key + b"x"}, ring, open_access=False)
    with pytest.raises(InvalidKey):
        admit({b"x-api-key": b"\xff\x00"}, ring, open_access=False)


def test_open_access_takes_any_key_or_none() -> None:
    dummy = {**LOCAL, b"authorization": b"Bearer test-key-not-secret"}
    for ring in (None, MemoryKeyRing()):
        assert admit(LOCAL, ring, open_access=True).tenant == "local"
        assert admit(dummy, ring, open_access=True).tenant == "local"


async def test_open_access_ends_with_the_first_key() -> None:
    ring, key = await ring_and_key()
    with pytest.raises(MissingKey):
        admit(LOCAL, ring, open_access=True)
    with pytest.raises(InvalidKey):
        admit({**LOCAL, b"x-api-key": b"test-key-not-secret"}, ring, open_access=True)
    assert admit({**LOCAL, b"x-api-key": key}, ring, open_access=True).tenant == "acme"


@pytest.mark.parametrize("host", [b"127.0.0.1", b"127.8.8.8:80", b"[::1]:3000", b"LOCALHOST"])
def test_open_access_answers_to_loopback_names(host: bytes) -> None:
    assert admit({b"host": host}, None, open_access=True).tenant == "local"


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {b"host": b"evil.example"},
        {b"host": b"localhost.evil.example"},
        {b"host": b"10.0.0.1"},
        {b"host": b"127.0.0.1", b"origin": b"https://evil.example"},
        {b"host": b"127.0.0.1", b"origin": b"null"},
    ],
)
def test_open_access_is_not_lent_to_web_pages(headers: dict[bytes, bytes]) -> None:
    with pytest.raises(Forbidden):
        admit(headers, None, open_access=True)
