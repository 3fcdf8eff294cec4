"""Where Bedrock's doors are. Pure.

Source: the Bedrock guide on endpoints; Anthropic's and OpenAI's client libraries for Mantle's.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import lru_cache
from typing import Final
from urllib.parse import quote

from ...domain.dialect import Dialect
from ...domain.errors import ConfigurationError
from ..converse.capabilities import model_name
from ..openai_compat.endpoints import BaseEndpoints, Endpoints
from ..transport.url import Url

_REGION: Final = re.compile(r"[a-z]{2,4}(-[a-z]+)+-\d{1,2}")
# What hosts end in, by how the names of a partition's regions begin: older names, newer names.
_SUFFIXES: Final[tuple[tuple[str, str, str], ...]] = (
    ("cn-", "amazonaws.com.cn", "api.amazonwebservices.com.cn"),
    ("eusc-", "amazonaws.eu", "api.amazonwebservices.eu"),
    ("", "amazonaws.com", "api.aws"),
)
# Where Mantle has a model's OpenAI form; the wrong one is refused by name. The first match counts.
_MANTLE_PATHS: Final[tuple[tuple[str, str], ...]] = (
    ("openai.gpt-oss*", "/v1"),
    ("openai.*", "/openai/v1"),
    ("*", "/v1"),
)


@dataclass(frozen=True, slots=True)
class Places:
    """`runtime` and `mantle` are the two hosts; a path of theirs stands before ours.

    `mantle_path` is the path of Mantle's OpenAI form for every model, None chooses by the model.
    """

    runtime: Url
    mantle: Url
    mantle_path: str | None = None

    @classmethod
    def of(
        cls, region: str, base_url: str | None = None, mantle_base_url: str | None = None
    ) -> "Places":
        """Return the places of `region`, or those that are given instead.

        `mantle_base_url` may end in the path of its OpenAI form.

        Raises:
            ConfigurationError: it is no region, or an address is none.
        """
        if not _REGION.fullmatch(region):
            raise ConfigurationError(
                f"{region!r} is not a region of AWS", hint="use one such as `us-east-1`"
            )
        suffix, newer = next(
            (old, new) for start, old, new in _SUFFIXES if region.startswith(start)
        )
        runtime = Url.parse(base_url or f"https://bedrock-runtime.{region}.{suffix}")
        mantle = Url.parse(mantle_base_url or f"https://bedrock-mantle.{region}.{newer}")
        path = mantle.target.partition("?")[0].rstrip("/")
        for own in ("/openai/v1", "/v1"):
            if path.endswith(own):
                return cls(runtime, mantle.at(path.removesuffix(own) or "/"), own)
        return cls(runtime, mantle)

    def model(self, model: str, verb: str) -> Url:
        """Return the address of one of bedrock-runtime's verbs."""
        return self.runtime.join(f"model/{encode_model(model)}/{verb}")

    def messages(self) -> Url:
        return self.mantle.join("anthropic/v1/messages")

    def chat(self) -> Endpoints:
        return BaseEndpoints(self.runtime.join("openai/v1"))

    def mantle_chat(self) -> "MantleEndpoints":
        return MantleEndpoints(self.mantle, self.mantle_path)


def encode_model(model: str) -> str:
    """Return a model's id, which may be an ARN, as one segment of a path.

    Nothing but dots would be another path.
    """
    quoted = quote(model, safe="")
    return quoted if quoted.strip(".") else quoted.replace(".", "%2E")


class MantleEndpoints(Endpoints):
    """OpenAI's form on bedrock-mantle, whose path is not the same for all models."""

    def __init__(self, mantle: Url, path: str | None) -> None:
        self._paths: Mapping[str, BaseEndpoints] = {
            one: BaseEndpoints(mantle.join(one)) for one in {"/v1", "/openai/v1"}
        }
        self._path = path
        self._url = lru_cache(maxsize=1024)(self._make)

    def url(self, dialect: Dialect, model: str) -> Url:
        return self._url(dialect, model)

    def models_url(self) -> Url:
        return self._paths[self._path or "/v1"].models_url()

    def _make(self, dialect: Dialect, model: str) -> Url:
        name = model_name(model)
        path = self._path or next(
            path for pattern, path in _MANTLE_PATHS if fnmatchcase(name, pattern)
        )
        return self._paths[path].url(dialect, model)
