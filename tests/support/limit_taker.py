"""A process that counts against the limits of a folder, for tests that stop or kill it.

`hammer` says that it is ready, reads a monotonic time, takes one request after the other until
then, and tells how many it got; `locked` and `free` run one of three, with and without the
file's lock.
"""

import asyncio
import fcntl
import os
import sys
import time
from pathlib import Path

from modelmux.adapters.shared_memory.limits import SharedMemoryRateLimiter
from modelmux.adapters.system.clock import SystemClock
from modelmux.application.ports import Limit, LimitKey, LimitKind

FLOW = Limit(LimitKey("acme", "tenant", "acme", LimitKind.REQUESTS), 60_000.0, 30_000.0)
FEW = Limit(LimitKey("acme", "tenant", "acme", LimitKind.CONCURRENT), 3.0, 3.0)


async def hammer(limiter: SharedMemoryRateLimiter, until: float) -> int:
    granted = 0
    while time.monotonic() < until:
        (standing,) = await limiter.take([(FLOW, 1.0)])
        granted += standing.wait_s == 0
    return granted


async def hold(limiter: SharedMemoryRateLimiter, folder: Path, *, locked: bool) -> None:
    standings = await limiter.take([(FEW, 1.0)])
    assert standings[0].wait_s == 0
    if locked:
        fcntl.flock(os.open(folder / "limits", os.O_RDWR), fcntl.LOCK_EX)


def tell(words: str) -> None:
    os.write(1, f"{words}\n".encode())


def main() -> None:
    folder, what = Path(sys.argv[1]), sys.argv[2]
    limiter = SharedMemoryRateLimiter(folder, SystemClock())
    if what == "hammer":
        tell("ready")
        tell(str(asyncio.run(hammer(limiter, float(sys.stdin.readline())))))
        limiter.close()
    else:
        asyncio.run(hold(limiter, folder, locked=what == "locked"))
        tell("holding")
        time.sleep(600)


if __name__ == "__main__":
    main()
