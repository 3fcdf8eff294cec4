"""Crowds of clients: started beside whatever a test does to the gateway, and judged after."""

import json
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from .driving import Drive, Driven

_ROOT = Path(__file__).parents[2]


class Crowd:
    """Clients that run in a process of their own from the moment this is made."""

    def __init__(self, drive: Drive) -> None:
        self._limit_s = drive.seconds + 60
        # Not a pipe: nobody reads it while the crowd runs, and a long result would fill it.
        self._told = tempfile.TemporaryFile("w+")  # noqa: SIM115  # closed with the result
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.chaos.driving"],
            cwd=_ROOT,
            stdin=subprocess.PIPE,
            stdout=self._told,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(asdict(drive)))
        self._process.stdin.close()
        self._process.stdin = None  # communicate() would flush it

    @property
    def running(self) -> bool:
        return self._process.poll() is None

    def result(self) -> Driven:
        """Wait for the clients and return what they saw."""
        try:
            _, trouble = self._process.communicate(timeout=self._limit_s)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.communicate()
            raise
        assert self._process.returncode == 0, trouble[-2000:]
        with self._told:
            self._told.seek(0)
            return Driven(**json.load(self._told))


def drive(job: Drive) -> Driven:
    """Run a crowd to its end."""
    return Crowd(job).result()


def percentile(values: Sequence[float], percent: float) -> float:
    """Return the value that so many per cent are not above."""
    ordered = sorted(values)
    return ordered[min(int(len(ordered) * percent / 100), len(ordered) - 1)]
