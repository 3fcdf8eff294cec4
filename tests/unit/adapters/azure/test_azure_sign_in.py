import threading
from collections.abc import AsyncGenerator

import pytest
from azure.core.credentials import AccessToken
from azure.core.exceptions import ClientAuthenticationError
from azure.identity import (
    ClientSecretCredential,
    DefaultAzureCredential,
    ManagedIdentityCredential,
    WorkloadIdentityCredential,
)

from modelmux.adapters.azure.cloud import CLOUDS
from modelmux.adapters.azure.sign_in import (
    AnyIdentity,
    ClientSecret,
    EntraCredentials,
    ManagedIdentity,
    WorkloadIdentity,
    credential_maker,
)
from modelmux.adapters.memory.clock import ManualClock
from modelmux.application.ports import Credentials
from modelmux.domain.errors import UpstreamAuthFailed
from modelmux.domain.secret import Secret
from tests.contracts.credentials import CredentialsContract

SCOPE = CLOUDS["public"].v1_scope


class RecordedCredential:
    """Stands in for azure-identity's own: what it asks of the network is not ours to test."""

    def __init__(self, error: Exception | None = None) -> None:
        self.error = error
        self.scopes: list[str] = []
        self.threads: set[int] = set()

    def get_token(
        self,
        *scopes: str,
        claims: str | None = None,
        tenant_id: str | None = None,
        enable_cae: bool = False,
        **kwargs: object,
    ) -> AccessToken:
        self.scopes.extend(scopes)
        self.threads.add(threading.get_ident())
        if self.error is not None:
            raise self.error
        return AccessToken("entra-token", 5000)


class TestEntraCredentials(CredentialsContract):
    @pytest.fixture
    async def credentials(self) -> AsyncGenerator[Credentials]:
        signed_in = EntraCredentials(RecordedCredential, SCOPE, ManualClock(1000.0))
        yield signed_in
        await signed_in.aclose()

    @pytest.fixture
    async def refused(self) -> AsyncGenerator[Credentials]:
        error = ClientAuthenticationError("AADSTS7000215: bad secret")
        refused = EntraCredentials(lambda: RecordedCredential(error), SCOPE, ManualClock(1000.0))
        yield refused
        await refused.aclose()


async def test_one_token_serves_all_calls_and_is_fetched_off_the_loop() -> None:
    credential = RecordedCredential()
    credentials = EntraCredentials(lambda: credential, SCOPE, ManualClock(1000.0))
    for _ in range(3):
        assert await credentials.header() == ("authorization", "Bearer entra-token")
    assert credential.scopes == ["https://ai.azure.com/.default"]
    assert threading.get_ident() not in credential.threads
    await credentials.aclose()


@pytest.mark.parametrize(
    "error", [ClientAuthenticationError("AADSTS7000215: bad secret"), ValueError("bad tenant")]
)
async def test_a_refused_sign_in_is_told_and_its_reason_is_for_the_log(error: Exception) -> None:
    credentials = EntraCredentials(lambda: RecordedCredential(error), SCOPE, ManualClock(1000.0))
    with pytest.raises(UpstreamAuthFailed) as caught:
        await credentials.header()
    assert "Entra" in caught.value.message
    assert str(error) not in caught.value.message
    assert caught.value.detail == str(error)


async def test_a_credential_that_cannot_be_made_is_told_at_the_first_call() -> None:
    make = credential_maker(ClientSecret("", "", Secret("")), CLOUDS["public"].authority)
    with pytest.raises(UpstreamAuthFailed):
        await EntraCredentials(make, SCOPE, ManualClock(1000.0)).header()


@pytest.mark.parametrize(
    ("sign_in", "kind"),
    [
        (ClientSecret("t", "c", Secret("test-key-not-secret")), ClientSecretCredential),
        (ManagedIdentity(), ManagedIdentityCredential),
        (ManagedIdentity("c"), ManagedIdentityCredential),
        (AnyIdentity(), DefaultAzureCredential),
    ],
)
def test_each_way_to_sign_in_has_its_credential(
    sign_in: ClientSecret | ManagedIdentity | AnyIdentity, kind: type[object]
) -> None:
    assert isinstance(credential_maker(sign_in, CLOUDS["china"].authority)(), kind)


def test_a_workload_finds_itself_in_its_variables(
    monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    token = tmp_path_factory.mktemp("workload") / "token"
    monkeypatch.setenv("AZURE_TENANT_ID", "t")
    monkeypatch.setenv("AZURE_CLIENT_ID", "c")
    monkeypatch.setenv("AZURE_FEDERATED_TOKEN_FILE", str(token))
    made = credential_maker(WorkloadIdentity(), CLOUDS["public"].authority)()
    assert isinstance(made, WorkloadIdentityCredential)


def test_every_cloud_signs_in_at_its_own_place() -> None:
    assert len({cloud.authority for cloud in CLOUDS.values()}) == 3
    for cloud in CLOUDS.values():
        assert cloud.v1_scope.endswith("/.default")
        assert cloud.deployments_scope.endswith("/.default")
