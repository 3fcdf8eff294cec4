"""A generation as the body of a Converse request; the stream's body is the same.

What the target's capabilities say it cannot do was taken out or told before; what cannot be said
at all still raises here. Bodies are deterministic: prompt caches compare them.
"""

import re
from collections.abc import Mapping
from typing import Final, assert_never

import msgspec
from msgspec import UNSET, UnsetType

from ...domain.adjustments import Adjustment
from ...domain.capabilities import Capabilities
from ...domain.conversation import ToolCall
from ...domain.errors import InvalidRequest, UnsupportedFeature
from ...domain.json_values import JsonObject
from ...domain.refusals import function_tools, refused_choice
from ...domain.request import Generation, JsonText, Sampling, SchemaText
from ...domain.tools import (
    AllowedTools,
    AnyTool,
    AutoChoice,
    FunctionTool,
    HostedChoice,
    NamedTool,
    NoTools,
)
from . import wire
from .blocks import encode_mark
from .capabilities import Manner, manner_of
from .thinking import Thought, encode_thinking, put
from .turns import Turns, encode_turns

_MAX_METADATA: Final = 16
_METADATA: Final = re.compile(r"[a-zA-Z0-9\s:_@$#=/+,.-]{0,256}")
_NO_CALLS: Final = "Answer without calling any tool."
_TIERS: Final = frozenset({"default", "flex", "priority", "reserved"})
_encode = msgspec.json.Encoder().encode


def encode_request(content: Generation, *, model: str, capabilities: Capabilities) -> bytes:
    """Return the body that asks `model` for `content`.

    Raises:
        InvalidRequest: the conversation is in an order that Converse does not take.
        UnsupportedFeature: something asked for cannot be said there.
    """
    return _encode(_build(content, model, capabilities))


def encode_count(content: Generation, *, model: str, capabilities: Capabilities) -> bytes:
    """Return the body that has the input tokens of `content` counted; raises as its request."""
    asked = _build(content, model, capabilities)
    counted = wire.Counted(
        asked.messages, asked.system, asked.tool_config, asked.additional_model_request_fields
    )
    return _encode(wire.CountRequest(wire.CountInput(counted)))


def changes_of(content: Generation, *, model: str) -> list[Adjustment]:
    """Return what a request loses, or says in other words, on its way into Converse."""
    changes: list[Adjustment] = []
    metadata = content.metadata or {}
    if len(_fitting(metadata)) < len(metadata):
        told = "Bedrock takes 16 pairs of plain letters, digits and a few signs"
        changes.append(Adjustment("metadata", "dropped", told))
    if isinstance(content.tool_choice, NoTools) and _has_calls(content):
        told = "the model cannot be forbidden its tools: it was instructed"
        changes.append(Adjustment("tool_choice", "emulated", told))
    if not manner_of(model).cache_spans and _marked_for_a_time(content):
        changes.append(
            Adjustment("prompt_cache_breakpoint.ttl", "dropped", "the model has one span alone")
        )
    return changes


def _build(content: Generation, model: str, can: Capabilities) -> wire.ConverseRequest:
    manner = manner_of(model)
    _refuse_unsayable(content, manner)
    turns = encode_turns(
        content.items, model=model, cache_spans=manner.cache_spans, cache=content.cache
    )
    thought = encode_thinking(content, can, manner, thought=turns.thought)
    drawn = content.sampling
    if drawn.top_k is not None:
        put(thought.fields, manner.top_k, drawn.top_k)
    tools = _encode_tools(content, turns, manner)
    system = turns.system
    if tools and isinstance(content.tool_choice, NoTools):
        system = [*system, wire.TextBlock(_NO_CALLS)]
    inference = wire.InferenceConfig(thought.max_tokens, drawn.temperature, drawn.top_p, drawn.stop)
    return wire.ConverseRequest(
        turns.turns,
        system=system or UNSET,
        inference_config=UNSET if inference == _DEFAULT_INFERENCE else inference,
        tool_config=wire.ToolConfig(tools, _encode_choice(content)) if tools else UNSET,
        additional_model_request_fields=thought.fields or UNSET,
        output_config=_encode_output(content, thought),
        service_tier=_encode_tier(content.service_tier),
        request_metadata=_fitting(content.metadata or {}) or UNSET,
    )


_DEFAULT_INFERENCE: Final = wire.InferenceConfig()


def _refuse_unsayable(content: Generation, manner: Manner) -> None:
    param = _unsayable_sampling(content.sampling, manner)
    if param is None:
        if isinstance(content.output_format, JsonText):
            param = "response_format"
        elif content.user is not None:
            param = "user"
        elif content.verbosity is not None:
            param = "verbosity"
        else:
            return
    raise UnsupportedFeature(f"The model has no {param!r}, or not with this value.", param=param)


def _unsayable_sampling(drawn: Sampling, manner: Manner) -> str | None:
    if drawn.candidates > 1:
        return "n"
    if drawn.logprobs or drawn.top_logprobs:
        return "logprobs"
    if drawn.presence_penalty:
        return "presence_penalty"
    if drawn.frequency_penalty:
        return "frequency_penalty"
    if drawn.seed is not None:
        return "seed"
    if drawn.logit_bias:
        return "logit_bias"
    if drawn.temperature is not None and not 0 <= drawn.temperature <= 1:
        return "temperature"
    if drawn.top_k is not None and not manner.top_k:
        return "top_k"
    return None


def _encode_tools(
    content: Generation, turns: Turns, manner: Manner
) -> list[wire.Tool | wire.CachePointBlock]:
    choice = content.tool_choice
    if isinstance(choice, NoTools) and not turns.called:
        # There is no word for it: a model without tools calls none.
        return []
    tools: list[wire.Tool | wire.CachePointBlock] = []
    for number, tool in enumerate(function_tools(content.tools)):
        if isinstance(choice, AllowedTools) and tool.name not in choice.names:
            continue
        tools.append(wire.Tool(_encode_tool(tool, number)))
        if tool.cache is not None:
            tools.append(encode_mark(tool.cache, manner.cache_spans))
    if not tools:
        # A conversation with calls in it must define tools, though none may be called any more.
        tools.extend(
            wire.Tool(wire.ToolSpec(name, wire.InputSchema(_no_parameters())))
            for name in turns.called
        )
    return tools


def _no_parameters() -> JsonObject:
    return {"type": "object", "properties": {}}


def _encode_tool(tool: FunctionTool, number: int) -> wire.ToolSpec:
    return wire.ToolSpec(
        tool.name,
        wire.InputSchema(_schema(tool.parameters, number)),
        tool.description or UNSET,
        True if tool.strict else UNSET,
    )


def _schema(parameters: JsonObject | None, number: int) -> JsonObject:
    if parameters is None:
        return _no_parameters()
    if parameters.get("type", "object") != "object":
        raise InvalidRequest(
            "A tool's parameters must be of type object.",
            param=f"tools[{number}].function.parameters",
        )
    return parameters if "type" in parameters else {"type": "object", **parameters}


def _encode_choice(content: Generation) -> wire.ToolChoice | UnsetType:
    choice = content.tool_choice
    match choice:
        case AutoChoice() | NoTools():
            return UNSET
        case _ if not content.tools:
            return UNSET
        case AnyTool() | AllowedTools(required=True):
            return wire.ToolChoice(any=wire.Nothing())
        case AllowedTools():
            return UNSET
        case NamedTool(name):
            return wire.ToolChoice(tool=wire.ToolName(name))
        case HostedChoice():
            raise refused_choice(choice)
        case _:
            assert_never(choice)


def _encode_output(content: Generation, thought: Thought) -> wire.OutputConfig | UnsetType:
    effort = UNSET if thought.effort is None else thought.effort
    wanted = content.output_format
    if isinstance(wanted, SchemaText):
        schema = wire.JsonSchema(
            _encode(wanted.schema).decode(), wanted.name, wanted.description or UNSET
        )
        return wire.OutputConfig(wire.TextFormat(wire.Structure(schema)), effort)
    return UNSET if effort is UNSET else wire.OutputConfig(effort=effort)


def _encode_tier(tier: str | None) -> wire.ServiceTier | UnsetType:
    if tier is None or tier == "auto":
        return UNSET
    if tier not in _TIERS:
        raise UnsupportedFeature(
            f"The provider has no service tier {tier[:100]!r}.", param="service_tier"
        )
    return wire.ServiceTier(tier)


def _fitting(metadata: Mapping[str, str]) -> dict[str, str]:
    """Return the pairs that the service takes, the first of them if there are too many."""
    fitting = [
        (name, value)
        for name, value in metadata.items()
        if name and _METADATA.fullmatch(name) and _METADATA.fullmatch(value)
    ]
    return dict(fitting[:_MAX_METADATA])


def _has_calls(content: Generation) -> bool:
    return any(isinstance(item, ToolCall) for item in content.items)


def _marked_for_a_time(content: Generation) -> bool:
    if content.cache is not None and content.cache.ttl is not None:
        return True
    # getattr: items, their parts and tools may be marked, but not all of their kinds.
    marked = [*content.items, *content.tools]
    marked += [part for item in content.items for part in getattr(item, "parts", ())]
    marks = [getattr(one, "cache", None) for one in marked]
    return any(mark is not None and mark.ttl is not None for mark in marks)
