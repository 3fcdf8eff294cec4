"""The part of the container for Gemini by API key."""

from ...adapters.gemini_api.counter import GeminiApiCounter
from ...adapters.gemini_api.probe import GeminiApiProbe
from ...adapters.gemini_api.provider import GeminiApiOptions, GeminiApiProvider
from ...adapters.transport.url import Url
from ...domain.errors import ConfigurationError
from ..settings.providers import GeminiSettings
from .options import headers_of, own_key, transport_of
from .parts import Adapter, Surroundings


def build(settings: GeminiSettings, house: Surroundings) -> Adapter:
    # Google's own clients read both.
    key = own_key(settings.api_key, "GEMINI_API_KEY", house.environ)
    key = own_key(key, "GOOGLE_API_KEY", house.environ)
    if key is None:
        raise ConfigurationError(
            f"provider {house.name}: Gemini answers nobody without a key",
            hint='write api_key = "${GEMINI_API_KEY}" and set that variable',
        )
    if not settings.api_version.isalnum():
        raise ConfigurationError(
            f"{settings.api_version!r} is not an API version", hint="write it as v1 or v1beta"
        )
    llm = GeminiApiProvider(
        GeminiApiOptions(
            house.name,
            key,
            Url.parse(settings.base_url),
            settings.api_version,
            headers_of(settings),
            transport_of(settings, house),
        )
    )
    return Adapter(
        llm,
        llm.capabilities,
        llm.accepts,
        GeminiApiProbe(llm),
        aclose=llm.aclose,
        gauges=llm.readings,
        counter=GeminiApiCounter(llm),
    )
