"""The part of the container for servers that speak chat completions."""

from ...adapters.openai_compat.auth import StaticKey
from ...adapters.openai_compat.counter import ResponsesCounter
from ...adapters.openai_compat.endpoints import Paths
from ...adapters.openai_compat.presets import GENERIC, PRESETS
from ...adapters.openai_compat.probe import OpenAICompatProbe
from ...adapters.openai_compat.provider import OpenAICompatOptions, OpenAICompatProvider
from ...adapters.transport.url import Url
from ...application.ports import Credentials
from ...domain.errors import ConfigurationError
from ...domain.secret import Secret
from ..settings.providers import OpenAiCompatSettings
from ..settings.references import BadReference, expand
from .options import headers_of, own_key, transport_of
from .parts import Adapter, Surroundings


def preset_names() -> tuple[str, ...]:
    """Return the names of the known services."""
    return tuple(name for name in PRESETS if name != GENERIC.name)


def key_variable(preset: str) -> str:
    """Return the variable in which users of a known service keep its key."""
    return PRESETS[preset].key_env or f"{preset.upper()}_API_KEY"


def build(settings: OpenAiCompatSettings, house: Surroundings) -> Adapter:
    name, environ = house.name, house.environ
    preset = PRESETS[settings.preset or GENERIC.name]
    key = own_key(settings.api_key, preset.key_env, environ)
    if key is None and preset.needs_key:
        raise ConfigurationError(
            f"provider {name}: {preset.name} answers nobody without a key",
            hint=f'write api_key = "${{{preset.key_env}}}" and set that variable',
        )
    try:
        base_url = settings.base_url or expand(preset.base_url, environ)
    except BadReference as error:
        raise ConfigurationError(
            f"provider {name}: {error.message}", hint="set it, or write base_url"
        ) from error
    auth = key_in_header(key, settings.auth_header)
    paths = settings.paths
    llm = OpenAICompatProvider(
        OpenAICompatOptions(
            name=name,
            preset=preset,
            base_url=Url.parse(base_url),
            auth=auth,
            extra_headers=headers_of(settings),
            paths=Paths(
                paths.chat_completions,
                paths.completions,
                paths.embeddings,
                paths.models,
                paths.responses,
            ),
            transport=transport_of(settings, house),
            organization=settings.organization,
            project=settings.project,
        )
    )
    return Adapter(
        llm,
        llm.capabilities,
        probe=OpenAICompatProbe(llm),
        aclose=llm.aclose,
        gauges=llm.client.readings,
        counter=ResponsesCounter(llm) if preset.counts_tokens else None,
    )


def key_in_header(key: Secret | None, header: str | None) -> Credentials | None:
    """Return what shows `key`: in a header of that name, or as a bearer token."""
    if key is None:
        return None
    return StaticKey(key, header=header, scheme="") if header else StaticKey(key)
