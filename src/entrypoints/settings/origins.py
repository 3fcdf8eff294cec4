"""Where each configured value came from: for errors, and for `config show`."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from ...domain.errors import ConfigurationError
from .toml_positions import KeyPath


@dataclass(slots=True)
class Origins:
    """`places` are texts such as `modelmux.toml:3:1` or `environment variable PORT`, by key.

    `references` are the `${…}` that a value was made of, as they are written.
    """

    places: dict[KeyPath, str] = field(default_factory=dict[KeyPath, str])
    references: dict[KeyPath, str] = field(default_factory=dict[KeyPath, str])

    def where(self, path: KeyPath) -> str | None:
        """Return the place of the key, or of the nearest table around it."""
        for length in range(len(path), 0, -1):
            if place := self.places.get(path[:length]):
                return place
        return None

    def source(self, path: KeyPath) -> str:
        """Return where the value itself came from."""
        place = self.places.get(path)
        if place is None:
            return "default"
        reference = self.references.get(path)
        return f"{place}, from {reference}" if reference and ":" in place else place

    def replace(self, path: KeyPath, place: str) -> None:
        """Note that `path`, with all below it, now comes from `place`."""
        for known in [known for known in self.places if known[: len(path)] == path]:
            del self.places[known]
        self.places[path] = place

    def add_table(self, path: KeyPath, places: Mapping[str, str], otherwise: str) -> None:
        """Note a table whose keys come from `places`."""
        self.places[path] = otherwise
        for key, place in places.items():
            self.places[(*path, key)] = place

    def error(self, path: KeyPath, message: str, *, hint: str | None = None) -> ConfigurationError:
        """Return the error that points at `path`."""
        return ConfigurationError(message, where=self.where(path), hint=hint)


def spell(path: KeyPath) -> str:
    """Return `providers[0].region`, as messages write it."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text
