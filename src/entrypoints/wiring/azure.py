"""Azure OpenAI's part of the container."""

from ...adapters.azure.provider import PRESET, AzureOptions, AzureProvider, api_key
from ...adapters.openai_compat.auth import StaticKey
from ...adapters.openai_compat.probe import OpenAICompatProbe
from ...adapters.transport.url import Url
from ...application.ports import Credentials
from ...domain.errors import ConfigurationError
from ...domain.secret import Secret
from ..settings.providers import AzureSettings
from .options import headers_of, own_key, transport_of
from .parts import Adapter, Closing, Surroundings, nothing_to_close


def build(settings: AzureSettings, house: Surroundings) -> Adapter:
    name = house.name
    auth: Credentials
    close_auth: Closing = nothing_to_close
    asks_entra = settings.client_secret is not None or settings.identity is not None
    if asks_entra and house.dry:
        auth = StaticKey(Secret("{Entra access token}"))
    elif asks_entra:
        entra = house.part("entra", extra="azure").build(settings, house.clock)
        auth, close_auth = entra, entra.aclose
    else:
        key = own_key(settings.api_key, PRESET.key_env, house.environ)
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
            transport_of(settings, house),
        )
    )

    async def aclose() -> None:
        await llm.aclose()
        await close_auth()

    return Adapter(
        llm,
        llm.capabilities,
        probe=OpenAICompatProbe(llm),
        aclose=aclose,
        gauges=llm.client.readings,
    )


def uses_deployments(settings: AzureSettings) -> bool:
    """Return whether Azure is called at the older path; its versions are dates."""
    if settings.deployments is not None:
        return settings.deployments
    return settings.api_version not in (None, "preview", "latest", "v1")
