"""A generation as the body of a generateContent request.

What the target's capabilities say it cannot do was taken out or told before; what cannot be said
to Gemini at all still raises here. Whether the answer is streamed stands in the URL.
"""

import re
from typing import Literal, assert_never

import msgspec
from msgspec import UNSET, UnsetType

from ...domain.capabilities import Capabilities, ImageInput, Thinking
from ...domain.effort import Effort
from ...domain.errors import UnsupportedFeature
from ...domain.json_values import JsonObject
from ...domain.refusals import function_tools, refused_choice
from ...domain.request import Generation, JsonText, PlainText, SchemaText
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
from .contents import encode_contents

_LABEL_KEY = re.compile(r"[a-z][a-z0-9_-]{0,62}")
_LABEL_VALUE = re.compile(r"[a-z0-9_-]{0,63}")
_MOST_LABELS = 64
_JSON = "application/json"
_LEVELS: dict[Effort, Literal["MINIMAL", "LOW", "MEDIUM", "HIGH", "XHIGH"]] = {
    Effort.MINIMAL: "MINIMAL",
    Effort.LOW: "LOW",
    Effort.MEDIUM: "MEDIUM",
    Effort.HIGH: "HIGH",
    Effort.XHIGH: "XHIGH",
}
# Tokens to think with, for models that are given a budget; 24576 is the most all of them take.
_BUDGETS = {
    Effort.NONE: 0,
    Effort.MINIMAL: 512,
    Effort.LOW: 1024,
    Effort.MEDIUM: 8192,
    Effort.HIGH: 24576,
    Effort.XHIGH: 24576,
    Effort.MAX: 24576,
}
_TIERS: dict[str, Literal["standard", "flex", "priority"]] = {
    "default": "standard",
    "standard": "standard",
    "flex": "flex",
    "priority": "priority",
}
_encode = msgspec.json.Encoder().encode


def encode_request(content: Generation, *, model: str, capabilities: Capabilities) -> bytes:
    """Return the body that asks `model` for `content`; its name and the manner stand in the URL.

    Raises:
        InvalidRequest: a tool call is not answered, or an answer has no call.
        UnsupportedFeature: something asked for cannot be said to Gemini.
    """
    _refuse_unsayable(content)
    # Signatures are checked from Gemini 3 on: the generation that is told levels, not budgets.
    said = encode_contents(
        content.items,
        model=model,
        image_urls=capabilities.image_input is ImageInput.URL,
        stand_in=capabilities.thinking is Thinking.LEVEL,
    )
    declared = [_declare(tool, place) for place, tool in enumerate(function_tools(content.tools))]
    config = _encode_config(content, capabilities)
    return _encode(
        wire.GenerateRequest(
            said.contents,
            wire.SystemInstruction(said.system) if said.system else UNSET,
            [wire.Tool(declared)] if declared else UNSET,
            _encode_choice(content) if declared else UNSET,
            UNSET if config == _NO_CONFIG else config,
            _encode_labels(content) if content.metadata else UNSET,
            _encode_tier(content.service_tier),
        )
    )


_NO_CONFIG = wire.GenerationConfig()


def _refuse_unsayable(content: Generation) -> None:
    if content.sampling.logit_bias:
        param = "logit_bias"
    elif content.max_output_tokens == 0:
        raise UnsupportedFeature(
            "Gemini has no call that keeps a prompt and answers nothing.",
            param="max_completion_tokens",
        )
    elif content.verbosity is not None:
        param = "verbosity"
    elif content.parallel_tool_calls is False and content.tools:
        param = "parallel_tool_calls"
    else:
        return
    raise UnsupportedFeature(f"Gemini has no {param!r}.", param=param)


def _declare(tool: FunctionTool, place: int) -> wire.FunctionDeclaration:
    if tool.parameters is not None and tool.parameters.get("type", "object") != "object":
        raise UnsupportedFeature(
            "A tool's parameters must be of type object.",
            param=f"tools[{place}].function.parameters",
        )
    return wire.FunctionDeclaration(tool.name, tool.description or UNSET, tool.parameters or UNSET)


def _encode_choice(content: Generation) -> wire.ToolConfig | UnsetType:
    choice = content.tool_choice
    config: wire.FunctionCallingConfig
    match choice:
        case AutoChoice():
            # VALIDATED leaves the model free to call, and holds arguments to their schema.
            if not any(isinstance(tool, FunctionTool) and tool.strict for tool in content.tools):
                return UNSET
            config = wire.FunctionCallingConfig("VALIDATED")
        case NoTools():
            config = wire.FunctionCallingConfig("NONE")
        case AnyTool():
            config = wire.FunctionCallingConfig("ANY")
        case NamedTool(name):
            config = wire.FunctionCallingConfig("ANY", [name])
        case AllowedTools(names, required):
            config = wire.FunctionCallingConfig("ANY" if required else "VALIDATED", list(names))
        case HostedChoice():
            raise refused_choice(choice)
        case _:
            assert_never(choice)
    return wire.ToolConfig(config)


def _encode_config(content: Generation, capabilities: Capabilities) -> wire.GenerationConfig:
    drawn = content.sampling
    wanted = content.output_format
    mime_type: str | UnsetType = UNSET
    schema: JsonObject | UnsetType = UNSET
    match wanted:
        case PlainText():
            pass
        case JsonText():
            mime_type = _JSON
        case SchemaText():
            mime_type, schema = _JSON, wanted.schema
        case _:
            assert_never(wanted)
    return wire.GenerationConfig(
        temperature=_or_unset(drawn.temperature),
        top_p=_or_unset(drawn.top_p),
        top_k=UNSET if drawn.top_k is None else drawn.top_k,
        candidate_count=drawn.candidates if drawn.candidates > 1 else UNSET,
        max_output_tokens=content.max_output_tokens or UNSET,
        stop_sequences=drawn.stop or UNSET,
        seed=UNSET if drawn.seed is None else drawn.seed,
        presence_penalty=_or_unset(drawn.presence_penalty),
        frequency_penalty=_or_unset(drawn.frequency_penalty),
        response_logprobs=True if drawn.logprobs else UNSET,
        logprobs=drawn.top_logprobs or UNSET,
        response_mime_type=mime_type,
        response_json_schema=schema,
        thinking_config=_encode_thinking(content, capabilities),
    )


def _or_unset(value: float | None) -> float | UnsetType:
    return UNSET if value is None else value


def _encode_thinking(
    content: Generation, capabilities: Capabilities
) -> wire.ThinkingConfig | UnsetType:
    effort = content.effort
    # Told unless they are unwanted: this vendor hides them from all who do not ask.
    thoughts: Literal[True] | UnsetType = UNSET if content.reasoning_text is False else True
    form = capabilities.thinking
    if form is Thinking.LEVEL or form is Thinking.BUDGET:
        if effort is None:
            return wire.ThinkingConfig(thoughts) if thoughts else UNSET
        if form is Thinking.BUDGET:
            budget = _BUDGETS[effort]
            return wire.ThinkingConfig(thoughts if budget else UNSET, budget)
        level = _LEVELS.get(effort)
        if level is not None:
            return wire.ThinkingConfig(thoughts, thinking_level=level)
    elif effort is None or effort is Effort.NONE:
        return UNSET
    raise UnsupportedFeature(
        f"The model does not know the effort {effort.value!r}.", param="reasoning_effort"
    )


def _encode_labels(content: Generation) -> dict[str, str]:
    labels = dict(content.metadata or {})
    for key, value in labels.items():
        if not _LABEL_KEY.fullmatch(key) or not _LABEL_VALUE.fullmatch(value):
            raise UnsupportedFeature(
                f"Gemini takes metadata as labels: {key[:100]!r} does not fit. A key begins with "
                "a lower-case letter; keys and values have only those, digits, '_' and '-'.",
                param="metadata",
            )
    if len(labels) > _MOST_LABELS:
        raise UnsupportedFeature(f"Gemini takes {_MOST_LABELS} labels.", param="metadata")
    return labels


def _encode_tier(tier: str | None) -> Literal["standard", "flex", "priority"] | UnsetType:
    if tier is None or tier == "auto":
        return UNSET
    known = _TIERS.get(tier)
    if known is None:
        raise UnsupportedFeature(
            f"Gemini has no service tier {tier[:100]!r}.", param="service_tier"
        )
    return known
