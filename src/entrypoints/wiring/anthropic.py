"""Anthropic's part of the container."""

from ...adapters.anthropic.counter import AnthropicCounter
from ...adapters.anthropic.options import AnthropicOptions
from ...adapters.anthropic.probe import AnthropicProbe
from ...adapters.anthropic.provider import AnthropicProvider
from ...adapters.transport.url import Url
from ..provider_settings import AnthropicSettings
from .options import headers_of, own_key, transport_of
from .parts import Adapter, Surroundings

KEY_VARIABLE = "ANTHROPIC_API_KEY"


def build(settings: AnthropicSettings, house: Surroundings) -> Adapter:
    headers = headers_of(settings)
    if settings.workspace_id is not None:
        headers = (("anthropic-workspace-id", settings.workspace_id), *headers)
    llm = AnthropicProvider(
        AnthropicOptions(
            house.name,
            Url.parse(_without_version(settings.base_url)),
            own_key(settings.api_key, KEY_VARIABLE, house.environ),
            settings.bearer,
            settings.version,
            settings.anthropic_beta,
            headers,
            transport_of(settings, house),
        )
    )
    return Adapter(
        llm,
        llm.capabilities,
        probe=AnthropicProbe(llm),
        aclose=llm.aclose,
        counter=AnthropicCounter(llm),
    )


def _without_version(base_url: str) -> str:
    """Return what stands before `/v1`, which some write at the end as other services want it."""
    return base_url.rstrip("/").removesuffix("/v1")
