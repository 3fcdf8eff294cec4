import pytest

from modelmux.adapters.azure.endpoints import azure_endpoints
from modelmux.adapters.transport.url import Url
from modelmux.domain.dialect import Dialect
from modelmux.domain.errors import ConfigurationError


def chat(resource: str, version: str | None, model: str = "d", *, deployments: bool) -> str:
    endpoints = azure_endpoints(Url.parse(resource), version, deployments=deployments)
    return str(endpoints.url(Dialect.CHAT_COMPLETIONS, model))


@pytest.mark.parametrize(
    "resource",
    [
        "https://x.openai.azure.com",
        "https://x.openai.azure.com/",
        "https://x.openai.azure.com/openai",
        "https://x.openai.azure.com/openai/v1/",
    ],
)
def test_a_resource_may_be_written_with_or_without_its_path(resource: str) -> None:
    assert chat(resource, None, deployments=False) == (
        "https://x.openai.azure.com/openai/v1/chat/completions"
    )
    assert chat(resource, "2024-10-21", deployments=True) == (
        "https://x.openai.azure.com/openai/deployments/d/chat/completions?api-version=2024-10-21"
    )


def test_a_gateway_in_front_keeps_its_path() -> None:
    assert chat("https://apim.example/team", None, deployments=False) == (
        "https://apim.example/team/openai/v1/chat/completions"
    )


@pytest.mark.parametrize(
    ("model", "segment"),
    [("a/b", "a%2Fb"), ("..", "%2E%2E"), ("a?b=c#d", "a%3Fb%3Dc%23d"), ("gpt-4.1", "gpt-4.1")],
)
def test_a_name_never_leads_to_another_path(model: str, segment: str) -> None:
    url = chat("https://x.openai.azure.com", "v", model, deployments=True)
    assert f"/deployments/{segment}/chat/completions?api-version=v" in url


def test_deployments_need_a_version() -> None:
    with pytest.raises(ConfigurationError, match="api_version"):
        azure_endpoints(Url.parse("https://x.openai.azure.com"), None, deployments=True)
