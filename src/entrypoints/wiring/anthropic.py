"""Anthropic's part of the container."""

from ...adapters.anthropic.counter import AnthropicCounter
from ...adapters.anthropic.options import AnthropicOptions
from ...adapters.anthropic.probe import AnthropicProbe
from ...adapters.anthropic.provider import AnthropicProvider
from ...adapters.transport.url import Url
from ...domain.errors import ConfigurationError
from ..settings.providers import ANTHROPIC_URL, AnthropicSettings
from .options import headers_of, own_key, transport_of
from .parts import Adapter, Surroundings

KEY_VARIABLE = "ANTHROPIC_API_KEY"


def build(settings: AnthropicSettings, house: Surroundings) -> Adapter:
    headers = headers_of(settings)
    key = own_key(settings.api_key, KEY_VARIABLE, house.environ)
    if key is None and not headers and settings.base_url == ANTHROPIC_URL:
        raise ConfigurationError(
            f"provider {house.name}: Anthropic answers nobody without a key",
            hint=f'write api_key = "${{{KEY_VARIABLE}}}" and set that variable',
        )
    if settings.workspace_id is not None:
        headers = (("anthropic-workspace-id", settings.workspace_id), *headers)
    llm = AnthropicProvider(
        AnthropicOptions(
            house.name,
            Url.parse(_without_version(settings.base_url)),
            key,
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
        gauges=llm.client.readings,
        counter=AnthropicCounter(llm),
    )


def _without_version(base_url: str) -> str:
    """Return what stands before `/v1`, which some write at the end as other services want it."""
    return base_url.rstrip("/").removesuffix("/v1")
