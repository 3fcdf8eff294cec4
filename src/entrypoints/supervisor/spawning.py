"""Starts processes of the installed code, and follows what becomes of them."""

import os
import select
import signal
import sys
import time
from collections.abc import Iterable
from contextlib import suppress

from .lines import RUN_FOLDER_VARIABLE

# What the supervisor acts on; workers are told by it alone, but for SIGTERM.
SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGUSR2, signal.SIGCHLD)
_NOT_FOR_CHILDREN = (signal.SIGINT, signal.SIGHUP, signal.SIGUSR2)
_CANNOT_RUN = 127
_TOLD_BYTES = 4096


def command(module: str, *arguments: str) -> list[str]:
    """Return how `module` of the installed code is run, whatever the working folder holds."""
    return [sys.executable, "-P", "-m", module, *arguments]


def start(
    words: list[str],
    descriptors: Iterable[int],
    run_folder: str | None = None,
    output: int | None = None,
) -> int:
    """Start a process that keeps `descriptors` open; return its id.

    Forking is safe here: the supervisor has one thread. Children find the run folder in their
    environment; standard output and error go to `output`, where it is given.

    Raises:
        OSError: the system has no process to give.
    """
    # A signal for both must not be taken for two by the parent, whose wake-up the child shares.
    signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
    try:
        pid = os.fork()
    except OSError:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)
        raise
    if pid:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)
        return pid
    with suppress(BaseException):
        signal.set_wakeup_fd(-1)
        for number in SIGNALS:
            ignored = number in _NOT_FOR_CHILDREN
            signal.signal(number, signal.SIG_IGN if ignored else signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)
        for descriptor in descriptors:
            os.set_inheritable(descriptor, True)
        if output is not None:
            os.dup2(output, 1)
            os.dup2(output, 2)
        environment = dict(os.environ)
        if run_folder is not None:
            environment[RUN_FOLDER_VARIABLE] = run_folder
        os.execve(words[0], words, environment)  # noqa: S606  # our own interpreter
    os._exit(_CANNOT_RUN)


def become(words: list[str], descriptors: Iterable[int]) -> str:
    """Replace the code of this very process, keep `descriptors` open; return why it cannot be."""
    kept = tuple(descriptors)
    for descriptor in kept:
        os.set_inheritable(descriptor, True)
    try:
        os.execv(words[0], words)  # noqa: S606  # our own interpreter
    except OSError as error:
        for descriptor in kept:
            os.set_inheritable(descriptor, False)  # no worker may hold the ends of another
        return error.strerror or str(error)


def ended(pid: int) -> int | None:
    """Return the exit code of a child that has ended, 128 and more for a signal; else None."""
    try:
        found, status = os.waitpid(pid, os.WNOHANG)
    except ChildProcessError:
        return 1  # somebody else has taken notice of its end
    return _exit_code(status) if found else None


def trouble_of(words: list[str], within_s: float) -> str | None:
    """Run something short to its end; return what is wrong with it, if it fails.

    Raises:
        OSError: the system has no process to give.
    """
    reading, writing = os.pipe()
    try:
        try:
            pid = start(words, (), output=writing)
        finally:
            os.close(writing)
        said, in_time = _read_all(reading, within_s)
    finally:
        os.close(reading)
    if not in_time:
        os.kill(pid, 9)
    code = _exit_code(os.waitpid(pid, 0)[1])
    if not in_time:
        return f"it did not end within {within_s:g} s"
    return None if code == 0 else said.strip() or f"it ended with exit code {code}"


def _read_all(descriptor: int, within_s: float) -> tuple[str, bool]:
    """Return the end of what is said, and whether it came to an end in time."""
    deadline, said = time.monotonic() + within_s, b""
    while (left_s := deadline - time.monotonic()) > 0:
        if select.select((descriptor,), (), (), left_s)[0]:
            data = os.read(descriptor, 65536)
            if not data:
                return said.decode("utf-8", "replace"), True
            said = (said + data)[-_TOLD_BYTES:]
    return "", False


def _exit_code(status: int) -> int:
    code = os.waitstatus_to_exitcode(status)
    return code if code >= 0 else 128 - code
