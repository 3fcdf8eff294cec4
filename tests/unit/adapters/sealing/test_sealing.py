import asyncio
import os
import stat
from pathlib import Path

import pytest

from modelmux.adapters.memory.clock import ManualClock
from modelmux.adapters.sealing.first_use import FirstUseSealer
from modelmux.adapters.sealing.key_file import FileKeys, read_keys, rotate
from modelmux.adapters.sealing.keys import HeldKeys, SealKey
from modelmux.adapters.sealing.sealer import AesSealer
from modelmux.application.ports import Sealer
from modelmux.domain.errors import ConfigurationError
from tests.contracts.sealer import SealerContract, refuses


class TestHeldKeys(SealerContract):
    @pytest.fixture
    def sealer(self) -> Sealer:
        return AesSealer(HeldKeys([SealKey.of_text("a text of somebody's choice")]))

    def test_the_first_key_seals_and_all_open(self) -> None:
        old, new = SealKey.of_text("old"), SealKey.of_text("new")
        sealed = AesSealer(HeldKeys([old])).seal("acme", "reasoning", b"thought")
        both = AesSealer(HeldKeys([new, old]))
        assert both.open("acme", "reasoning", sealed) == b"thought"
        newer = both.seal("acme", "reasoning", b"later")
        assert AesSealer(HeldKeys([new])).open("acme", "reasoning", newer) == b"later"
        refuses(AesSealer(HeldKeys([old])), newer)

    def test_a_key_does_not_show_its_secret(self) -> None:
        key = SealKey.of_text("secret")
        assert repr(key) == f"SealKey({key.id.hex()})"


class TestFirstUse(SealerContract):
    @pytest.fixture
    def sealer(self) -> Sealer:
        return FirstUseSealer(lambda: AesSealer(HeldKeys([SealKey.of_text("a text")])))

    def test_it_is_made_once_and_not_before(self) -> None:
        made: list[Sealer] = []

        def make() -> Sealer:
            made.append(AesSealer(HeldKeys([SealKey.of_text("a text")])))
            return made[-1]

        sealer = FirstUseSealer(make)
        assert made == []
        sealed = sealer.seal("acme", "reasoning", b"thought")
        assert sealer.open("acme", "reasoning", sealed) == b"thought"
        assert len(made) == 1


class TestFileKeys(SealerContract):
    @pytest.fixture
    def sealer(self, tmp_path: Path) -> Sealer:
        return AesSealer(asyncio.run(started(tmp_path / "data" / "seal.keys")))


async def started(path: Path, clock: ManualClock | None = None) -> FileKeys:
    keys = FileKeys(path, clock or ManualClock())
    await keys.start()
    return keys


async def test_the_file_is_made_once_for_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "data" / "seal.keys"
    first = await started(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert (await started(path)).newest() == first.newest()
    assert [one.name for one in path.parent.iterdir()] == ["seal.keys"]


async def test_a_file_that_others_could_read_is_closed_to_them(tmp_path: Path) -> None:
    path = tmp_path / "seal.keys"
    await started(path)
    path.chmod(0o644)
    await started(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


async def test_a_server_takes_a_rotated_key_within_a_second_and_opens_the_old(
    tmp_path: Path,
) -> None:
    path, clock = tmp_path / "seal.keys", ManualClock()
    keys = await started(path, clock)
    sealer = AesSealer(keys)
    old, sealed = keys.newest(), sealer.seal("acme", "reasoning", b"thought")
    key = rotate(path)
    clock.advance(1.0)
    assert keys.newest() == key != old
    assert sealer.open("acme", "reasoning", sealed) == b"thought"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


async def test_a_seal_of_a_key_not_yet_known_opens_at_once(tmp_path: Path) -> None:
    path = tmp_path / "seal.keys"
    sealer = AesSealer(await started(path))
    sealer.seal("acme", "reasoning", b"looks at the file")
    rotate(path)
    newer = AesSealer(await started(path)).seal("acme", "reasoning", b"later")
    assert sealer.open("acme", "reasoning", newer) == b"later"


async def test_a_file_that_goes_or_breaks_does_not_stop_a_server(tmp_path: Path) -> None:
    path, clock = tmp_path / "seal.keys", ManualClock()
    sealer = AesSealer(await started(path, clock))
    for spoil in (lambda: path.write_text("no key"), path.unlink):
        spoil()
        clock.advance(2.0)
        assert sealer.open("acme", "reasoning", sealer.seal("acme", "reasoning", b"x")) == b"x"


@pytest.mark.parametrize("text", ["", "# only a comment\n", "c2hvcnQ\n", "no base64 !\n"])
async def test_a_file_without_keys_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "seal.keys"
    path.write_text(text)
    with pytest.raises(ConfigurationError) as refusal:
        await started(path)
    assert refusal.value.where == str(path)


async def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigurationError):
        await started(tmp_path / "file" / "seal.keys")


def test_keys_are_kept_up_to_a_bound_the_newest_last(tmp_path: Path) -> None:
    path = tmp_path / "seal.keys"
    made = [rotate(path) for _ in range(70)]
    assert list(read_keys(path)) == made[-64:]


def test_two_do_not_rotate_at_once_and_one_that_broke_off_is_forgotten(tmp_path: Path) -> None:
    path = tmp_path / "seal.keys"
    rotate(path)
    draft = tmp_path / "seal.keys.new"
    draft.write_text("")
    with pytest.raises(ConfigurationError, match="somebody else"):
        rotate(path)
    os.utime(draft, (0, 0))
    key = rotate(path)
    assert read_keys(path)[-1] == key
    assert not draft.exists()
