"""How a provider is written in the configuration: one struct for each type.

A key that has no meaning for a type cannot be written for it.
"""

from collections.abc import Mapping
from typing import Annotated, Any, Literal, TypeAlias

from msgspec import Meta, Struct

from ...domain.secret import Secret
from .limits import RateSettings
from .section import Count, Seconds


class ProviderSection(
    Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="type"
):
    """What every provider has. `name` empty means: called like its type.

    `models` makes each a name clients may use; empty means whatever the provider serves.
    `capabilities` are changes to the records of its models, by model-name pattern. `limits` are
    for all calls to it.
    """

    name: str = ""
    limits: RateSettings = RateSettings()
    models: tuple[str, ...] = ()
    capabilities: Mapping[str, Mapping[str, Any]] = {}  # Any: checked against the domain's record


class NetworkSection(ProviderSection, frozen=True):
    """What every provider has that is reached over HTTP."""

    headers: Mapping[str, Secret] = {}
    connect_timeout_s: Seconds = 5.0
    first_byte_timeout_s: Seconds = 120.0
    first_event_timeout_s: Seconds | None = None
    idle_timeout_s: Seconds = 120.0
    total_timeout_s: Seconds = 3600.0
    max_connections: Count = 512
    max_waiting: Annotated[int, Meta(ge=0)] = 2048
    wait_timeout_s: Seconds = 10.0
    ca_file: str | None = None
    verify_tls: bool = True
    trust_env_proxy: bool = True


class KeyedSection(NetworkSection, frozen=True):
    """What every provider has that takes an API key.

    Of `api_keys` each has limits of its own: where one is refused or slowed down, the next is used.
    """

    api_key: Secret | None = None
    api_keys: tuple[Secret, ...] = ()


class PathSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """What is put behind the base URL of a compatible server."""

    chat_completions: str = "/chat/completions"
    completions: str = "/completions"
    embeddings: str = "/embeddings"
    models: str = "/models"
    responses: str = "/responses"


class OpenAiCompatSettings(KeyedSection, frozen=True, tag="openai_compat"):
    """Any server that speaks OpenAI's chat completions.

    `preset` names a known service and gives the rest its defaults. `auth_header` None sends the
    key as `Authorization: Bearer`, a name sends it bare in a header of that name.
    """

    preset: str | None = None
    base_url: str | None = None
    auth_header: str | None = None
    organization: str | None = None
    project: str | None = None
    paths: PathSettings = PathSettings()


class VllmSettings(KeyedSection, frozen=True, tag="vllm"):
    base_url: str = "http://127.0.0.1:8000/v1"


class VertexSettings(NetworkSection, frozen=True, tag="vertex"):
    """Claude and Gemini on Vertex AI; project, region and credentials are found if not given.

    `regions` names another region for models whose name matches a pattern, `embedding_verbs`
    another way to ask such a model for embeddings.
    """

    project: str | None = None
    region: str | None = None
    regions: Mapping[str, str] = {}
    credentials_file: str | None = None
    impersonate: str | None = None
    quota_project: str | None = None
    base_url: str | None = None
    api_version: str | None = None
    anthropic_version: str = "vertex-2023-10-16"
    anthropic_beta: tuple[str, ...] = ()
    embedding_verbs: Mapping[str, Literal["predict", "embedContent"]] = {}


class AzureSettings(KeyedSection, frozen=True, kw_only=True, tag="azure"):
    """Azure OpenAI: a key, an Entra application, or an identity of where this runs.

    `deployments` chooses the older path, with the deployment in it; None lets `api_version`
    decide. `identity` any tries what azure-identity tries. `scope` None is what the cloud wants.
    """

    base_url: str
    api_version: str | None = None
    deployments: bool | None = None
    tenant_id: str | None = None
    client_id: str | None = None
    client_secret: Secret | None = None
    identity: Literal["managed", "workload", "any"] | None = None
    cloud: Literal["public", "government", "china"] = "public"
    scope: str | None = None


ANTHROPIC_URL = "https://api.anthropic.com"


class AnthropicSettings(KeyedSection, frozen=True, tag="anthropic"):
    """Claude at Anthropic, or wherever its API is offered as it stands there.

    `bearer` sends the key as `Authorization: Bearer`, else it is `x-api-key`. `version` is the
    `anthropic-version` of calls that were not made in Messages, `anthropic_beta` what they ask for.
    """

    base_url: str = ANTHROPIC_URL
    bearer: bool = False
    version: Literal["2023-06-01", "2026-10-21"] = "2023-06-01"
    anthropic_beta: tuple[str, ...] = ()
    workspace_id: str | None = None


class GeminiSettings(KeyedSection, frozen=True, tag="gemini"):
    """Gemini by API key, without a Google Cloud project."""

    base_url: str = "https://generativelanguage.googleapis.com"
    api_version: str = "v1beta"


class BedrockSettings(KeyedSection, frozen=True, tag="bedrock"):
    """AWS Bedrock: an API key of Bedrock's, or whatever AWS credentials are found.

    `api` says how models are called, `apis` the same for names that match a pattern (the first
    match counts): `converse`; `chat` is the OpenAI form of bedrock-runtime, `mantle` that of
    bedrock-mantle; `messages` and `invoke` are Claude's own form there. None chooses by the name.
    """

    region: str | None = None
    profile: str | None = None
    api: Literal["converse", "chat", "mantle", "messages", "invoke"] | None = None
    apis: Mapping[str, Literal["converse", "chat", "mantle", "messages", "invoke"]] = {}
    base_url: str | None = None
    mantle_base_url: str | None = None
    anthropic_version: str = "bedrock-2023-05-31"
    anthropic_beta: tuple[str, ...] = ()


class CohereSettings(KeyedSection, frozen=True, tag="cohere"):
    base_url: str = "https://api.cohere.com"
    client_name: str | None = None


class OllamaSettings(KeyedSection, frozen=True, tag="ollama"):
    """Ollama in its own language; `num_ctx` is the context it makes room for."""

    base_url: str = "http://127.0.0.1:11434"
    num_ctx: Count | None = None
    keep_alive: str | None = None
    options: Mapping[str, Any] = {}  # Any: numbers, words and flags, each model's own


class DemoSettings(ProviderSection, frozen=True, tag="demo"):
    """The built-in provider: answers to the model name `demo` alone."""

    pace_s: Annotated[float, Meta(ge=0, le=10)] = 0.02


ProviderSettings: TypeAlias = (
    OpenAiCompatSettings
    | VllmSettings
    | VertexSettings
    | AzureSettings
    | AnthropicSettings
    | GeminiSettings
    | BedrockSettings
    | CohereSettings
    | OllamaSettings
    | DemoSettings
)
PROVIDER_TYPES: Mapping[str, type[ProviderSettings]] = {
    "openai_compat": OpenAiCompatSettings,
    "vllm": VllmSettings,
    "vertex": VertexSettings,
    "azure": AzureSettings,
    "anthropic": AnthropicSettings,
    "gemini": GeminiSettings,
    "bedrock": BedrockSettings,
    "cohere": CohereSettings,
    "ollama": OllamaSettings,
    "demo": DemoSettings,
}
TYPE_ALIASES: Mapping[str, Literal["openai_compat", "azure"]] = {
    "openai_compatible": "openai_compat",
    "azure_openai": "azure",
}
