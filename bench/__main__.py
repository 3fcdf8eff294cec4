"""`python -m bench [--print]`: measure everything, print the table, write docs/benchmarks.md."""

import os
import resource
import sys
import tempfile
import time
from pathlib import Path

from .figures import (
    Figure,
    chunk_figures,
    latency_figures,
    memory_figures,
    process_figures,
    request_figures,
    yardstick_figures,
)
from .gateway import gateway, stub
from .languages import language_figures
from .processes import BenchFailed
from .report import machine, table, write
from .state import background_figures, chain_figures, reading_figures, stored_figures
from .steadiness import steadiness_figures


def main() -> int:
    """Return 0 if every figure was measured, whether or not it is within its budget."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(hard, 8192)), hard))
    start, load_before = time.monotonic(), os.getloadavg()[0]
    print(f"{machine()}; this takes about five minutes", flush=True)
    figures: list[Figure] = []
    try:
        with tempfile.TemporaryDirectory() as name, stub() as upstream:
            folder = Path(name)
            print("start-up ...", flush=True)
            figures += process_figures(upstream, folder)
            with gateway(upstream, folder) as running:
                print("calls ...", flush=True)
                figures += yardstick_figures(folder)
                figures += request_figures(running)
                print("latency ...", flush=True)
                figures += latency_figures(upstream, running)
                print("chunks ...", flush=True)
                figures += chunk_figures(upstream, running)
                print("kept turns ...", flush=True)
                figures += stored_figures(upstream, running)
                figures += reading_figures(running)
            figures += chain_figures(folder)
            print("languages ...", flush=True)
            with gateway(upstream, folder, every_language=True) as running:
                figures += language_figures(upstream, running)
            print("steadiness ...", flush=True)
            figures += steadiness_figures(upstream, folder)
            print("memory ...", flush=True)
            figures += memory_figures(upstream, folder)
            figures += background_figures(upstream, folder)
    except BenchFailed as failure:
        print(f"bench failed: {failure}", file=sys.stderr)
        return 1
    print(table(figures))
    if "--print" not in sys.argv[1:]:
        write(figures, load_before, time.monotonic() - start)
        print("written to docs/benchmarks.md and README.md")
    return 0


if __name__ == "__main__":
    sys.exit(main())
