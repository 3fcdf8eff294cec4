"""The texts of `modelmux troubleshoot`, as data. Each stands alone: cause, then what to do."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Trouble:
    about: str
    text: str


TROUBLES: Mapping[str, Trouble] = {
    "auth": Trouble(
        "401 or 403 from the gateway itself",
        """
The gateway does not know the key the client sent. An upstream's refusal is never told as 401: see
`modelmux troubleshoot upstream-auth`.

- Send the key as `Authorization: Bearer KEY`; `x-api-key` and `api-key` work too.
- `modelmux keys list` shows the keys that were made. A key's text is shown once, when it is made.
- Without any key only this machine may call: the server listens on a loopback address, and the
  request's Host header has to name one (localhost, 127.0.0.1, [::1]). The first key ends that.
- Keys of the configuration are shown by `modelmux config show`, masked, with their source.
""",
    ),
    "upstream-auth": Trouble(
        "502 upstream_auth_failed: the provider does not take our credentials",
        """
- `modelmux check --online` asks each provider and tells its answer.
- `modelmux config show` tells where each key comes from: an old variable in the shell often wins.
- Vertex: `gcloud auth application-default login`, or a service account that may call
  aiplatform.endpoints.predict. `modelmux doctor` tells which credentials were taken and why.
- Azure: the key belongs to one resource; for Entra the identity needs the role
  "Cognitive Services OpenAI User" on it.
- Bedrock: temporary AWS credentials end; `aws sts get-caller-identity` says whether yours have. The
  role needs bedrock:InvokeModel and bedrock:InvokeModelWithResponseStream.
- A clock that is minutes off makes Google, Microsoft and AWS refuse every token and signature.
""",
    ),
    "vertex": Trouble(
        "Claude and Gemini on Vertex AI",
        """
- 404 for a model: it is not offered in that region, or has to be enabled once in Model Garden.
  Try region = "global", or the region its page names.
- No project found: set `project`, GOOGLE_CLOUD_PROJECT, or `gcloud config set project NAME`.
- 403: enable the API (`gcloud services enable aiplatform.googleapis.com`) and give the account the
  role "Vertex AI User".
- 429 often means shared capacity rather than your quota: another region or the global endpoint
  helps, and so does a second target in the route.
- In a container: mount a credentials file and set GOOGLE_APPLICATION_CREDENTIALS, or run with an
  attached service account.
""",
    ),
    "claude": Trouble(
        "Claude Code, and other clients that speak Anthropic's Messages",
        """
- `export ANTHROPIC_BASE_URL=http://127.0.0.1:3000` (without /v1) and ANTHROPIC_AUTH_TOKEN or
  ANTHROPIC_API_KEY with a key of the gateway's; on this machine without keys any word will do.
- The client asks for model names of Anthropic's: give a route such a name, or write it among its
  `aliases`, whatever stands behind.
- `modelmux explain body.json` shows what its request becomes for each target.
- A 400 that names `thinking` or a signature: a history of one vendor's went to another by hand.
  The gateway leaves out what is not the target's own; clients must send thoughts back unchanged.
""",
    ),
    "bedrock": Trouble(
        "models on AWS Bedrock",
        """
- "needs botocore": pip install "modelmux[aws]", or use a key of Bedrock's, which
  AWS_BEARER_TOKEN_BEDROCK holds.
- 403 for one model: access to it has to be granted in the console, in that very region.
- 400 "on-demand throughput isn't supported": call the inference profile, whose id has the area in
  front, such as us.anthropic.claude-sonnet-4-5-20250929-v1:0.
- No region: set `region` for the provider, AWS_REGION, or `region` in the profile.
- A model that does not know one form of call: choose another with `api`, or with `apis` by pattern.
""",
    ),
    "vllm": Trouble(
        "a vLLM server",
        """
- `curl http://HOST:8000/v1/models` has to list the model; its id there is the name to call.
- From a container 127.0.0.1 is the container itself: use the service's name.
- Tools need --enable-auto-tool-choice and --tool-call-parser on the server; thoughts need
  --reasoning-parser.
- A start takes minutes while weights load: requests are refused until then, and
  `modelmux check --online` says so.
""",
    ),
    "azure": Trouble(
        "Azure OpenAI",
        """
- 404 DeploymentNotFound: the model name is the name of your DEPLOYMENT. List it in `models`; a
  route gives it another name for clients.
- base_url is https://NAME.openai.azure.com. Without api_version the v1 path is used; with it the
  older deployments path.
- 400 content_filter comes from Azure's own filter, not from here.
- Managed identity and client secrets need the extra: pip install "modelmux[azure]".
""",
    ),
    "streaming": Trouble(
        "streams that arrive at once, or break off",
        """
- Everything at the end: a proxy in between collects it. nginx: `proxy_buffering off;`. The gateway
  itself sends each piece as it comes: `curl -N` against it shows that.
- Broken off: the stream ends with an error event and no [DONE]. Its text says whether the upstream
  hung up or was silent too long (`idle_timeout_s`).
- Cut after 60 seconds sharp: a load balancer's idle time-out. Raise it there.
- Usage is missing: ask for it with stream_options = {"include_usage": true}.
""",
    ),
    "cursor": Trouble(
        "Cursor and other tools whose servers make the call",
        """
Cursor calls from its own servers, not from your editor: it needs a public HTTPS address, and so a
key (`modelmux keys create cursor`). Put a reverse proxy with a certificate or a tunnel in front,
and give Cursor the address ending in /v1. Continue, Zed and Open WebUI call from where they run:
http://127.0.0.1:3000/v1 is enough for them on the same machine.
""",
    ),
    "timeouts": Trouble(
        "408, 504 and requests that take too long",
        """
- 504: the provider was silent. connect_timeout_s, first_byte_timeout_s, idle_timeout_s and
  total_timeout_s stand at each provider. Models that think are silent for minutes.
- 408: the client's own body came too slowly (server.body_timeout_s).
- 503 with retry-after: a provider's places are taken (max_connections, max_waiting,
  wait_timeout_s).
- The SDK of the client has a time-out of its own, and repeats by itself.
""",
    ),
    "400": Trouble(
        "400: the request is refused",
        """
The error's `param` names the member. `unsupported_parameter` means that no target behind this name
can do it: policy = "warn" for the route leaves out what can be left out and says so in the
x-modelmux-adjusted header. Other texts are the provider's own.
""",
    ),
    "404": Trouble(
        "404 model_not_found",
        """
`modelmux models list` shows the names that work; the error names the nearest. A name is a route or
its alias, `provider/model`, a model some provider lists or serves, or anything a provider without
a list takes. The demo answers to the name demo alone.
""",
    ),
    "413": Trouble(
        "413: the body is too large",
        "Images by value count in full. The limit is server.max_body_bytes; proxies in front have "
        "their own.",
    ),
    "429": Trouble(
        "429: too many requests upstream",
        """
The provider's limit, passed on after the retries ([retry]), with its retry-after. A second target
in the route takes over when the first is exhausted. `insufficient_quota` means there is no money
left there: waiting does not help.
""",
    ),
    "502": Trouble(
        "502: the provider's answer is no answer",
        """
Unreachable, cut off, or not the protocol (an HTML page with status 200 is most often a login page
of a proxy, or a base_url without /v1). `modelmux check --online` tells what was seen;
--debug logs the details.
""",
    ),
    "schema": Trouble(
        "502 structured_output_invalid: the answer does not fit the schema",
        """
The route is strict (structured_output = { strict = true }), and the model's answer did not fit the
schema that was asked for; where the route may repair, the second try did not fit either.

- The message names the place and what is wrong there, without the value.
- structured_output = { strict = true, repair = true } asks the model once more.
- `modelmux explain FILE` shows how the model is asked: natively, by a forced tool, or in words.
- Without `strict` the answer is delivered as it is, and told: response_format=unmet.
""",
    ),
    "503": Trouble(
        "503: overloaded, here or upstream",
        "Here: every place for that provider is taken (max_connections, max_waiting), or the "
        "server is shutting down. Upstream: 503 and 529 are retried, then passed on.",
    ),
    "port": Trouble(
        "the port is taken, or nobody reaches the server",
        """
- Taken: `modelmux serve --port 3001`, or end the other process.
- Reached from this machine only: that is the default. host = "0.0.0.0" opens it, and then a key is
  needed: MODELMUX_API_KEY, [[keys]] in the file, or `modelmux keys create NAME`.
- In a container always listen on 0.0.0.0 and publish the port.
""",
    ),
}
ALIASES: Mapping[str, str] = {
    "upstream_auth_failed": "upstream-auth",
    "structured_output_invalid": "schema",
    "model_not_found": "404",
    "rate_limit_exceeded": "429",
    "insufficient_quota": "429",
    "402": "429",
    "529": "503",
    "server_is_overloaded": "503",
    "overloaded_error": "503",
    "upstream_timeout": "timeouts",
    "stream_cut": "streaming",
    "upstream_protocol_broken": "502",
    "upstream_unreachable": "502",
    "upstream_failed": "502",
    "aws": "bedrock",
    "anthropic": "claude",
    "401": "auth",
    "403": "auth",
    "keys": "auth",
    "408": "timeouts",
    "504": "timeouts",
    "timeout": "timeouts",
    "models": "404",
    "stream": "streaming",
    "google": "vertex",
    "host": "port",
    "listen": "port",
}
