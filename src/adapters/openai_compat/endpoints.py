"""Where the calls of one upstream go."""

from abc import abstractmethod
from dataclasses import dataclass
from typing import Protocol

from ...domain.dialect import Dialect
from ..transport.url import Url


class Endpoints(Protocol):
    @abstractmethod
    def url(self, dialect: Dialect, model: str) -> Url:
        """Return the address of `model` in that dialect."""
        ...

    @abstractmethod
    def models_url(self) -> Url:
        """Return the address of the list of models."""
        ...


@dataclass(frozen=True, slots=True)
class Paths:
    """What is put behind the base URL."""

    chat_completions: str = "/chat/completions"
    completions: str = "/completions"
    embeddings: str = "/embeddings"
    models: str = "/models"
    responses: str = "/responses"


class BaseEndpoints(Endpoints):
    """The same address for every model: a base URL and paths."""

    def __init__(self, base_url: Url, paths: Paths | None = None) -> None:
        paths = paths or Paths()
        self._urls = {
            Dialect.CHAT_COMPLETIONS: base_url.join(paths.chat_completions),
            Dialect.COMPLETIONS: base_url.join(paths.completions),
            Dialect.EMBEDDINGS: base_url.join(paths.embeddings),
            Dialect.RESPONSES: base_url.join(paths.responses),
        }
        self._models = base_url.join(paths.models)

    def url(self, dialect: Dialect, model: str) -> Url:
        del model
        return self._urls[dialect]

    def models_url(self) -> Url:
        return self._models
