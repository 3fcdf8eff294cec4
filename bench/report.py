"""The table: on the terminal, in docs/benchmarks.md and in the README."""

import datetime as dt
import os
import platform
from collections.abc import Sequence
from pathlib import Path

from .figures import Figure

ROOT = Path(__file__).parents[1]
START, END = "<!-- figures: written by make bench -->", "<!-- end of figures -->"


def machine() -> str:
    """Return the number of cores and the CPU's name: all that is told of the machine."""
    cores = len(os.sched_getaffinity(0))
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return f"{cores} cores, {line.partition(':')[2].strip()}"
    return f"{cores} cores, {platform.machine()}"


def table(figures: Sequence[Figure]) -> str:
    """Return the figures beside their budget, as Markdown."""
    rows = ["| figure | budget | best | median | within |", "|---|---|---|---|---|"]
    for figure in figures:
        budget = "" if figure.budget is None else f"{_number(figure.budget)} "
        rows.append(
            f"| {figure.name} | {budget}{figure.unit} | {_number(figure.best)} "
            f"| {_number(figure.median)} | {_verdict(figure)} |"
        )
    return "\n".join(rows)


def _verdict(figure: Figure) -> str:
    if figure.budget is None:
        return "-"
    if figure.median <= figure.budget:
        return "yes"
    return "best run only" if figure.best <= figure.budget else "**no**"


def page(figures: Sequence[Figure], load_before: float, seconds: float) -> str:
    """Return docs/benchmarks.md."""
    return f"""# What it costs

Written by `make bench`; do not edit. Measured on {dt.datetime.now(dt.UTC):%Y-%m-%d},
{machine()}, Python {platform.python_version()}, in {seconds:.0f} seconds.

{table(figures)}

How to read it:

- The gateway, the upstream stub and the load generator are three processes on the same cores, over
  the loopback. CPU is user and system time of the gateway's whole process tree alone, from the
  kernel's accounting in steps of 10 ms; key check, log line and metrics are on.
- The yardstick is a bare ASGI function on uvicorn that answers by itself. It tells what this
  machine, as busy as it was, charges for a call before anybody has done anything; the budget was
  set on a machine where it and a call to an upstream together took 46 µs.
- Best and median are of five runs (chunks and latency: three; memory of a stream: one). A shared
  or busy machine makes every run worse and none better, so the best is nearest to the cost and the
  median to what you would see here. The load average before the first run was {load_before:.1f}.
- Added latency is the difference between calls through the gateway and calls straight to the stub
  at the same steady rate, half of what gateway, stub and load reach together on these cores.
- The memory of a stream is what 1,000 open ones add to the resident memory of a fresh gateway.
"""


def write(figures: Sequence[Figure], load_before: float, seconds: float) -> None:
    """Write docs/benchmarks.md, and the table between the marks in the README."""
    (ROOT / "docs" / "benchmarks.md").write_text(page(figures, load_before, seconds))
    readme = ROOT / "README.md"
    text = readme.read_text()
    before, start, rest = text.partition(START)
    _, end, after = rest.partition(END)
    if not start or not end:
        raise ValueError(f"README.md has no {START!r} followed by {END!r}")
    readme.write_text(
        f"{before}{START}\nMeasured on {machine()}.\n\n{table(figures)}\n{END}{after}"
    )


def _number(value: float) -> str:
    return f"{value:.0f}" if abs(value) >= 10 else f"{value:.2g}"
