"""Every golden request, in each dialect, as each kind of target would be sent it.

The columns are files, `tests/fixtures/goldens/bodies/<target>.<dialect>.jsonl`, with a line for
each request: lane, adjustments and body, or the refusal. Remake: MODELMUX_ACCEPT_GOLDENS=1, and
read the diff.
"""

import json
import os
from hashlib import sha256
from pathlib import Path
from typing import Final

import pytest

from modelmux.application.explain import AnswersItself, Explain, WouldRefuse, WouldSend
from modelmux.domain.dialect import Dialect
from modelmux.domain.request import Caller
from modelmux.entrypoints.container import Container, preset_names
from modelmux.entrypoints.explaining import read_request
from modelmux.entrypoints.opening import open_seal, running
from modelmux.entrypoints.settings.file import load_settings
from tests.matrix.asking import DIALECTS
from tests.matrix.samples import Json
from tests.support.configuring import surroundings

FOLDER: Final = Path(__file__).parents[2] / "fixtures" / "goldens" / "bodies"
ACCEPT: Final = os.environ.get("MODELMUX_ACCEPT_GOLDENS") == "1"
# The columns: target -> the model that is asked of it.
TARGETS: Final = {
    "claude-4-5-vertex": "vertex/claude-sonnet-4-5@20250929",
    "claude-4-6-vertex": "vertex/claude-opus-4-6",
    "claude-5-5-anthropic": "anthropic/claude-opus-5-5",
    "claude-bedrock": "bedrock/us.anthropic.claude-opus-4-6-v1:0",
    "gemini-3-vertex": "vertex/gemini-3.6-flash",
    "gemini-2-5-api": "gemini/gemini-2.5-flash",
    "openai-chat": "openai/gpt-4.1",
    "openai-responses": "openai/gpt-6-sol",
    "azure": "azure/gpt-5-mini",
    "vllm": "vllm/qwen3",
    "compatible": "compatible/any",
    "mistral": "mistral/mistral-large-4",
    "deepseek": "deepseek/deepseek-v4",
    "converse": "bedrock/amazon.nova-pro-v1:0",
    "cohere": "cohere/command-a-03-2025",
    "ollama": "ollama/qwen3",
}
_CONFIG: Final = """
[storage]
path = ":memory:"

[[providers]]
type = "vertex"
project = "p"
region = "global"

[[providers]]
type = "anthropic"
api_key = "not-a-key"

[[providers]]
type = "bedrock"
region = "us-east-1"
api_key = "not-a-key"

[[providers]]
type = "gemini"
api_key = "not-a-key"

[[providers]]
name = "openai"
type = "openai_compat"
preset = "openai"
api_key = "not-a-key"

[[providers]]
type = "azure"
base_url = "https://resource.openai.azure.com"
api_key = "not-a-key"

[[providers]]
type = "vllm"

[[providers]]
name = "compatible"
type = "openai_compat"
base_url = "https://compatible.example/v1"

[[providers]]
type = "openai_compat"
preset = "mistral"
api_key = "not-a-key"

[[providers]]
type = "openai_compat"
preset = "deepseek"
api_key = "not-a-key"

[[providers]]
type = "cohere"
api_key = "not-a-key"

[[providers]]
type = "ollama"
"""
# A hash stands for bodies that say nothing to a reader.
_LONGEST_SHOWN: Final = 5000


@pytest.mark.parametrize("target", TARGETS)
async def test_what_a_target_is_sent_for_each_request(target: str, tmp_path: Path) -> None:
    (tmp_path / "modelmux.toml").write_text(_CONFIG)
    loaded = load_settings(None, preset_names(), None, surroundings(tmp_path))
    container = Container(loaded=loaded, dry=True)
    async with running(container):
        for dialect, (path, requests) in DIALECTS.items():
            lines: list[str] = []
            for name, request in requests.items():
                body = {"model": TARGETS[target], **request}
                if dialect == "responses":
                    body["store"] = False
                said = json.dumps(await _explained(container, path, body), ensure_ascii=False)
                lines.append(f'{{"{name}": {said}}}')
            golden = FOLDER / f"{target}.{dialect}.jsonl"
            if ACCEPT:
                golden.write_text("\n".join(lines) + "\n")
            assert lines == golden.read_text().splitlines()


_SPOKEN: Final = {
    "/v1/chat/completions": Dialect.CHAT_COMPLETIONS,
    "/v1/responses": Dialect.RESPONSES,
    "/v1/messages": Dialect.MESSAGES,
}


async def _explained(container: Container, path: str, body: Json) -> Json:
    read = await read_request(
        json.dumps(body).encode(),
        _SPOKEN[path],
        Caller("local"),
        sealer=await open_seal(container),
        ids=container.ids(),
        clock=container.clock(),
    )
    assert read is not None
    explanation = await Explain(container.router()).explain(read.request)
    outcome = explanation.targets[0].outcome
    match outcome:
        case WouldRefuse(error):
            return {"refused": error.message}
        case WouldSend(call, relayed, adjustments):
            text = call.body.decode()
            short = len(text) <= _LONGEST_SHOWN
            return {
                "lane": "relayed" if relayed else "translated",
                "adjusted": [f"{one}: {one.detail}" for one in adjustments],
                "body": json.loads(text) if short else sha256(call.body).hexdigest()[:16],
            }
        case AnswersItself():
            raise AssertionError("none of these is within the gateway")
