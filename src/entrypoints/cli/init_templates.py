"""What `modelmux init` writes for each preset, as data.

A question's answer replaces `<key>` in the template; a line whose answers are all missing is
written as a comment with the example instead.
"""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Question:
    """`answer` is taken without asking under --yes; `example` fills a line left as a comment."""

    key: str
    prompt: str
    answer: str = ""
    example: str = ""


@dataclass(frozen=True, slots=True)
class Template:
    about: str
    text: str
    questions: tuple[Question, ...] = ()


HEAD = """\
# The configuration of modelmux. Every key: docs/guides/configuration.md
# Values may hold ${VARIABLE}, ${VARIABLE:-default} and ${file:/path}: keep secrets out of here.

[server]
host = "127.0.0.1"      # elsewhere callers need a key: modelmux keys create NAME
port = 3000

"""

_MODELS = Question("models", "Models to offer, separated by commas (empty: whatever it serves)")

TEMPLATES: Mapping[str, Template] = {
    "vertex": Template(
        "Claude and Gemini on Google's Vertex AI",
        """\
# Sign-in is Google's own: gcloud auth application-default login, a service account, or the
# machine's identity. What is left out here is found there; `modelmux doctor` says where.
[provider]
type = "vertex"
project = "<project>"
region = "<region>"
models = [<models>]
""",
        (
            Question("project", "Google Cloud project (empty: find it)", "", "my-project"),
            Question("region", "Region, such as global, eu, us-east5 (empty: find it)", "global"),
            Question(
                "models",
                "Models to offer, separated by commas (empty: any Claude or Gemini)",
                "",
                '"claude-sonnet-5-5", "gemini-3-pro"',
            ),
        ),
    ),
    "vllm": Template(
        "a vLLM server",
        """\
# The models are those the server says it serves.
[provider]
type = "vllm"
base_url = "<base_url>"
api_key = "${VLLM_API_KEY:-}"     # counts as not written while the variable is empty
""",
        (Question("base_url", "Address of the server", "http://127.0.0.1:8000/v1"),),
    ),
    "azure": Template(
        "Azure OpenAI",
        """\
# Without api_version the v1 path is used. In place of a key: tenant_id, client_id and
# client_secret, or identity = "managed" (pip install "modelmux[azure]").
[provider]
type = "azure"
base_url = "<base_url>"
api_key = "${AZURE_OPENAI_API_KEY}"
models = [<models>]               # the names of your deployments
""",
        (
            Question(
                "base_url",
                "Address of the resource, such as https://NAME.openai.azure.com",
                "${AZURE_OPENAI_ENDPOINT}",
            ),
            Question("models", "Deployments, separated by commas", "", '"gpt-5-chat"'),
        ),
    ),
    "openai": Template(
        "OpenAI",
        """\
[provider]
type = "openai"
api_key = "${OPENAI_API_KEY}"
models = [<models>]
""",
        (Question("models", _MODELS.prompt, "", '"gpt-5-mini"'),),
    ),
    "anthropic": Template(
        "Claude at Anthropic",
        """\
[provider]
type = "anthropic"
api_key = "${ANTHROPIC_API_KEY}"
models = [<models>]               # empty: whatever the key may use
""",
        (Question("models", _MODELS.prompt, "", '"claude-sonnet-5-5"'),),
    ),
    "gemini": Template(
        "Gemini by API key",
        """\
[provider]
type = "gemini"
api_key = "${GEMINI_API_KEY}"
models = [<models>]
""",
        (Question("models", _MODELS.prompt, "", '"gemini-3.6-flash"'),),
    ),
    "bedrock": Template(
        "models on AWS Bedrock",
        """\
# Sign-in is AWS's own, found where its tools find it (pip install "modelmux[aws]"), or a key of
# Bedrock's: api_key = "${AWS_BEARER_TOKEN_BEDROCK}"
[provider]
type = "bedrock"
region = "<region>"
models = [<models>]
""",
        (
            Question("region", "AWS region", "${AWS_REGION}", "us-east-1"),
            Question("models", _MODELS.prompt, "", '"amazon.nova-pro-v1:0"'),
        ),
    ),
    "cohere": Template(
        "Cohere",
        """\
[provider]
type = "cohere"
api_key = "${CO_API_KEY}"
models = [<models>]
""",
        (Question("models", _MODELS.prompt, "", '"command-a-03-2025"'),),
    ),
    "ollama": Template(
        "models on this machine, served by Ollama",
        """\
[provider]
type = "ollama"
base_url = "<base_url>"
""",
        (Question("base_url", "Address of Ollama", "http://127.0.0.1:11434"),),
    ),
    "huggingface": Template(
        "open models by way of Hugging Face",
        """\
[provider]
type = "huggingface"
api_key = "${HF_TOKEN}"
models = [<models>]
""",
        (Question("models", _MODELS.prompt, "", '"openai/gpt-oss-120b"'),),
    ),
    "openai_compat": Template(
        "any other server that speaks OpenAI's chat completions",
        """\
[provider]
type = "openai_compat"
base_url = "<base_url>"
api_key = "${OPENAI_API_KEY:-}"   # counts as not written while the variable is empty
models = [<models>]
""",
        (
            Question("base_url", "Address, ending in /v1", "${OPENAI_BASE_URL}"),
            Question("models", _MODELS.prompt, "", '"my-model"'),
        ),
    ),
    "demo": Template(
        "no model at all: a built-in echo, to look around",
        """\
[provider]
type = "demo"           # answers to the model name demo alone
""",
    ),
}


def template_of_service(preset: str, key_variable: str) -> Template:
    """Return the template for a known service that needs nothing but a key."""
    return Template(
        preset,
        f'[provider]\ntype = "{preset}"\napi_key = "${{{key_variable}:-}}"\nmodels = [<models>]\n',
        (Question("models", _MODELS.prompt, "", '"a-model"'),),
    )


def fill(template: Template, answers: Mapping[str, str]) -> str:
    """Return the file's text."""
    lines: list[str] = []
    for line in template.text.splitlines():
        for question in template.questions:
            slot = f"<{question.key}>"
            if slot not in line:
                continue
            answer = answers.get(question.key, "").strip()
            shown = _as_list(answer) if question.key == "models" else _escaped(answer)
            line = line.replace(slot, shown) if answer else f"# {line}".replace(
                slot, question.example
            )  # fmt: skip
        lines.append(line)
    return HEAD + "\n".join(lines) + "\n"


def _as_list(answer: str) -> str:
    names = (name.strip().strip('"') for name in answer.split(","))
    return ", ".join(f'"{_escaped(name)}"' for name in names if name)


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"')
