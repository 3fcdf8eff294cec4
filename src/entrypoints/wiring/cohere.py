"""Cohere's part of the container."""

from ...adapters.cohere.probe import CohereProbe
from ...adapters.cohere.provider import CohereOptions, CohereProvider
from ...adapters.transport.url import Url
from ...domain.errors import ConfigurationError
from ..settings.providers import CohereSettings
from .options import headers_of, own_key, transport_of
from .parts import Adapter, Surroundings


def build(settings: CohereSettings, house: Surroundings) -> Adapter:
    # Cohere's own clients read the first; most others know the second.
    key = own_key(settings.api_key, "CO_API_KEY", house.environ)
    key = own_key(key, "COHERE_API_KEY", house.environ)
    if key is None:
        raise ConfigurationError(
            f"provider {house.name}: Cohere answers nobody without a key",
            hint='write api_key = "${CO_API_KEY}" and set that variable',
        )
    llm = CohereProvider(
        CohereOptions(
            house.name,
            key,
            Url.parse(settings.base_url),
            settings.client_name,
            headers_of(settings),
            transport_of(settings, house),
        )
    )
    return Adapter(
        llm,
        llm.capabilities,
        probe=CohereProbe(llm),
        aclose=llm.aclose,
        gauges=llm.client.readings,
    )
