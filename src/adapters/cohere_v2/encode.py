"""A generation as the body of a call of Cohere's v2 chat.

What the target's capabilities say it cannot do was taken out or told before; what cannot be said
to Cohere at all still raises here.
"""

from collections.abc import Mapping
from typing import Final, Literal, assert_never

import msgspec
from msgspec import UNSET, UnsetType

from ...domain.capabilities import Capabilities, Thinking
from ...domain.effort import Effort
from ...domain.errors import UnsupportedFeature
from ...domain.refusals import function_tools, refused_choice
from ...domain.request import Generation, JsonText, OutputFormat, PlainText, SchemaText
from ...domain.thinking import (
    AdaptiveThinking,
    NoThinking,
    ThinkingBetweenTools,
    ThinkingBudget,
)
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
from .messages import encode_messages
from .ranges import out_of_range

# Tokens to think with; 31,000 is the most that the documents advise.
_BUDGETS: Final[Mapping[Effort, int]] = {
    Effort.MINIMAL: 512,
    Effort.LOW: 1024,
    Effort.MEDIUM: 8192,
    Effort.HIGH: 24_576,
    Effort.XHIGH: 31_000,
    Effort.MAX: 31_000,
}
_OFF: Final = wire.Thinking("disabled")
_USUAL_TIERS: Final = frozenset({None, "auto", "default", "standard_only"})
_encode: Final = msgspec.json.Encoder().encode


def encode_request(
    content: Generation, *, model: str, stream: bool, capabilities: Capabilities
) -> bytes:
    """Return the body that asks `model` for `content`.

    Raises:
        InvalidRequest: nothing is said in the conversation.
        UnsupportedFeature: something asked for cannot be said to Cohere.
    """
    _refuse_unsayable(content)
    drawn = content.sampling
    tools, choice = _encode_tools(content)
    strict = any(isinstance(tool, FunctionTool) and tool.strict for tool in content.tools)
    return _encode(
        wire.ChatRequest(
            model,
            encode_messages(content.items),
            stream,
            tools or UNSET,
            choice if tools else UNSET,
            # There is one switch for all of them.
            True if tools and strict else UNSET,
            _encode_format(content.output_format),
            _encode_thinking(content, capabilities),
            max_tokens=content.max_output_tokens or UNSET,
            stop_sequences=drawn.stop or UNSET,
            temperature=_or_unset(drawn.temperature),
            p=_or_unset(drawn.top_p),
            k=UNSET if drawn.top_k is None else drawn.top_k,
            seed=UNSET if drawn.seed is None else drawn.seed,
            presence_penalty=_or_unset(drawn.presence_penalty),
            frequency_penalty=_or_unset(drawn.frequency_penalty),
        )
    )


def _refuse_unsayable(content: Generation) -> None:
    drawn = content.sampling
    wrong = out_of_range(drawn)
    if drawn.candidates > 1:
        param = "n"
    elif drawn.logit_bias:
        param = "logit_bias"
    elif drawn.logprobs:
        param = "logprobs"
    elif content.verbosity is not None:
        param = "verbosity"
    elif content.parallel_tool_calls is False and content.tools:
        param = "parallel_tool_calls"
    elif content.service_tier not in _USUAL_TIERS:
        param = "service_tier"
    elif wrong:
        param, (low, high) = next(iter(wrong.items()))
        raise UnsupportedFeature(f"Cohere takes {param!r} from {low} to {high}.", param=param)
    else:
        return
    raise UnsupportedFeature(f"Cohere has no {param!r}.", param=param)


def _encode_tools(
    content: Generation,
) -> tuple[list[wire.Tool], Literal["REQUIRED", "NONE"] | UnsetType]:
    """Return the tools and the word for the choice; a choice among them is said by the others'
    absence."""
    tools = function_tools(content.tools)
    choice = content.tool_choice
    word: Literal["REQUIRED", "NONE"] | UnsetType
    match choice:
        case AutoChoice():
            word = UNSET
        case NoTools():
            word = "NONE"
        case AnyTool():
            word = "REQUIRED"
        case NamedTool(name):
            word = "REQUIRED"
            tools = tuple(tool for tool in tools if tool.name == name)
        case AllowedTools(names, required):
            word = "REQUIRED" if required else UNSET
            tools = tuple(tool for tool in tools if tool.name in names)
        case HostedChoice():
            raise refused_choice(choice)
        case _:
            assert_never(choice)
    return [_declare(tool) for tool in tools], word


def _declare(tool: FunctionTool) -> wire.Tool:
    parameters = tool.parameters or {"type": "object", "properties": {}}
    return wire.Tool(wire.Function(tool.name, parameters, tool.description or UNSET))


def _encode_format(wanted: OutputFormat) -> wire.ResponseFormat | UnsetType:
    match wanted:
        case PlainText():
            return UNSET
        case JsonText():
            return wire.ResponseFormat()
        case SchemaText(schema=schema, description=description):
            if description and "description" not in schema:
                schema = {"description": description, **schema}
            return wire.ResponseFormat(schema)
        case _:
            assert_never(wanted)


def _encode_thinking(content: Generation, capabilities: Capabilities) -> wire.Thinking | UnsetType:
    effort, wish = content.effort, content.thinking
    off = effort is Effort.NONE or isinstance(wish, NoThinking)
    if capabilities.thinking is Thinking.NONE:
        if off or (effort is None and wish is None):
            return UNSET
        raise UnsupportedFeature("The model does not reason.", param="reasoning_effort")
    if effort is Effort.NONE:
        return _OFF
    match wish:
        case NoThinking():
            return _OFF
        case ThinkingBudget(tokens):
            return wire.Thinking("enabled", tokens)
        case ThinkingBetweenTools():
            raise UnsupportedFeature(
                "The model cannot be told to think between tools alone.", param="thinking"
            )
        case AdaptiveThinking() | None:
            if effort is not None:
                return wire.Thinking("enabled", _BUDGETS[effort])
            return UNSET if wish is None else wire.Thinking("enabled")
        case _:
            assert_never(wish)


def _or_unset(value: float | None) -> float | UnsetType:
    return UNSET if value is None else value
