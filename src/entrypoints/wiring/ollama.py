"""The part of the container for Ollama in its own language."""

from typing import Final

from ...adapters.ollama.probe import OllamaProbe
from ...adapters.ollama.provider import OllamaOptions, OllamaProvider
from ...adapters.ollama_native.encode import Defaults
from ...adapters.transport.url import Url
from ...domain.errors import ConfigurationError
from ..settings.providers import OllamaSettings
from .options import headers_of, own_key, transport_of
from .parts import Adapter, Surroundings

_KEY: Final = "OLLAMA_API_KEY"


def build(settings: OllamaSettings, house: Surroundings) -> Adapter:
    if settings.num_ctx is not None and "num_ctx" in settings.options:
        raise ConfigurationError(
            f"provider {house.name}: num_ctx is given twice, once among the options",
            hint="keep the one beside base_url",
        )
    llm = OllamaProvider(
        OllamaOptions(
            house.name,
            Url.parse(settings.base_url),
            own_key(settings.api_key, _KEY, house.environ),
            _defaults(settings),
            headers_of(settings),
            transport_of(settings, house),
        )
    )
    return Adapter(
        llm,
        llm.capabilities,
        probe=OllamaProbe(llm),
        aclose=llm.aclose,
        gauges=llm.client.readings,
    )


def _defaults(settings: OllamaSettings) -> Defaults:
    options = dict(settings.options)
    given = options.pop("num_ctx", None)
    room = settings.num_ctx if given is None else given
    if room is not None and (not isinstance(room, int) or isinstance(room, bool) or room < 1):
        raise ConfigurationError("options.num_ctx is a number of tokens, at least 1")
    alive = settings.keep_alive
    # A duration without a unit is seconds, and has to be a number there (-1: for ever).
    seconds = alive is not None and alive.removeprefix("-").isdecimal()
    return Defaults(room, int(alive) if alive is not None and seconds else alive, options)
