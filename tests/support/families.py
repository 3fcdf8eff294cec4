"""One gateway in front of every provider family, each with a strict fake behind it.

    with every_family(folder) as house:
        house.client ... house.families["claude"].model ... house.families["claude"].asked()

`FAMILIES` names them all; each answers to the one model name given there. Images are served on a
loopback address and may be fetched from it by the gateway.
"""

import json
from collections.abc import Generator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import openai

from .fake_bedrock import fake_bedrock
from .fake_claude import fake_claude
from .fake_cohere import fake_cohere
from .fake_gemini import fake_gemini
from .fake_google import fake_google
from .fake_ollama import fake_ollama
from .fake_openai import KEY as UPSTREAM_KEY
from .fake_openai import FakeOpenAI, fake_openai_in_thread
from .fake_upstream import FakeUpstream
from .images import image_server
from .sdk_asking import client_at
from .serving import ServedGateway, serving

CALLER_KEY: Final = "test-caller-key-not-secret"
# The model behind each family; ids with and without slashes.
FAMILIES: Final[Mapping[str, str]] = {
    "demo": "demo",
    "claude": "claude-opus-4-6",
    "anthropic": "claude-sonnet-4-6",
    "gemini": "gemini-3.6-flash",
    "gemini-api": "gemini-3.8-flash",
    "vllm": "served/by-vllm",
    "generic": "served/by-any",
    "openai": "gpt-4.1",
    "deepseek": "deepseek-v4",
    "mistral": "mistral-large-4",
    "azure": "on-azure-v1",
    "azure-deployments": "on-azure-deployments",
    "bedrock": "us.anthropic.claude-opus-4-6-v1",
    "bedrock-claude": "global.anthropic.claude-opus-4-6-v1",
    "cohere": "command-a-reasoning-08-2025",
    "ollama": "qwen3:8b",
    "huggingface": "org/Served-By-HF:fastest",
}
# Those behind which Claude answers.
CLAUDES: Final = ("claude", "anthropic", "bedrock-claude")
# Those that are sent chat completions, and of them those that know OpenAI's newest words.
CHAT: Final = (
    "vllm",
    "generic",
    "openai",
    "deepseek",
    "mistral",
    "azure",
    "azure-deployments",
    "huggingface",
)
NEWEST_CHAT: Final = ("openai", "azure", "azure-deployments")
_FLAVOURS: Final[Mapping[str, str]] = {
    "vllm": "vllm",
    "generic": "any",
    "openai": "openai",
    "deepseek": "deepseek",
    "mistral": "mistral",
    "azure": "azure",
    "azure-deployments": "azure",
    "huggingface": "any",
}


@dataclass(frozen=True, slots=True)
class Family:
    """One provider of the gateway; `fake` None is the built-in demo."""

    name: str
    model: str
    fake: FakeOpenAI | FakeUpstream | None

    def asked(self) -> dict[str, Any]:
        """Return the body the upstream was sent last."""
        assert self.fake is not None
        return self.fake.last


@dataclass(frozen=True, slots=True)
class House:
    gateway: ServedGateway
    client: openai.OpenAI
    families: Mapping[str, Family]
    image_url: str


@contextmanager
def every_family(folder: Path, *, names: Sequence[str] = tuple(FAMILIES)) -> Generator[House]:
    """Serve until the block ends; `names` are the families wanted."""
    with ExitStack() as stack:
        google = stack.enter_context(fake_google())
        fakes: dict[str, FakeOpenAI | FakeUpstream | None] = {}
        for name in names:
            if name.startswith("bedrock"):
                fakes[name] = stack.enter_context(fake_bedrock(token=UPSTREAM_KEY))
            elif name in CLAUDES:
                fakes[name] = stack.enter_context(fake_claude())
            elif name == "gemini":
                fakes[name] = stack.enter_context(fake_gemini())
            elif name == "gemini-api":
                fakes[name] = stack.enter_context(fake_gemini(key=UPSTREAM_KEY))
            elif name == "cohere":
                fakes[name] = stack.enter_context(fake_cohere(token=UPSTREAM_KEY))
            elif name == "ollama":
                fakes[name] = stack.enter_context(fake_ollama())
            elif name in _FLAVOURS:
                fakes[name] = stack.enter_context(fake_openai_in_thread(_FLAVOURS[name]))
            else:
                fakes[name] = None
        image_url = stack.enter_context(image_server())
        port = image_url.rpartition(":")[2].partition("/")[0]
        config = (
            f'[media]\nallow_networks = ["127.0.0.0/8"]\nports = [{port}]\n'
            "[retry]\nfirst_wait_s = 0.01\nlongest_wait_s = 1.0\n"
        )
        config += "".join(_provider(name, fake) for name, fake in fakes.items())
        environment = {"GCE_METADATA_HOST": google.host, "MODELMUX_API_KEY": CALLER_KEY}
        gateway = stack.enter_context(serving(folder, config=config, environment=environment))
        client = stack.enter_context(client_at(f"{gateway.url}/v1", CALLER_KEY))
        families = {name: Family(name, FAMILIES[name], fake) for name, fake in fakes.items()}
        yield House(gateway, client, families, image_url)


def _provider(name: str, fake: FakeOpenAI | FakeUpstream | None) -> str:
    lines: dict[str, object] = {"name": name, "models": [FAMILIES[name]]}
    if fake is None:
        lines |= {"type": "demo", "pace_s": 0}
    elif name == "gemini-api":
        lines |= {"type": "gemini", "base_url": fake.base_url, "api_key": UPSTREAM_KEY}
    elif name == "anthropic":
        lines |= {"type": "anthropic", "base_url": fake.base_url, "api_key": UPSTREAM_KEY}
    elif name.startswith("bedrock"):
        lines |= {"type": "bedrock", "region": "us-east-1", "api_key": UPSTREAM_KEY}
        lines |= {"base_url": fake.base_url}
        if name == "bedrock":  # else Claude is called in its own words
            lines["api"] = "converse"
    elif name == "cohere":
        lines |= {"type": "cohere", "base_url": fake.base_url, "api_key": UPSTREAM_KEY}
    elif name == "ollama":
        lines |= {"type": "ollama", "base_url": fake.base_url}
    elif isinstance(fake, FakeUpstream):
        lines |= {"type": "vertex", "project": "p", "region": "global", "base_url": fake.base_url}
    else:
        lines["api_key"] = UPSTREAM_KEY
        if name == "vllm":
            lines |= {"type": "vllm", "base_url": fake.base_url}
        elif name.startswith("azure"):
            lines |= {"type": "azure", "base_url": fake.root_url}
            if name == "azure-deployments":
                lines["api_version"] = "2024-10-21"
        else:
            lines |= {"type": "openai_compat", "base_url": fake.base_url}
            if name != "generic":
                lines["preset"] = name
    # A TOML value of these kinds is written as in JSON.
    return "[[providers]]\n" + "".join(f"{key} = {json.dumps(lines[key])}\n" for key in lines)
