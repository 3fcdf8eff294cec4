"""One table: every recorded request in every language, as its target would be sent it.

A new vendor is a column, a new feature a row. Bodies are held to the fakes' rules too, so that no
golden is accepted that the service would refuse.
"""

import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import pytest

from modelmux.adapters.anthropic_messages import capabilities as claude
from modelmux.adapters.anthropic_messages.encode import encode_request as encode_messages
from modelmux.adapters.bedrock.ways import Way, capabilities_of
from modelmux.adapters.cohere_v2 import capabilities as cohere
from modelmux.adapters.cohere_v2.encode import encode_request as encode_cohere
from modelmux.adapters.cohere_v2.ranges import within_ranges
from modelmux.adapters.converse.encode import encode_request as encode_converse
from modelmux.adapters.gemini import capabilities as gemini
from modelmux.adapters.gemini.encode import encode_request as encode_gemini
from modelmux.adapters.ollama_native import capabilities as ollama
from modelmux.adapters.ollama_native.encode import encode_request as encode_ollama
from modelmux.adapters.openai_chat.encode import encode_request as encode_chat
from modelmux.application.adjusting import adjust
from modelmux.domain.capabilities import Capabilities, resolve
from modelmux.domain.conversation import Message, Role, Text, ToolCall, ToolResult
from modelmux.domain.errors import RequestError, UnsupportedFeature
from modelmux.domain.request import Caller, Generation
from modelmux.domain.tools import CustomTool, FunctionTool
from modelmux.entrypoints.chat_completions.decode import decode_content
from tests.support import (
    claude_rules,
    cohere_rules,
    converse_rules,
    converse_shapes,
    gemini_rules,
    ollama_rules,
)

FIXTURES = Path(__file__).parents[2] / "fixtures"
REQUESTS = sorted(path.stem for path in (FIXTURES / "requests").glob("*.json"))
ACCEPT = os.environ.get("MODELMUX_ACCEPT_GOLDENS") == "1"
_decode_members = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode

# Any: a body of whatever language, as the rules take it.
Body = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Column:
    name: str
    capabilities: Capabilities
    encode: Callable[[Generation, Capabilities], bytes]
    check: Callable[[Body], None]


def _claude(name: str, model: str, version: str) -> Column:
    rules = claude.VERTEX_RULES
    if version == "2026-10-21":
        rules = (*rules, claude.NO_SAMPLING)
    return Column(
        name,
        resolve(claude.VERTEX_BASE, rules, model),
        lambda content, record: encode_messages(
            content,
            model=model,
            stream=False,
            capabilities=record,
            version=version,
            in_body_model=False,
            service_tiers=False,
        ),
        lambda body: claude_rules.check(body, model, version=version, vertex=True),
    )


def _gemini(name: str, model: str) -> Column:
    return Column(
        name,
        resolve(gemini.BASE, gemini.RULES, model),
        lambda content, record: encode_gemini(content, model=model, capabilities=record),
        lambda body: gemini_rules.check(body, model),
    )


def _cohere(name: str, model: str) -> Column:
    return Column(
        name,
        resolve(cohere.BASE, cohere.RULES, model),
        lambda content, record: encode_cohere(
            within_ranges(content)[0], model=model, stream=False, capabilities=record
        ),
        cohere_rules.check,
    )


def _ollama(name: str, model: str) -> Column:
    return Column(
        name,
        resolve(ollama.BASE, ollama.RULES, model),
        lambda content, record: encode_ollama(
            content, model=model, stream=False, capabilities=record
        ),
        ollama_rules.check,
    )


def _converse(name: str, model: str) -> Column:
    return Column(
        name,
        capabilities_of(model, Way.CONVERSE, ""),
        lambda content, record: encode_converse(content, model=model, capabilities=record),
        lambda body: check_converse(body, model),
    )


def check_converse(body: Body, model: str) -> None:
    converse_rules.check(body, model)
    converse_shapes.check(body)


def _unchecked(_body: Body) -> None:
    """Chat completions are held to their own rules elsewhere."""


COLUMNS = (
    _claude("claude-4-5", "claude-sonnet-4-5@20250929", "vertex-2023-10-16"),
    _claude("claude-5-5", "claude-sonnet-5-5", "2026-10-21"),
    _gemini("gemini-3", "gemini-3.8-flash"),
    _cohere("cohere-reasoning", "command-a-reasoning-08-2025"),
    _cohere("cohere-vision", "command-a-vision-07-2025"),
    _converse("converse-claude", "us.anthropic.claude-sonnet-4-5-20250929-v1:0"),
    _converse("converse-nova", "us.amazon.nova-2-lite-v1:0"),
    _ollama("ollama-qwen3", "qwen3:8b"),
    _ollama("ollama-gpt-oss", "gpt-oss:20b"),
    Column(
        "openai-chat",
        Capabilities(),
        lambda content, _record: encode_chat(content, model="m", stream=False),
        _unchecked,
    ),
)


@pytest.mark.parametrize("column", COLUMNS, ids=lambda column: column.name)
@pytest.mark.parametrize("request_name", REQUESTS)
def test_a_request_becomes_its_golden(request_name: str, column: Column) -> None:
    members = _decode_members((FIXTURES / "requests" / f"{request_name}.json").read_bytes())
    shown: Body
    try:
        content, adjustments = adjust(decode_content(members, Caller("acme")), column.capabilities)
        body = json.loads(column.encode(content, column.capabilities))
        column.check(body)
        told = [f"{one}: {one.detail}" for one in adjustments]
        shown = {"adjusted": told, "body": body}
    except RequestError as error:
        shown = {"refused": error.message, "param": error.param}

    golden = FIXTURES / "goldens" / f"{request_name}.{column.name}.json"
    text = json.dumps(shown, indent=2, ensure_ascii=False) + "\n"
    if ACCEPT:
        golden.write_text(text)
    assert text == golden.read_text()


def test_every_golden_has_its_request_and_column() -> None:
    expected = {f"{name}.{column.name}.json" for name in REQUESTS for column in COLUMNS}
    assert {path.name for path in (FIXTURES / "goldens").glob("*.json")} == expected


@pytest.mark.parametrize("column", COLUMNS[:-1], ids=lambda column: column.name)
def test_languages_without_custom_tools_refuse_what_was_not_said_in_functions(
    column: Column,
) -> None:
    hi = Message(Role.USER, (Text("Hi"),))
    with pytest.raises(UnsupportedFeature, match="a tool of type 'custom'"):
        column.encode(Generation((hi,), (CustomTool("sh"),)), column.capabilities)
    past = (hi, ToolCall("c1", "sh", "ls", "custom"), ToolResult("c1", (Text("a"),)), hi)
    with pytest.raises(UnsupportedFeature, match="calls of custom tools"):
        column.encode(Generation(past, (FunctionTool("sh"),)), column.capabilities)
