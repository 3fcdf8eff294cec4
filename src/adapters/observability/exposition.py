"""The page that Prometheus reads: the tables of all workers, folded.

Written by hand, because five hundred targets are thirty thousand lines, and the library takes a
third of a second for them. Source: Prometheus, "Text-based format", version 0.0.4.
"""

from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import accumulate
from math import inf, isnan
from operator import add

from prometheus_client import ProcessCollector

from ..shared_memory.counts import Seen
from .families import DROPPED, FAMILIES, PROCESS, WORKERS, Family, Fold, Kind
from .slots import placed

_Series = dict[tuple[str, ...], list[float]]


def page(tables: Sequence[Seen]) -> bytes:
    """Return the text; no family without a sample is in it."""
    folded: dict[str, _Series] = {name: {} for name in FAMILIES}
    for seen in tables:
        _fold(seen, folded)
        if seen.live:
            _fold_process(seen, folded)
    folded[WORKERS.name][()] = [float(sum(seen.live for seen in tables))]
    folded[DROPPED.name][()] = [sum(seen.table.dropped for seen in tables)]
    lines: list[str] = []
    for name, series in folded.items():
        if series:
            lines += _written(FAMILIES[name], series)
    # Half a surrogate pair has no UTF-8, and one such label would take the whole page with it.
    return "".join(lines).encode("utf-8", "backslashreplace")


def _fold(seen: Seen, folded: dict[str, _Series]) -> None:
    cells = seen.table.cells
    for record in seen.table.records():
        name, labels = _known(record.key)
        family = FAMILIES.get(name)
        # A worker of another version may know others, or the same with other buckets.
        if family is None or record.cells != family.cells or len(labels) != len(family.labels):
            continue
        values = list(cells[record.at : record.at + record.cells])
        if family.kind is Kind.GAUGE and (not seen.live or isnan(values[0])):
            continue
        series = folded[name]
        before = series.get(labels)
        series[labels] = values if before is None else _both(family, before, values)


def _both(family: Family, one: list[float], other: list[float]) -> list[float]:
    match family.fold:
        case Fold.SUM:
            return list(map(add, one, other))
        case Fold.MAX:
            return list(map(max, one, other))
        case Fold.MIN:
            return list(map(min, one, other))


def _fold_process(seen: Seen, folded: dict[str, _Series]) -> None:
    owner = str(seen.table.owner)
    for metric in ProcessCollector(pid=lambda: owner, registry=None).collect():
        for sample in metric.samples:
            if sample.name in PROCESS:
                folded[sample.name][(seen.name,)] = [sample.value]


def _written(family: Family, series: _Series) -> Iterator[str]:
    yield f"# HELP {family.name} {family.help}\n# TYPE {family.name} {family.kind}\n"
    for labels, values in series.items():
        told = ",".join(
            f'{name}="{_escaped(value)}"' for name, value in zip(family.labels, labels, strict=True)
        )
        if family.kind is Kind.HISTOGRAM:
            yield _histogram(family, told, values)
        else:
            yield (
                f"{family.name}{{{told}}} {_number(values[0])}\n"
                if told
                else (f"{family.name} {_number(values[0])}\n")
            )


def _histogram(family: Family, labels: str, values: list[float]) -> str:
    """Return the lines of one; the last of `values` is the sum."""
    counts = list(accumulate(values[:-1]))
    begin = f'{family.name}_bucket{{{labels},le="'
    lines = [
        f'{begin}{bound}"}} {count!r}\n'
        for bound, count in zip(_edges(family.bounds), counts, strict=True)
    ]
    lines.append(f"{family.name}_count{{{labels}}} {counts[-1]!r}\n")
    lines.append(f"{family.name}_sum{{{labels}}} {_number(values[-1])}\n")
    return "".join(lines)


@lru_cache(maxsize=8)
def _edges(bounds: tuple[float, ...]) -> tuple[str, ...]:
    return (*map(str, bounds), "+Inf")


@lru_cache(maxsize=16_384)
def _known(key: bytes) -> tuple[str, tuple[str, ...]]:
    name, *labels = placed(key)
    return name, tuple(labels)


def _escaped(label: str) -> str:
    return label.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def _number(value: float) -> str:
    if isnan(value):
        return "NaN"
    if value in (inf, -inf):
        return "+Inf" if value > 0 else "-Inf"
    return repr(value)
