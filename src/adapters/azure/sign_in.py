"""Entra ID sign-in, by way of azure-identity (the extra `azure`).

Its synchronous credentials run in a worker thread: the event loop never waits for them. One
token serves all calls; `CachedToken` renews it ahead of its end.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, TypeAlias, assert_never

from azure.core.credentials import TokenCredential
from azure.core.exceptions import AzureError
from azure.identity import (
    ClientSecretCredential,
    DefaultAzureCredential,
    ManagedIdentityCredential,
    WorkloadIdentityCredential,
)

from ...application.ports import Clock, Credentials
from ...domain.errors import UpstreamAuthFailed
from ...domain.secret import Secret
from ..transport.tokens import CachedToken, Token
from ..transport.upstream_words import presentable

_AHEAD_S: Final = 600.0


@dataclass(frozen=True, slots=True)
class ClientSecret:
    """An application that signs in with a secret."""

    tenant_id: str
    client_id: str
    secret: Secret


@dataclass(frozen=True, slots=True)
class ManagedIdentity:
    """The identity of the machine; `client_id` None is the one the system gave it."""

    client_id: str | None = None


@dataclass(frozen=True, slots=True)
class WorkloadIdentity:
    """A Kubernetes workload's identity, told by the variables AZURE_FEDERATED_TOKEN_FILE, ..."""


@dataclass(frozen=True, slots=True)
class AnyIdentity:
    """Whatever of the machine signs in first: environment, workload, managed identity, `az`."""


SignIn: TypeAlias = ClientSecret | ManagedIdentity | WorkloadIdentity | AnyIdentity


class EntraCredentials(Credentials):
    """Bearer tokens for one scope. `make` is called once, at the first token."""

    def __init__(self, make: Callable[[], TokenCredential], scope: str, clock: Clock) -> None:
        self._make = make
        self._scope = scope
        self._credential: TokenCredential | None = None
        self._token = CachedToken(self._fetch, clock, _AHEAD_S)

    async def header(self) -> tuple[str, str]:
        return "authorization", f"Bearer {await self._token.get()}"

    async def aclose(self) -> None:
        """End a sign-in under way. Idempotent."""
        await self._token.aclose()

    async def _fetch(self) -> Token:
        return await asyncio.to_thread(self._ask)

    def _ask(self) -> Token:
        try:
            if self._credential is None:
                self._credential = self._make()
            found = self._credential.get_token(self._scope)
        except (AzureError, ValueError) as error:
            raise UpstreamAuthFailed(
                "The gateway could not sign in at Microsoft Entra ID.",
                detail=presentable(str(error)),
            ) from error
        return Token(found.token, float(found.expires_on))


def credential_maker(sign_in: SignIn, authority: str) -> Callable[[], TokenCredential]:
    """Return what makes azure-identity's credential; `authority` is a `Cloud`'s."""
    match sign_in:
        case ClientSecret(tenant, application, secret):
            return lambda: ClientSecretCredential(
                tenant, application, secret.reveal(), authority=authority
            )
        case ManagedIdentity(client_id):
            return lambda: ManagedIdentityCredential(client_id=client_id)
        case WorkloadIdentity():
            return lambda: WorkloadIdentityCredential(authority=authority)
        case AnyIdentity():
            return lambda: DefaultAzureCredential(authority=authority)
        case _:
            assert_never(sign_in)
