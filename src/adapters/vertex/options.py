"""VertexOptions: how a Vertex provider is configured."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from ...domain.errors import ConfigurationError
from ..gemini.embed import EmbeddingVerb
from ..transport.url import Url
from .auth import SignInOptions
from .endpoints import host_of


@dataclass(frozen=True, slots=True)
class VertexOptions:
    """Everything may be left out.

    `regions` names another region for models whose name matches a pattern (shell style, the
    first match counts). `base_url` stands for the host and what comes before the version.
    `anthropic_version` is the marker in Claude's body, `anthropic_beta` what its header asks for;
    `headers` go along with every call. `embedding_verbs` names another verb for the embeddings of
    models whose name matches a pattern.
    """

    project: str | None = None
    region: str | None = None
    sign_in: SignInOptions = field(default_factory=SignInOptions)
    base_url: str | None = None
    api_version: str | None = None
    regions: Mapping[str, str] = field(default_factory=dict[str, str])
    anthropic_version: str = "vertex-2023-10-16"
    anthropic_beta: tuple[str, ...] = ()
    headers: tuple[tuple[str, str], ...] = ()
    embedding_verbs: Mapping[str, EmbeddingVerb] = field(default_factory=dict[str, EmbeddingVerb])

    def __post_init__(self) -> None:
        """Raise `ConfigurationError` for what can be seen to be wrong without asking anybody."""
        for region in (self.region, *self.regions.values()):
            if region is not None:
                host_of(region)
        if self.base_url is not None:
            Url.parse(self.base_url)
        if self.api_version is not None and not self.api_version.isalnum():
            raise ConfigurationError(
                f"{self.api_version!r} is not an API version", hint="write it as v1 or v1beta1"
            )
