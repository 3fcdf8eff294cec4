"""Where the Gemini Developer API's calls go. Source: google-genai 3.3, the Developer API."""

import re
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Final
from urllib.parse import quote

from ..transport.url import Url

# Names that are taken where no models are listed; any other is written `models/...`.
_OWN: Final = ("gemini-*", "gemma-*", "text-embedding-*")
_PREFIX: Final = "models/"
_VERSION_AT_END: Final = re.compile(r"/v\d+(?:(?:alpha|beta)\d*)?$")


@dataclass(frozen=True, slots=True)
class Door:
    """The addresses of one model."""

    whole: Url
    stream: Url
    count: Url
    embed: Url


@dataclass(frozen=True, slots=True)
class Endpoints:
    """`base_url` may end in a version, which then counts more than `api_version`."""

    base_url: Url
    api_version: str

    def door(self, model: str) -> Door:
        """Return the door of a model by its bare name."""
        return Door(
            self._of(model, "generateContent"),
            self._of(model, "streamGenerateContent?alt=sse"),
            self._of(model, "countTokens"),
            self._of(model, "batchEmbedContents"),
        )

    def models(self) -> Url:
        """Return the address of the list of models, in one page."""
        return self._at("models?pageSize=1000")

    def _of(self, model: str, verb: str) -> Url:
        # Quoted wholly: a name must not lead to another path.
        return self._at(f"models/{quote(model, safe='@.-_~')}:{verb}")

    def _at(self, rest: str) -> Url:
        base = self.base_url.target.partition("?")[0].rstrip("/")
        if not _VERSION_AT_END.search(base):
            base = f"{base}/{self.api_version}"
        return self.base_url.at(f"{base}/{rest}")


def is_own(name: str) -> bool:
    """Return whether a name that nobody lists is one of this API's models."""
    return name.startswith(_PREFIX) or any(fnmatchcase(name, pattern) for pattern in _OWN)


def bare(name: str) -> str:
    """Return a model's name as it stands in addresses and records."""
    return name.removeprefix(_PREFIX)
