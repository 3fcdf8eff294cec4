"""Where a running gateway keeps what lives as long as it runs: its control socket, its run folder.

All under one folder of the user in the machine's folder for temporary files, and not under
XDG_RUNTIME_DIR: that one goes when the user logs out, which a gateway may outlive.
"""

import fcntl
import os
import shutil
import socket
import stat
import tempfile
import time
from contextlib import suppress
from pathlib import Path

_RUN = "run-"
# A folder this young may be on its way to its lock, a socket to its listening.
_YOUNG_S = 60.0


def runtime_folder(parent: Path | None = None) -> Path:
    """Return the user's folder, in the one for temporary files; it is made where it is missing.

    Raises:
        OSError: it cannot be had, or it is not the user's alone.
    """
    folder = (parent or Path(tempfile.gettempdir())) / f"modelmux-{os.getuid()}"
    with suppress(FileExistsError):
        folder.mkdir(mode=0o700)
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid():
        raise PermissionError(f"{folder} is not a folder of this user")
    if stat.S_IMODE(found.st_mode) & 0o077:
        raise PermissionError(f"{folder} is open to others")
    return folder


def control_socket(folder: Path, host: str, port: int) -> Path:
    """Return where the gateway at `host` and `port` is told what to do."""
    return folder / f"{host}-{port}.sock"


def control_sockets(folder: Path, port: int) -> list[Path]:
    """Return where gateways on `port` may be told what to do."""
    return sorted(folder.glob(f"*-{port}.sock"))


def make_run_folder(folder: Path) -> tuple[Path, int]:
    """Make a new run folder; remove what gateways left behind which were killed.

    Return it and the descriptor that holds its lock: it is in use as long as that is open.

    Raises:
        OSError: it cannot be made.
    """
    now = time.time()
    for left in (*folder.glob(f"{_RUN}*"), *folder.glob("*.sock")):
        with suppress(FileNotFoundError):  # another that starts was faster
            if now - left.lstat().st_mtime <= _YOUNG_S:
                continue
            if left.suffix == ".sock":
                _remove_deaf(left)
            else:
                _remove_unused(left)
    made = Path(tempfile.mkdtemp(prefix=_RUN, dir=folder))
    descriptor = os.open(made, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    return made, descriptor


def remove_run_folder(folder: Path) -> None:
    """Remove it with all that is in it."""
    shutil.rmtree(folder, ignore_errors=True)


def _remove_deaf(path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as trying:
        trying.setblocking(False)
        try:
            trying.connect(str(path))
        except ConnectionRefusedError:
            path.unlink()
        except OSError:
            return  # somebody may be there


def _remove_unused(folder: Path) -> None:
    try:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:
        return
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return  # its gateway runs
    else:
        shutil.rmtree(folder, ignore_errors=True)
    finally:
        os.close(descriptor)
