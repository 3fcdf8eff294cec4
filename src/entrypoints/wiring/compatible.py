"""The part of the container for servers that speak chat completions, vLLM among them."""

from collections.abc import Mapping

from ...adapters.openai_compat.auth import StaticKey
from ...adapters.openai_compat.counter import ResponsesCounter
from ...adapters.openai_compat.endpoints import Paths
from ...adapters.openai_compat.presets import GENERIC, PRESETS
from ...adapters.openai_compat.probe import OpenAICompatProbe
from ...adapters.openai_compat.provider import OpenAICompatOptions, OpenAICompatProvider
from ...adapters.transport.url import Url
from ...adapters.vllm.counter import VllmCounter
from ...adapters.vllm.probe import VllmProbe
from ...adapters.vllm.provider import PRESET, VllmOptions, VllmProvider
from ...application.ports import Credentials
from ...domain.errors import ConfigurationError
from ...domain.secret import Secret
from ..provider_settings import OpenAiCompatSettings, VllmSettings
from ..settings_references import BadReference, expand
from .options import headers_of, own_key, transport_of
from .parts import Adapter


def preset_names() -> tuple[str, ...]:
    """Return the names of the known services."""
    return tuple(name for name in PRESETS if name != GENERIC.name)


def key_variable(preset: str) -> str:
    """Return the variable in which users of a known service keep its key."""
    return PRESETS[preset].key_env or f"{preset.upper()}_API_KEY"


def build(settings: OpenAiCompatSettings, name: str, environ: Mapping[str, str]) -> Adapter:
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
    auth = _key_in_header(key, settings.auth_header)
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
            transport=transport_of(settings, environ),
            organization=settings.organization,
            project=settings.project,
        )
    )
    return Adapter(
        llm,
        llm.capabilities,
        probe=OpenAICompatProbe(llm),
        aclose=llm.aclose,
        counter=ResponsesCounter(llm) if preset.counts_tokens else None,
    )


def build_vllm(settings: VllmSettings, name: str, environ: Mapping[str, str]) -> Adapter:
    key = own_key(settings.api_key, PRESET.key_env, environ)
    llm = VllmProvider(
        VllmOptions(
            name,
            Url.parse(settings.base_url),
            _key_in_header(key, None),
            headers_of(settings),
            transport_of(settings, environ),
        )
    )
    return Adapter(
        llm,
        llm.capabilities,
        probe=VllmProbe(llm),
        aclose=llm.aclose,
        counter=VllmCounter(llm),
    )


def _key_in_header(key: Secret | None, header: str | None) -> Credentials | None:
    if key is None:
        return None
    return StaticKey(key, header=header, scheme="") if header else StaticKey(key)
