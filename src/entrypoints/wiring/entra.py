"""Sign-in at Microsoft Entra ID: apart, because it needs the extra `azure`."""

from typing import assert_never

from ...adapters.azure.cloud import CLOUDS
from ...adapters.azure.sign_in import (
    AnyIdentity,
    ClientSecret,
    EntraCredentials,
    ManagedIdentity,
    SignIn,
    WorkloadIdentity,
    credential_maker,
)
from ...application.ports import Clock
from ...domain.secret import Secret
from ..settings.providers import AzureSettings
from .azure import uses_deployments


def build(settings: AzureSettings, clock: Clock) -> EntraCredentials:
    """Return the sign-in that the configuration describes; whoever made it closes it."""
    cloud = CLOUDS[settings.cloud]
    scope = settings.scope or (
        cloud.deployments_scope if uses_deployments(settings) else cloud.v1_scope
    )
    way: SignIn
    match settings.identity:
        case None:
            way = ClientSecret(
                settings.tenant_id or "",
                settings.client_id or "",
                settings.client_secret or Secret(""),
            )
        case "managed":
            way = ManagedIdentity(settings.client_id)
        case "workload":
            way = WorkloadIdentity()
        case "any":
            way = AnyIdentity()
        case _:
            assert_never(settings.identity)
    maker = credential_maker(way, cloud.authority)
    return EntraCredentials(maker, scope, clock)
