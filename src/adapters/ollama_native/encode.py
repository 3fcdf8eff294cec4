"""A generation as the body of a call of Ollama's chat.

What the target's capabilities say it cannot do was taken out or told before; what cannot be said
to Ollama at all still raises here.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal, assert_never

import msgspec
from msgspec import UNSET, UnsetType

from ...domain.capabilities import Capabilities, Thinking
from ...domain.effort import Effort
from ...domain.errors import UnsupportedFeature
from ...domain.json_values import JsonObject, JsonValue
from ...domain.refusals import function_tools, refused_choice
from ...domain.request import Generation, JsonText, OutputFormat, PlainText, SchemaText
from ...domain.thinking import NoThinking
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

_LEVELS: Final[Mapping[Effort, Literal["low", "medium", "high"]]] = {
    Effort.LOW: "low",
    Effort.MEDIUM: "medium",
    Effort.HIGH: "high",
}
_USUAL_TIERS: Final = frozenset({None, "auto", "default", "standard_only"})
_encode: Final = msgspec.json.Encoder().encode


def _none() -> Mapping[str, JsonValue]:
    return {}


@dataclass(frozen=True, slots=True)
class Defaults:
    """What every call says unless the request says otherwise.

    `num_ctx` is how many tokens the server makes room for, `keep_alive` how long the model stays
    loaded after it; None leaves both to the server. `options` are its own names and values.
    """

    num_ctx: int | None = None
    keep_alive: wire.KeepAlive | None = None
    options: Mapping[str, JsonValue] = field(default_factory=_none)


NO_DEFAULTS: Final = Defaults()


def encode_request(
    content: Generation,
    *,
    model: str,
    stream: bool,
    capabilities: Capabilities,
    defaults: Defaults = NO_DEFAULTS,
) -> bytes:
    """Return the body that asks `model` for `content`.

    Raises:
        InvalidRequest: nothing is said in the conversation, or a result answers no call.
        UnsupportedFeature: something asked for cannot be said to Ollama.
    """
    _refuse_unsayable(content)
    drawn = content.sampling
    return _encode(
        wire.ChatRequest(
            model,
            encode_messages(content.items),
            stream,
            _encode_options(content, defaults) or UNSET,
            [_declare(tool) for tool in _offered(content)] or UNSET,
            _encode_format(content.output_format),
            _encode_think(content, capabilities),
            UNSET if defaults.keep_alive is None else defaults.keep_alive,
            True if drawn.logprobs else UNSET,
            drawn.top_logprobs or UNSET,
        )
    )


def encode_options(defaults: Defaults) -> dict[str, JsonValue]:
    """Return the options that every call has."""
    options = dict(defaults.options)
    if defaults.num_ctx is not None:
        options["num_ctx"] = defaults.num_ctx
    return options


def _refuse_unsayable(content: Generation) -> None:
    if content.sampling.candidates > 1:
        param = "n"
    elif content.sampling.logit_bias:
        param = "logit_bias"
    elif content.verbosity is not None:
        param = "verbosity"
    elif content.parallel_tool_calls is False and content.tools:
        param = "parallel_tool_calls"
    elif content.service_tier not in _USUAL_TIERS:
        param = "service_tier"
    else:
        return
    raise UnsupportedFeature(f"Ollama has no {param!r}.", param=param)


def _encode_options(content: Generation, defaults: Defaults) -> dict[str, JsonValue]:
    drawn = content.sampling
    own: dict[str, JsonValue] = {
        "num_predict": content.max_output_tokens,
        "temperature": drawn.temperature,
        "top_p": drawn.top_p,
        "top_k": drawn.top_k,
        "seed": drawn.seed,
        "stop": list(drawn.stop) or None,
        "presence_penalty": drawn.presence_penalty,
        "frequency_penalty": drawn.frequency_penalty,
    }
    said = {name: value for name, value in own.items() if value is not None}
    return {**encode_options(defaults), **said}


def _offered(content: Generation) -> tuple[FunctionTool, ...]:
    """Return the tools that may be called: there is no other word for a choice among them."""
    tools = function_tools(content.tools)
    choice = content.tool_choice
    match choice:
        case AutoChoice():
            return tools
        case NoTools():
            return ()
        case AllowedTools(names, False):
            return tuple(tool for tool in tools if tool.name in names)
        case AnyTool() | NamedTool() | AllowedTools():
            raise UnsupportedFeature("Ollama forces no tool.", param="tool_choice")
        case HostedChoice():
            raise refused_choice(choice)
        case _:
            assert_never(choice)


def _declare(tool: FunctionTool) -> wire.Tool:
    parameters = tool.parameters or {"type": "object", "properties": {}}
    return wire.Tool(wire.Function(tool.name, parameters, tool.description or UNSET))


def _encode_format(wanted: OutputFormat) -> Literal["json"] | JsonObject | UnsetType:
    match wanted:
        case PlainText():
            return UNSET
        case JsonText():
            return "json"
        case SchemaText(schema=schema):
            return schema
        case _:
            assert_never(wanted)


def _encode_think(
    content: Generation, capabilities: Capabilities
) -> bool | Literal["low", "medium", "high"] | UnsetType:
    effort, wish = content.effort, content.thinking
    off = effort is Effort.NONE or isinstance(wish, NoThinking)
    if effort is None and wish is None:
        return UNSET
    form = capabilities.thinking
    if form is Thinking.NONE:
        # A model that cannot think refuses to be asked, whatever the word.
        if off:
            return UNSET
        raise UnsupportedFeature("The model does not reason.", param="reasoning_effort")
    if off:
        if not capabilities.thinking_off:
            raise UnsupportedFeature(
                "The model cannot be kept from reasoning.", param="reasoning_effort"
            )
        return False
    if form is not Thinking.LEVEL:
        return True
    level = _LEVELS.get(effort or Effort.MEDIUM)
    if level is None:
        raise UnsupportedFeature(
            f"The model does not know the effort {(effort or Effort.MEDIUM).value!r}.",
            param="reasoning_effort",
        )
    return level
