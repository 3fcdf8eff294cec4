"""Prices: those of the configuration, then those of the table that ships."""

from collections.abc import Iterable, Mapping, Sequence

from ...application.ports import Price, PriceBook
from .table import Row, as_price
from .vendors import VENDORS

_REMEMBERED = 4096


class _Prices:
    """One list of names and patterns. An exact name counts before patterns, these in order."""

    def __init__(self, rows: Iterable[tuple[str, Price | None]]) -> None:
        self._exact: dict[str, Price | None] = {}
        self._patterns: list[tuple[tuple[str, ...], Price | None]] = []
        for name, price in rows:
            if "*" in name:
                self._patterns.append((tuple(name.lower().split("*")), price))
            else:
                self._exact.setdefault(name.lower(), price)

    def find(self, model: str) -> tuple[Price | None] | None:
        """Return the price, in a tuple since it may be None; None if nothing is said of it."""
        if model in self._exact:
            return (self._exact[model],)
        for pattern, price in self._patterns:
            if _fits(pattern, model):
                return (price,)
        return None


class TablePriceBook(PriceBook):
    """Remembers what it found: a model is looked for once."""

    def __init__(
        self,
        providers: Mapping[str, str],
        overrides: Mapping[str, Sequence[tuple[str, Price]]],
        shipped: Mapping[str, Mapping[str, Row]],
    ) -> None:
        """Index the prices.

        `providers` gives for a configured provider its type, or the known service it is;
        `overrides` for a configured provider its own prices by model or pattern.
        """
        used = {vendor for kind in providers.values() for vendor in VENDORS.get(kind, ())}
        lists = {
            vendor: _Prices((name, as_price(row)) for name, row in rows.items())
            for vendor, rows in shipped.items()
            if vendor in used
        }
        self._lists = {
            name: (
                _Prices(overrides.get(name, ())),
                *(lists[vendor] for vendor in VENDORS.get(kind, ()) if vendor in lists),
            )
            for name, kind in providers.items()
        }
        self._found: dict[tuple[str, str], Price | None] = {}

    def price(self, provider: str, model: str) -> Price | None:
        key = provider, model
        try:
            return self._found[key]
        except KeyError:
            return self._look(key)

    def _look(self, key: tuple[str, str]) -> Price | None:
        provider, model = key
        found: tuple[Price | None] | None = None
        for prices in self._lists.get(provider, ()):
            found = prices.find(model.lower())
            if found is not None:
                break
        price = None if found is None else found[0]
        if len(self._found) >= _REMEMBERED:
            self._found.clear()  # names may be the callers' own
        self._found[key] = price
        return price


def _fits(pattern: tuple[str, ...], name: str) -> bool:
    """Whether `name` has the pieces in their order; a regular expression takes long to make."""
    first, *inner, last = pattern
    if len(name) < len(first) + len(last) or not name.startswith(first):
        return False
    if not name.endswith(last):
        return False
    at, end = len(first), len(name) - len(last)
    for piece in inner:
        found = name.find(piece, at, end)
        if found < 0:
            return False
        at = found + len(piece)
    return True
