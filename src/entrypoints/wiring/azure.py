"""Azure OpenAI's part of the container."""

from collections.abc import Mapping

from ...adapters.azure.provider import PRESET, AzureOptions, AzureProvider, api_key
from ...adapters.openai_compat.probe import OpenAICompatProbe
from ...adapters.transport.url import Url
from ...application.ports import Credentials
from ...domain.errors import ConfigurationError
from ..provider_settings import AzureSettings
from .options import headers_of, own_key, transport_of
from .parts import Adapter, Closing, nothing_to_close


def build(
    settings: AzureSettings,
    name: str,
    environ: Mapping[str, str],
    entra: tuple[Credentials, Closing] | None,
) -> Adapter:
    """Return the adapter; `entra` is the sign-in, and its end, of those who use no key."""
    auth: Credentials
    close_auth: Closing = nothing_to_close
    if entra is not None:
        auth, close_auth = entra
    else:
        key = own_key(settings.api_key, PRESET.key_env, environ)
        if key is None:
            raise ConfigurationError(
                f"provider {name} has no way to sign in",
                hint="write api_key, or tenant_id with client_id and client_secret, or "
                'identity = "managed"; or set AZURE_OPENAI_API_KEY',
            )
        auth = api_key(key)
    llm = AzureProvider(
        AzureOptions(
            name,
            Url.parse(settings.base_url),
            auth,
            settings.api_version,
            uses_deployments(settings),
            headers_of(settings),
            transport_of(settings, environ),
        )
    )

    async def aclose() -> None:
        await llm.aclose()
        await close_auth()

    return Adapter(llm, llm.capabilities, probe=OpenAICompatProbe(llm), aclose=aclose)


def uses_deployments(settings: AzureSettings) -> bool:
    """Return whether Azure is called at the older path; its versions are dates."""
    if settings.deployments is not None:
        return settings.deployments
    return settings.api_version not in (None, "preview", "latest", "v1")
