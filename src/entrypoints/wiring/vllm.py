"""vLLM's part of the container."""

from ...adapters.transport.url import Url
from ...adapters.vllm.counter import VllmCounter
from ...adapters.vllm.probe import VllmProbe
from ...adapters.vllm.provider import PRESET, VllmOptions, VllmProvider
from ..settings.providers import VllmSettings
from .compatible import key_in_header
from .options import headers_of, own_key, transport_of
from .parts import Adapter, Surroundings


def build(settings: VllmSettings, house: Surroundings) -> Adapter:
    key = own_key(settings.api_key, PRESET.key_env, house.environ)
    llm = VllmProvider(
        VllmOptions(
            house.name,
            Url.parse(settings.base_url),
            key_in_header(key, None),
            headers_of(settings),
            transport_of(settings, house),
        )
    )
    return Adapter(
        llm,
        llm.capabilities,
        probe=VllmProbe(llm),
        aclose=llm.aclose,
        gauges=llm.client.readings,
        counter=VllmCounter(llm),
    )
