"""Writes requests of chat completions.

Source: OpenAI's API reference, create chat completion (November 2026). What differs between the
servers that take them is said by `Spelling`, as data.
"""

from typing import Final, TypeAlias

import msgspec

from ...domain.effort import Effort
from ...domain.request import Generation, JsonText, PlainText, SchemaText
from .encode_messages import encode_messages
from .encode_tools import encode_tool_choice, encode_tools
from .spelling import OPENAI, Spelling

Members: TypeAlias = dict[str, object]

_encode: Final = msgspec.json.Encoder().encode
_USAGE_TOO: Final = msgspec.Raw(b'{"include_usage":true}')


def encode_request(
    content: Generation, *, model: str, stream: bool, spelling: Spelling = OPENAI
) -> bytes:
    """Return the body of a request.

    Raises:
        UnsupportedFeature: chat completions cannot say it; names the member.
    """
    return _encode(encode_members(content, model=model, stream=stream, spelling=spelling))


def encode_members(
    content: Generation, *, model: str, stream: bool, spelling: Spelling = OPENAI
) -> Members:
    """Return the members of a request, `model` first; raises as `encode_request`."""
    body: Members = {"model": model, "messages": encode_messages(content.items, spelling)}
    if content.tools:
        body["tools"] = encode_tools(content.tools, content.tool_choice, spelling)
        choice = encode_tool_choice(content.tool_choice, content.tools, spelling)
        if choice is not None:
            body["tool_choice"] = choice
        if content.parallel_tool_calls is not None:
            body["parallel_tool_calls"] = content.parallel_tool_calls
    _add_sampling(body, content)
    if content.max_output_tokens is not None:
        body[spelling.max_tokens] = content.max_output_tokens
    _add_output_format(body, content)
    if content.effort is Effort.NONE and spelling.no_effort:
        body.update(spelling.no_effort)
    elif content.effort is not None:
        body["reasoning_effort"] = content.effort.value
    if content.verbosity is not None:
        body["verbosity"] = content.verbosity
    if content.service_tier is not None:
        body["service_tier"] = content.service_tier
    if content.metadata is not None:
        body["metadata"] = content.metadata
    if content.user is not None:
        body["user"] = content.user
    if stream:
        body["stream"] = True
        if spelling.stream_options:
            body["stream_options"] = _USAGE_TOO
    for name, value in content.extras.items():
        body.setdefault(name, value)
    return body


def _add_sampling(body: Members, content: Generation) -> None:
    sampling = content.sampling
    if sampling.temperature is not None:
        body["temperature"] = sampling.temperature
    if sampling.top_p is not None:
        body["top_p"] = sampling.top_p
    if sampling.top_k is not None:
        body["top_k"] = sampling.top_k
    if sampling.presence_penalty is not None:
        body["presence_penalty"] = sampling.presence_penalty
    if sampling.frequency_penalty is not None:
        body["frequency_penalty"] = sampling.frequency_penalty
    if sampling.seed is not None:
        body["seed"] = sampling.seed
    if sampling.stop:
        body["stop"] = sampling.stop
    if sampling.logit_bias is not None:
        body["logit_bias"] = sampling.logit_bias
    if sampling.candidates != 1:
        body["n"] = sampling.candidates
    if sampling.logprobs:
        body["logprobs"] = True
        if sampling.top_logprobs is not None:
            body["top_logprobs"] = sampling.top_logprobs


def _add_output_format(body: Members, content: Generation) -> None:
    match content.output_format:
        case PlainText():
            pass
        case JsonText():
            body["response_format"] = {"type": "json_object"}
        case SchemaText(name, schema, strict, description):
            wanted: Members = {"name": name, "schema": schema}
            if strict is not None:
                wanted["strict"] = strict
            if description is not None:
                wanted["description"] = description
            body["response_format"] = {"type": "json_schema", "json_schema": wanted}
