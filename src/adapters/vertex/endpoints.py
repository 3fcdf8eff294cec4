"""Where a model is called on Vertex AI: publisher, host, path. Pure.

Sources: the service's REST reference for `publishers.models`; Google's and Anthropic's client
libraries for hosts and versions.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from fnmatch import fnmatchcase
from urllib.parse import quote

from ...domain.errors import ConfigurationError
from ..transport.url import Url


class Publisher(StrEnum):
    """Who made the model, which decides the language it speaks here."""

    ANTHROPIC = "anthropic"
    GOOGLE = "google"
    OPENAI = "openai"


@dataclass(frozen=True, slots=True)
class Door:
    """How a publisher's models are called; `version` is that of the API, unless overridden."""

    version: str
    whole: str
    stream: str
    count: str


DOORS: Mapping[Publisher, Door] = {
    Publisher.ANTHROPIC: Door("v1", "rawPredict", "streamRawPredict", "rawPredict"),
    Publisher.GOOGLE: Door(
        "v1beta1", "generateContent", "streamGenerateContent?alt=sse", "countTokens"
    ),
    # One address for all of its models, which are named in the body; it counts for nobody.
    Publisher.OPENAI: Door("v1", "responses", "responses", "responses"),
}
# What a bare model name says of its publisher; others are written `publisher/model`.
PUBLISHERS: tuple[tuple[str, Publisher], ...] = (
    ("claude-*", Publisher.ANTHROPIC),
    ("gemini-*", Publisher.GOOGLE),
    ("text-embedding-*", Publisher.GOOGLE),
    ("text-multilingual-embedding-*", Publisher.GOOGLE),
)
HOSTS: Mapping[str, str] = {
    "global": "aiplatform.googleapis.com",
    "us": "aiplatform.us.rep.googleapis.com",
    "eu": "aiplatform.eu.rep.googleapis.com",
}
_REGIONAL_HOST = "{region}-aiplatform.googleapis.com"
_NAME = r"(?P<publisher>[a-z0-9-]+)/(?P<name>[^/]+)"
_WRITTEN_OUT = re.compile(rf"(?:publishers/(?P<owner>[a-z0-9-]+)/models/(?P<model>[^/]+))|{_NAME}")
_REGION = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_VERSION_AT_END = re.compile(r"/v\d+(?:(?:alpha|beta)\d+)?$")


@dataclass(frozen=True, slots=True)
class VertexModel:
    publisher: Publisher
    name: str


def parse_model(text: str) -> VertexModel | None:
    """Return the model that `text` names; None if it is none we can speak to.

    `claude-…`, `gemini-…` and `text-embedding-…` say it themselves; `google/…`, `anthropic/…`,
    `openai/…` and `publishers/google/models/…` are taken at their word.
    """
    written_out = _WRITTEN_OUT.fullmatch(text)
    if written_out is not None:
        owner = written_out["owner"] or written_out["publisher"]
        known = {publisher.value: publisher for publisher in Publisher}
        publisher = known.get(owner)
        name = written_out["model"] or written_out["name"]
        return VertexModel(publisher, name) if publisher else None
    for pattern, publisher in PUBLISHERS:
        if fnmatchcase(text, pattern):
            return VertexModel(publisher, text)
    return None


@dataclass(frozen=True, slots=True)
class Endpoints:
    """Makes addresses. `base_url` stands for scheme, host and whatever comes before the version;
    a version at its end, or `api_version`, is used for every publisher."""

    project: str
    base_url: str | None = None
    api_version: str | None = None

    def whole(self, model: VertexModel, region: str) -> Url:
        return self._at(model.publisher, region, model.name, DOORS[model.publisher].whole)

    def stream(self, model: VertexModel, region: str) -> Url:
        return self._at(model.publisher, region, model.name, DOORS[model.publisher].stream)

    def count(self, model: VertexModel, region: str) -> Url:
        """Return where tokens are counted; for Claude that is a model of its own."""
        name = "count-tokens" if model.publisher is Publisher.ANTHROPIC else model.name
        return self._at(model.publisher, region, name, DOORS[model.publisher].count)

    def embed(self, model: VertexModel, region: str, verb: str) -> Url:
        """Return where Google's models make embeddings, by one of the verbs for that."""
        return self._at(model.publisher, region, model.name, verb)

    def _at(self, publisher: Publisher, region: str, name: str, verb: str) -> Url:
        base = (self.base_url or f"https://{host_of(region)}").rstrip("/")
        if not _VERSION_AT_END.search(base):
            base = f"{base}/{self.api_version or DOORS[publisher].version}"
        place = f"{base}/projects/{quote(self.project, safe=':.-_{}')}/locations/{region}"
        door = f"{place}/publishers/{publisher.value}"
        if publisher is Publisher.OPENAI:
            return Url.parse(f"{door}/v1/{verb}")
        return Url.parse(f"{door}/models/{quote(name, safe='@.-_~')}:{verb}")


def host_of(region: str) -> str:
    """Return the host that serves `region`.

    Raises:
        ConfigurationError: it is not the name of a region.
    """
    if not _REGION.fullmatch(region):
        raise ConfigurationError(
            f"{region!r} is not a region of Vertex AI",
            hint="use `global`, `us`, `eu` or a region such as `us-east5`",
        )
    return HOSTS.get(region) or _REGIONAL_HOST.format(region=region)
