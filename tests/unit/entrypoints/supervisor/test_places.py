import os
import socket
import stat
import tempfile
from pathlib import Path

import pytest

from modelmux.entrypoints.supervisor.places import (
    control_socket,
    control_sockets,
    make_run_folder,
    remove_run_folder,
    runtime_folder,
)


def age(folder: Path) -> None:
    os.utime(folder, (1.0, 1.0))


def test_the_folder_is_the_user_s_alone(tmp_path: Path) -> None:
    folder = runtime_folder(tmp_path)
    assert folder == tmp_path / f"modelmux-{os.getuid()}"
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert runtime_folder(tmp_path) == folder


def test_a_folder_that_others_can_open_is_not_used(tmp_path: Path) -> None:
    runtime_folder(tmp_path).chmod(0o755)
    with pytest.raises(PermissionError, match="open to others"):
        runtime_folder(tmp_path)


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir(mode=0o700)
    (tmp_path / f"modelmux-{os.getuid()}").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(PermissionError):
        runtime_folder(tmp_path)


def test_sockets_are_found_by_their_port(tmp_path: Path) -> None:
    paths = [control_socket(tmp_path, host, 3000) for host in ("127.0.0.1", "::")]
    for path in (*paths, control_socket(tmp_path, "127.0.0.1", 13000)):
        path.touch()
    assert control_sockets(tmp_path, 3000) == sorted(paths)


def test_sockets_that_nobody_hears_are_removed(tmp_path: Path) -> None:
    # Their paths may not be long.
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        deaf, heard = (control_socket(folder, "127.0.0.1", port) for port in (1, 2))
        with socket.socket(socket.AF_UNIX) as dead:
            dead.bind(str(deaf))
        with socket.socket(socket.AF_UNIX) as alive:
            alive.bind(str(heard))
            alive.listen()
            for path in (deaf, heard):
                age(path)
            _, lock = make_run_folder(folder)
            assert (deaf.exists(), heard.exists()) == (False, True)
            os.close(lock)


def test_run_folders_that_nobody_uses_are_removed(tmp_path: Path) -> None:
    left, lock = make_run_folder(tmp_path)
    (left / "counts").write_bytes(b"x")
    os.close(lock)  # as the system does when it is killed
    used, used_lock = make_run_folder(tmp_path)
    assert left.exists()  # it may be another's, on its way to its lock
    age(left)
    age(used)
    made, made_lock = make_run_folder(tmp_path)
    assert (left.exists(), used.exists(), made.exists()) == (False, True, True)
    assert stat.S_IMODE(made.stat().st_mode) == 0o700
    remove_run_folder(made)
    assert not made.exists()
    os.close(used_lock)
    os.close(made_lock)
