"""Every name of OpenTelemetry's that is said here.

Source: Semantic conventions for generative AI (in development; spans, metrics), and for HTTP
(stable), https://opentelemetry.io/docs/specs/semconv/. What begins with `modelmux.` is our own.
"""

from collections.abc import Mapping
from typing import Final

OPERATION: Final = "gen_ai.operation.name"
PROVIDER: Final = "gen_ai.provider.name"
REQUEST_MODEL: Final = "gen_ai.request.model"
REQUEST_STREAM: Final = "gen_ai.request.stream"
FINISH_REASONS: Final = "gen_ai.response.finish_reasons"
FIRST_CHUNK: Final = "gen_ai.response.time_to_first_chunk"
INPUT_TOKENS: Final = "gen_ai.usage.input_tokens"
OUTPUT_TOKENS: Final = "gen_ai.usage.output_tokens"
CACHE_READ_TOKENS: Final = "gen_ai.usage.cache_read.input_tokens"
CACHE_WRITE_TOKENS: Final = "gen_ai.usage.cache_creation.input_tokens"
REASONING_TOKENS: Final = "gen_ai.usage.reasoning.output_tokens"
TOKEN_TYPE: Final = "gen_ai.token.type"  # noqa: S105  # a name
TOKEN_USAGE: Final = "gen_ai.client.token.usage"  # noqa: S105  # a name
OPERATION_DURATION: Final = "gen_ai.client.operation.duration"

ERROR_TYPE: Final = "error.type"
METHOD: Final = "http.request.method"
ROUTE: Final = "http.route"
STATUS: Final = "http.response.status_code"

REQUEST_ID: Final = "modelmux.request_id"
CONFIGURED_PROVIDER: Final = "modelmux.provider"
CONFIGURED_ROUTE: Final = "modelmux.route"
TENANT: Final = "modelmux.tenant"
KEY_ID: Final = "modelmux.key_id"
CACHE: Final = "modelmux.cache"
ATTEMPTS: Final = "modelmux.attempts"
COST: Final = "modelmux.cost_usd"
OUTCOME: Final = "modelmux.outcome"
CLIENT_GONE: Final = "modelmux.client_gone"
REQUEST_BODY: Final = "modelmux.request.body"
RESPONSE_BODY: Final = "modelmux.response.body"

# By a route's path; all others are chats.
OPERATIONS: Final[Mapping[str, str]] = {
    "/v1/embeddings": "embeddings",
    "/v1/completions": "text_completion",
}
CHAT: Final = "chat"

# The conventions' words for what providers are called here, where they differ.
PROVIDERS: Final[Mapping[str, str]] = {
    "azure": "azure.ai.openai",
    "bedrock": "aws.bedrock",
    "gemini": "gcp.gemini",
    "mistral": "mistral_ai",
    "vertex": "gcp.vertex_ai",
    "xai": "x_ai",
}

# As the conventions advise, so that all senders' histograms can be added.
TOKEN_BOUNDS: Final = (
    1, 4, 16, 64, 256, 1024, 4096, 16384, 65536, 262144, 1048576, 4194304, 16777216, 67108864,
)  # fmt: skip
DURATION_BOUNDS: Final = (
    0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92,
)  # fmt: skip


def operation_of(path: str) -> str:
    """Return the operation that a route's path is for."""
    return OPERATIONS.get(path, CHAT)
