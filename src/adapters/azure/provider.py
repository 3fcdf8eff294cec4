"""Azure OpenAI and Foundry: OpenAI's language at addresses and with sign-in of their own.

A caller's model is the name of a deployment. The content-filter results that Azure adds are
passed on where an answer is relayed, and have no place in a translated one.
"""

from dataclasses import dataclass, field, replace
from typing import Final

from ...application.ports import Credentials
from ...domain.secret import Secret
from ..openai_chat.capabilities import BASE, RULES, WITH_RESPONSES
from ..openai_compat.auth import StaticKey
from ..openai_compat.preset import Preset
from ..openai_compat.provider import OpenAICompatOptions, OpenAICompatProvider
from ..transport.settings import TransportSettings
from ..transport.url import Url
from .endpoints import azure_endpoints, has_responses

PRESET: Final = Preset(
    name="azure",
    key_env="AZURE_OPENAI_API_KEY",
    respell_reasoning=False,
    capabilities=replace(BASE, dialects=WITH_RESPONSES),
    rules=RULES,
)
_CHAT_ALONE: Final = replace(PRESET, capabilities=BASE)


def api_key(secret: Secret) -> StaticKey:
    """Return a resource's key, in the header Azure reads it from."""
    return StaticKey(secret, header="api-key", scheme="")


@dataclass(frozen=True, slots=True)
class AzureOptions:
    """One resource: `https://<name>.openai.azure.com` or `https://<name>.services.ai.azure.com`.

    `deployments` calls the older path for each deployment, which needs an `api_version`.
    """

    name: str
    resource: Url
    auth: Credentials
    api_version: str | None = None
    deployments: bool = False
    extra_headers: tuple[tuple[str, str], ...] = ()
    transport: TransportSettings = field(default_factory=TransportSettings)


class AzureProvider(OpenAICompatProvider):
    """Raises `ConfigurationError` when made for the deployments path without a version."""

    def __init__(self, options: AzureOptions) -> None:
        version, deployments = options.api_version, options.deployments
        spoken = has_responses(version, deployments=deployments)
        super().__init__(
            OpenAICompatOptions(
                name=options.name,
                preset=PRESET if spoken else _CHAT_ALONE,
                base_url=options.resource,
                auth=options.auth,
                extra_headers=options.extra_headers,
                transport=options.transport,
                endpoints=azure_endpoints(options.resource, version, deployments=deployments),
            )
        )
