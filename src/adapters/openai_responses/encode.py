"""Writes requests of the Responses API.

Source: OpenAI's API reference, create response (November 2026). Nothing of ours is kept by the
upstream: each request is whole, says `store: false`, and asks for the thoughts' encrypted form,
which is all an upstream without memory can be given them back by.
"""

from collections.abc import Mapping
from typing import Final, TypeAlias, assert_never

import msgspec

from ...domain.request import Generation, JsonText, PlainText, SchemaText
from .encode_items import encode_items
from .encode_tools import encode_tool_choice, encode_tools
from .spelling import OPENAI, Spelling

Members: TypeAlias = dict[str, object]

ENCRYPTED: Final = "reasoning.encrypted_content"
_LOGPROBS: Final = "message.output_text.logprobs"
# What names state of ours, or has the upstream keep some: never the caller's to pass on.
_STATE: Final = frozenset(
    {
        "background", "conversation", "generate", "previous_response_id", "prompt", "store",
        "stream", "stream_options",
    }
)  # fmt: skip
_encode: Final = msgspec.json.Encoder().encode
_words: Final = msgspec.json.Decoder(list[str]).decode


def encode_request(
    content: Generation,
    *,
    model: str,
    stream: bool,
    spelling: Spelling = OPENAI,
    lenient: bool = False,
) -> bytes:
    """Return the body of a request; see `encode_members`."""
    return _encode(
        encode_members(content, model=model, stream=stream, spelling=spelling, lenient=lenient)
    )


def encode_members(
    content: Generation,
    *,
    model: str,
    stream: bool,
    spelling: Spelling = OPENAI,
    lenient: bool = False,
) -> Members:
    """Return the members of a request, `model` first; `lenient` as in `encode_tools`.

    Raises:
        UnsupportedFeature: the Responses API cannot say it; names the member.
    """
    body: Members = {"model": model}
    if content.instructions is not None:
        body["instructions"] = content.instructions
    body["input"] = encode_items(content.items, model, spelling)
    if content.tools:
        body["tools"] = encode_tools(content.tools, content.tool_choice, spelling, lenient=lenient)
        choice = encode_tool_choice(content.tool_choice, content.tools, spelling)
        if choice is not None:
            body["tool_choice"] = choice
        if content.parallel_tool_calls is not None:
            body["parallel_tool_calls"] = content.parallel_tool_calls
        if content.max_tool_calls is not None:
            body["max_tool_calls"] = content.max_tool_calls
    _add_sampling(body, content)
    if content.max_output_tokens is not None:
        body["max_output_tokens"] = content.max_output_tokens
    _add_text(body, content)
    _add_reasoning(body, content)
    if content.truncate:
        body["truncation"] = "auto"
    for name, value in (
        ("service_tier", content.service_tier),
        ("metadata", content.metadata),
        ("user", content.user),
    ):
        if value is not None:
            body[name] = value
    body["store"] = False
    body["include"] = _included(content)
    if stream:
        body["stream"] = True
    for name, extra in content.extras.items():
        if name not in _STATE:
            body.setdefault(name, extra)
    return body


def _add_sampling(body: Members, content: Generation) -> None:
    sampling = content.sampling
    for name, value in (
        ("temperature", sampling.temperature),
        ("top_p", sampling.top_p),
        ("top_k", sampling.top_k),
        ("presence_penalty", sampling.presence_penalty),
        ("frequency_penalty", sampling.frequency_penalty),
        ("seed", sampling.seed),
        ("stop", sampling.stop or None),
        ("logit_bias", sampling.logit_bias),
    ):
        if value is not None:
            body[name] = value
    if sampling.logprobs:
        body["top_logprobs"] = sampling.top_logprobs or 0


def _add_text(body: Members, content: Generation) -> None:
    text: Members = {}
    match content.output_format:
        case PlainText():
            pass
        case JsonText():
            text["format"] = {"type": "json_object"}
        case SchemaText(name, schema, strict, description):
            wanted: Members = {"type": "json_schema", "name": name, "schema": schema}
            if strict is not None:
                wanted["strict"] = strict
            if description is not None:
                wanted["description"] = description
            text["format"] = wanted
        case _:
            assert_never(content.output_format)
    if content.verbosity is not None:
        text["verbosity"] = content.verbosity
    if text:
        body["text"] = text


def _add_reasoning(body: Members, content: Generation) -> None:
    reasoning: Members = {}
    if content.effort is not None:
        reasoning["effort"] = content.effort.value
    if content.reasoning_summary is not None:
        reasoning["summary"] = content.reasoning_summary
    if reasoning:
        body["reasoning"] = reasoning


def _included(content: Generation) -> list[str]:
    included = [ENCRYPTED]
    if content.sampling.logprobs:
        included.append(_LOGPROBS)
    extras: Mapping[str, object] = content.extras
    wanted = extras.get("include")
    if isinstance(wanted, msgspec.Raw) and bytes(wanted) != b"null":
        included.extend(word for word in _words(wanted) if word not in included)
    return included
