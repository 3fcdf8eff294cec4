"""Keys in a file for its owner's eyes only: made at first use, rotated by the command line.

One key a line in base64url, the newest last. The file is replaced whole, never written in place:
a reader sees the old keys or the new ones.
"""

import os
import time
from base64 import urlsafe_b64encode
from binascii import Error as NotBase64
from binascii import a2b_base64
from collections.abc import Sequence
from pathlib import Path

from ...application.ports import Clock
from ...domain.errors import ConfigurationError
from .keys import KEY_BYTES, SealKey, SealKeys

_LOOK_EVERY_S = 1.0
_MOST_KEYS = 64
_MOST_BYTES = 64 * 1024
_BROKEN_OFF_S = 60.0  # nobody takes so long to write a file of this size
_OTHERS = 0o077
_HEADER = "# Seals what clients carry for modelmux; the newest key is last. Keep it secret.\n"


class FileKeys(SealKeys):
    """Follows the file: a key that was added is known within a second, or when it is asked for.

    Construction touches nothing; `start` does.
    """

    def __init__(self, path: Path, clock: Clock) -> None:
        self._path = path
        self._clock = clock
        self._stamp: tuple[int, int, int] | None = None
        self._keys: dict[bytes, SealKey] = {}
        self._newest: SealKey | None = None
        self._look_at = 0.0

    async def start(self) -> None:
        """Make the file where it is missing, and read it.

        Raises:
            ConfigurationError: it cannot be made or read, or holds no keys.
        """
        try:
            if not self._path.exists():
                _create(self._path)
            elif self._path.stat().st_mode & _OTHERS and os.name == "posix":
                self._path.chmod(0o600)
            self._read()
        except OSError as error:
            raise _unusable(self._path, error.strerror or str(error)) from error

    def newest(self) -> SealKey:
        self._follow()
        if self._newest is None:
            raise RuntimeError("the key file is used before it was read")
        return self._newest

    def find(self, id_: bytes) -> SealKey | None:
        key = self._keys.get(id_)
        if key is None:
            self._look_at = 0.0
            self._follow()
            key = self._keys.get(id_)
        return key

    def _follow(self) -> None:
        now = self._clock.monotonic()
        if now < self._look_at:
            return
        self._look_at = now + _LOOK_EVERY_S
        try:
            if _stamp(self._path) != self._stamp:
                self._read()
        except (OSError, ConfigurationError):
            return  # what was read before still holds; the next start says what is wrong

    def _read(self) -> None:
        stamp = _stamp(self._path)
        keys = read_keys(self._path)
        self._keys = {key.id: key for key in keys}
        self._newest = keys[-1]
        self._stamp = stamp


def rotate(path: Path) -> SealKey:
    """Add a new key, which seals from now on; those before it still open. Return it.

    Raises:
        ConfigurationError: the file cannot be read or written, or somebody else rotates it now.
    """
    try:
        if not path.exists():
            _create(path)
        kept = read_keys(path)
        key = _new_key()
        draft = _draft(path, [*kept[1 - _MOST_KEYS :], key])
        os.replace(draft, path)
        _sync_folder(path.parent)
    except OSError as error:
        raise _unusable(path, error.strerror or str(error)) from error
    return key


def read_keys(path: Path) -> tuple[SealKey, ...]:
    """Return the keys of a file, oldest first, at least one.

    Raises:
        OSError: it cannot be read.
        ConfigurationError: it is no file of keys.
    """
    with path.open("rb") as file:
        text = file.read(_MOST_BYTES)
    lines = [line.strip() for line in text.splitlines()]
    keys = [_key(line, path) for line in lines if line and not line.startswith(b"#")]
    if not keys:
        raise _unusable(path, "it holds no key")
    return tuple(keys)


def _key(line: bytes, path: Path) -> SealKey:
    try:
        secret = a2b_base64(line.translate(_TO_PLAIN) + b"=" * (-len(line) % 4), strict_mode=True)
    except NotBase64:
        secret = b""
    if len(secret) != KEY_BYTES:
        raise _unusable(path, "a line of it is no key")
    return SealKey(secret)


_TO_PLAIN = bytes.maketrans(b"-_", b"+/")


def _new_key() -> SealKey:
    return SealKey(os.urandom(KEY_BYTES))


def _create(path: Path) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = _draft(path, [_new_key()], f".{os.getpid()}.new")
    try:
        os.link(draft, path)  # unlike a rename it does not replace what another process made
    except FileExistsError:
        return
    finally:
        draft.unlink()
    _sync_folder(path.parent)


def _draft(path: Path, keys: Sequence[SealKey], suffix: str = ".new") -> Path:
    """Write a file beside `path`; its name lets one process at a time be about it."""
    draft = path.with_name(path.name + suffix)
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL
    try:
        descriptor = os.open(draft, flags, 0o600)
    except FileExistsError:
        if time.time() - draft.stat().st_mtime < _BROKEN_OFF_S:
            raise _unusable(path, "somebody else is changing it now") from None
        draft.unlink()
        descriptor = os.open(draft, flags, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        lines = (urlsafe_b64encode(key.secret).rstrip(b"=") + b"\n" for key in keys)
        file.write(_HEADER.encode() + b"".join(lines))
        file.flush()
        os.fsync(file.fileno())
    return draft


def _sync_folder(folder: Path) -> None:
    if os.name != "posix":
        return  # elsewhere a folder cannot be opened, nor need it be
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _stamp(path: Path) -> tuple[int, int, int]:
    found = path.stat()
    return found.st_ino, found.st_mtime_ns, found.st_size


def _unusable(path: Path, why: str) -> ConfigurationError:
    return ConfigurationError(
        f"the file of seal keys cannot be used: {why}",
        where=str(path),
        hint="name another in state.seal_file; without its keys what clients carry does not open",
    )
