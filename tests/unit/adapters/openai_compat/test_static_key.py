import pytest

from modelmux.adapters.openai_compat.auth import StaticKey
from modelmux.application.ports import Credentials
from modelmux.domain.secret import Secret
from tests.contracts.credentials import CredentialsContract

KEY = Secret("test-key-not-secret")


class TestStaticKey(CredentialsContract):
    @pytest.fixture
    def credentials(self) -> Credentials:
        return StaticKey(KEY)


async def test_a_key_is_a_bearer_token_unless_told_otherwise() -> None:
    assert await StaticKey(KEY).header() == ("authorization", "Bearer test-key-not-secret")
    plain = StaticKey(KEY, header="X-Api-Key", scheme="")
    assert await plain.header() == ("x-api-key", "test-key-not-secret")


def test_a_key_is_not_shown() -> None:
    assert "not-secret" not in repr(StaticKey(KEY))
