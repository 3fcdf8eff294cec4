"""Where Azure's calls go: the v1 path, or a path for each deployment."""

from functools import lru_cache
from typing import Final
from urllib.parse import quote

from ...domain.dialect import Dialect
from ...domain.errors import ConfigurationError
from ..openai_compat.endpoints import BaseEndpoints, Endpoints
from ..transport.url import Url

_OPERATIONS: Final = {
    Dialect.CHAT_COMPLETIONS: "chat/completions",
    Dialect.COMPLETIONS: "completions",
    Dialect.EMBEDDINGS: "embeddings",
}
# The first version whose older path has Responses: there it is one for all deployments.
_FIRST_WITH_RESPONSES: Final = "2025-03-01"


def azure_endpoints(resource: Url, api_version: str | None, *, deployments: bool) -> Endpoints:
    """Return the addresses of a resource such as `https://name.openai.azure.com`.

    An address that is given down to `/openai` or `/openai/v1` is taken as well. The v1 path needs
    no `api_version` (`preview` is one); the deployments path does.

    Raises:
        ConfigurationError: deployments without a version.
    """
    if deployments and not api_version:
        raise ConfigurationError(
            "Azure's deployments path needs an api_version",
            hint='write api_version = "2024-10-21", or leave `deployments` out for the v1 path',
        )
    path = resource.target.partition("?")[0].rstrip("/")
    path = path.removesuffix("/v1").removesuffix("/openai")
    query = f"?api-version={quote(api_version, safe='')}" if api_version is not None else ""
    if not deployments:
        return BaseEndpoints(resource.at(f"{path}/openai/v1{query}"))
    return DeploymentEndpoints(resource.at(f"{path}/openai{query}"))


def has_responses(api_version: str | None, *, deployments: bool) -> bool:
    """Return whether Responses is spoken there; versions of the older path are dates."""
    return not deployments or (api_version or "") >= _FIRST_WITH_RESPONSES


class DeploymentEndpoints(Endpoints):
    """The deployment, which callers name as the model, stands in the path."""

    def __init__(self, base_url: Url) -> None:
        self._base_url = base_url
        self._made = lru_cache(maxsize=1024)(self._make)

    def url(self, dialect: Dialect, model: str) -> Url:
        return self._made(dialect, model)

    def models_url(self) -> Url:
        return self._base_url.join("models")

    def _make(self, dialect: Dialect, model: str) -> Url:
        if dialect is Dialect.RESPONSES:
            return self._base_url.join("responses")
        # Quoted wholly, also where it is nothing but dots: a name must not lead to another path.
        deployment = quote(model, safe="")
        if not deployment.strip("."):
            deployment = deployment.replace(".", "%2E")
        return self._base_url.join(f"deployments/{deployment}/{_OPERATIONS[dialect]}")
