"""Makes the price table that ships, from a release of genai-prices unpacked in a folder.

    python -m tests.support.price_table FOLDER VERSION

The library itself is no dependency: decision 42 tells why, and what is left out.
"""

import importlib
import json
import re
import sys
from datetime import UTC, datetime, time
from pathlib import Path
from typing import Any, cast

ROOT = Path(__file__).parents[2]
TABLE = ROOT / "src" / "adapters" / "prices" / "table.json"
VENDORS = (
    "anthropic", "aws", "azure", "cloudflare", "cohere", "deepseek", "fireworks", "google", "groq",
    "mistral", "openai", "together", "x-ai",
)  # fmt: skip
_FIELDS = ("input_mtok", "output_mtok", "cache_read_mtok", "cache_write_mtok")
_OTHER_UNITS = re.compile(r"_(kcount|mchars|hours?|seconds?|megapixels?)$|characters|audio|image")
_SAID_APART = frozenset({"web_searches_kcount", "storage_searches_kcount"})


def patterns(clause: Any) -> list[str]:  # Any: the library is not there for type checkers
    """Return what a model's name may look like, in the manner of a shell."""
    match type(clause).__name__:
        case "ClauseEquals":
            found = [clause.equals]
        case "ClauseStartsWith":
            found = [clause.starts_with + "*"]
        case "ClauseEndsWith":
            found = ["*" + clause.ends_with]
        case "ClauseContains":
            found = [f"*{clause.contains}*"]
        case "ClauseOr":
            found = [one for inner in clause.or_ for one in patterns(inner)]
        case "ClauseAnd":  # a beginning, and what may not follow it
            start = clause.and_[0].starts_with
            found = [start, f"{start}-0*", f"{start}-preview-0*"]
        case _:
            found = []  # what a pattern cannot say stays unpriced
    return [one for one in found if not re.search(r"[\[\]?]", one)]


def number(value: Any) -> float | None:  # Any: a Decimal, or its prices by length of prompt
    return None if value is None else float(getattr(value, "base", value))


def dearest(model: Any, day: datetime) -> Any:  # Any: as above
    """Return the price at the hour of the day at which it is highest."""
    hours = [datetime.combine(day, time(hour, 45), tzinfo=UTC) for hour in range(24)]
    prices = [model.get_prices(hour) for hour in hours]
    return max(prices, key=lambda price: number(price.input_mtok) or 0.0)


def row(model: Any, day: datetime) -> list[float | None] | None:  # Any: as above
    """Return the four prices of a model, None if it is not sold by tokens of text alone."""
    price: Any = dearest(model, day)
    fields = cast("dict[str, Any]", price.__dict__)  # cast: the library has no stub here
    named = {name for name, value in fields.items() if value is not None} - _SAID_APART
    if "input_mtok" not in named or "requests_kcount" in named:
        return None
    if "output_mtok" not in named and "embed" not in model.id:
        return None
    if any(_OTHER_UNITS.search(name) for name in named) and "gemini" not in model.id:
        return None
    if re.search(r"audio|image|tts|live|realtime|transcri|banana|omni", model.id):
        return None
    values = [number(fields.get(name)) for name in _FIELDS]
    return [values[0], values[1] or 0.0, *values[2:]]


def main(folder: str, version: str) -> None:
    sys.path.insert(0, folder)
    providers: Any = importlib.import_module("genai_prices.data").providers  # no stub of it
    day = datetime.now(UTC)
    table: dict[str, dict[str, list[float | None] | None]] = {}
    for provider in providers:
        if provider.id not in VENDORS:
            continue
        rows = table[provider.id] = {}
        for model in provider.models:
            priced = row(model, day)  # None is written too: no wider pattern may price it
            for pattern in patterns(model.match):
                rows.setdefault(pattern.lower(), priced)
    lines = [
        f"  {json.dumps(vendor)}: {{\n"
        + ",\n".join(f"    {json.dumps(name)}: {json.dumps(p)}" for name, p in rows.items())
        + "\n  }"
        for vendor, rows in sorted(table.items())
    ]
    source = f"genai-prices {version}, https://github.com/pydantic/genai-prices, MIT"
    head = f'  "source": {json.dumps(source)},\n  "date": "{day:%Y-%m-%d}",\n'
    TABLE.write_text(f'{{\n{head}  "prices": {{\n' + ",\n".join(lines) + "\n  }\n}\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
