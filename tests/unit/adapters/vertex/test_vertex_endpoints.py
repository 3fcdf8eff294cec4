"""Which model a name means, and where it is called."""

import pytest

from modelmux.adapters.vertex.endpoints import Endpoints, Publisher, VertexModel, parse_model
from modelmux.adapters.vertex.options import VertexOptions
from modelmux.domain.errors import ConfigurationError

CLAUDE = VertexModel(Publisher.ANTHROPIC, "claude-sonnet-4-5@20250929")
GEMINI = VertexModel(Publisher.GOOGLE, "gemini-3.6-flash")


@pytest.mark.parametrize(
    ("name", "model"),
    [
        ("claude-sonnet-4-5@20250929", CLAUDE),
        ("anthropic/claude-sonnet-4-5@20250929", CLAUDE),
        ("publishers/anthropic/models/claude-sonnet-4-5@20250929", CLAUDE),
        ("gemini-3.6-flash", GEMINI),
        ("google/gemini-3.6-flash", GEMINI),
        ("publishers/google/models/gemini-3.6-flash", GEMINI),
        ("google/gemma-4", VertexModel(Publisher.GOOGLE, "gemma-4")),
        ("openai/gpt-6", VertexModel(Publisher.OPENAI, "gpt-6")),
    ],
)
def test_a_name_tells_its_publisher(name: str, model: VertexModel) -> None:
    assert parse_model(name) == model


@pytest.mark.parametrize(
    "name",
    [
        "", "gpt-5.2", "mistralai/mistral-large", "publishers/meta/models/llama", "claude",
        "publishers/google/models/", "google/", "a/b/c", "GEMINI-3", "google/models/gemini-3",
    ],
)  # fmt: skip
def test_a_name_without_a_publisher_we_know_is_none_of_ours(name: str) -> None:
    assert parse_model(name) is None


@pytest.mark.parametrize(
    ("region", "host"),
    [
        ("global", "aiplatform.googleapis.com"),
        ("us", "aiplatform.us.rep.googleapis.com"),
        ("eu", "aiplatform.eu.rep.googleapis.com"),
        ("us-east5", "us-east5-aiplatform.googleapis.com"),
    ],
)
def test_each_region_has_its_host(region: str, host: str) -> None:
    url = Endpoints("p").whole(CLAUDE, region)
    assert (url.scheme, url.host, url.port) == ("https", host, 443)
    assert f"/projects/p/locations/{region}/publishers/anthropic/" in url.target


def test_claude_is_called_raw() -> None:
    endpoints = Endpoints("my-project")
    prefix = "/v1/projects/my-project/locations/global/publishers/anthropic/models"
    model = f"{prefix}/claude-sonnet-4-5@20250929"
    assert endpoints.whole(CLAUDE, "global").target == f"{model}:rawPredict"
    assert endpoints.stream(CLAUDE, "global").target == f"{model}:streamRawPredict"
    assert endpoints.count(CLAUDE, "global").target == f"{prefix}/count-tokens:rawPredict"


def test_gemini_is_called_by_its_own_verbs() -> None:
    endpoints = Endpoints("my-project")
    model = (
        "/v1beta1/projects/my-project/locations/global/publishers/google/models/gemini-3.6-flash"
    )
    assert endpoints.whole(GEMINI, "global").target == f"{model}:generateContent"
    assert endpoints.stream(GEMINI, "global").target == f"{model}:streamGenerateContent?alt=sse"
    assert endpoints.count(GEMINI, "global").target == f"{model}:countTokens"


def test_models_of_openai_have_one_address() -> None:
    endpoints = Endpoints("my-project")
    model = VertexModel(Publisher.OPENAI, "gpt-6")
    path = "/v1/projects/my-project/locations/global/publishers/openai/v1/responses"
    assert endpoints.whole(model, "global").target == path
    assert endpoints.stream(model, "global").target == path


@pytest.mark.parametrize("model", [CLAUDE, GEMINI])
def test_a_configured_version_is_used_for_every_publisher(model: VertexModel) -> None:
    assert Endpoints("p", api_version="v2").whole(model, "eu").target.startswith("/v2/projects/p/")


@pytest.mark.parametrize("base", ["http://proxy:8080/vertex", "http://proxy:8080/vertex/"])
def test_a_base_url_keeps_the_path_behind_it(base: str) -> None:
    url = Endpoints("p", base_url=base).whole(CLAUDE, "eu")
    assert (url.scheme, url.host, url.port) == ("http", "proxy", 8080)
    assert url.target.startswith("/vertex/v1/projects/p/locations/eu/publishers/anthropic/")


def test_a_base_url_may_bring_its_version() -> None:
    url = Endpoints("p", base_url="https://proxy/v1", api_version="v9").whole(GEMINI, "eu")
    assert url.target.startswith("/v1/projects/p/")


@pytest.mark.parametrize("name", ["a;b", "a?b=c", "a#b", "a:predict", "a b", "ä", "a%2f"])
def test_a_name_cannot_leave_its_place_in_the_path(name: str) -> None:
    target = Endpoints("p").whole(VertexModel(Publisher.GOOGLE, name), "eu").target
    spelled = target.rpartition("/")[2].removesuffix(":generateContent")
    assert not set(spelled) & set(";?#: ä")
    assert target.count(":") == 1


@pytest.mark.parametrize("region", ["", "US", "us_east1", "evil.com/", "us-east1.", "-a", "a--b"])
def test_what_is_no_region_is_refused(region: str) -> None:
    with pytest.raises(ConfigurationError, match="not a region"):
        VertexOptions(region=region)
    with pytest.raises(ConfigurationError, match="not a region"):
        VertexOptions(regions={"claude-*": region})


def test_what_is_no_address_or_version_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="not an address"):
        VertexOptions(base_url="proxy:8080")
    with pytest.raises(ConfigurationError, match="not an API version"):
        VertexOptions(api_version="v1/..")
