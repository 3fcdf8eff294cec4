"""A generation as the body of a Messages request.

What the target's capabilities say it cannot do was taken out or told before; what cannot be said
to Claude at all still raises here. Bodies are deterministic: prompt caches compare them.
"""

from typing import Literal, assert_never

import msgspec
from msgspec import UNSET, UnsetType, structs

from ...domain.capabilities import Capabilities, ImageInput
from ...domain.dialect import Dialect
from ...domain.effort import Effort
from ...domain.errors import UnsupportedFeature
from ...domain.json_values import JsonObject
from ...domain.refusals import refused_choice, refused_tool
from ...domain.request import Generation, JsonText, Sampling, SchemaText
from ...domain.tools import (
    AllowedTools,
    AnyTool,
    AutoChoice,
    BuiltinTool,
    CustomTool,
    FunctionTool,
    HostedChoice,
    HostedTool,
    NamedTool,
    NoTools,
    ToolDefinition,
    ToolNamespace,
)
from . import wire
from .blocks import Media, encode_mark
from .schemas import input_schema
from .thinking import encode_thinking
from .turns import Turns, encode_turns

VERSION_WITHOUT_SAMPLING = "2026-10-21"
DEFAULT_MAX_TOKENS = 8192

_EFFORT_WORDS: dict[Effort, Literal["low", "medium", "high", "xhigh", "max"]] = {
    Effort.MINIMAL: "low",
    Effort.LOW: "low",
    Effort.MEDIUM: "medium",
    Effort.HIGH: "high",
    Effort.XHIGH: "xhigh",
    Effort.MAX: "max",
}
_encode = msgspec.json.Encoder().encode


def encode_request(
    content: Generation,
    *,
    model: str,
    stream: bool,
    capabilities: Capabilities,
    version: str | None = None,
    in_body_model: bool = True,
    in_body_stream: bool = True,
    betas: tuple[str, ...] = (),
    default_max_tokens: int = DEFAULT_MAX_TOKENS,
    sampling: bool | None = None,
    service_tiers: bool = True,
) -> bytes:
    """Return the body that asks `model` for `content`.

    `version` is the marker that goes into the body (Vertex, Bedrock), None where it is a header;
    `betas` are those that go into the body (Bedrock); `in_body_stream` is False where the address
    alone says whether to stream; `sampling` says whether the version in force knows temperature and
    top_p, None: by `version`; `service_tiers` whether there is more than the standard one at this
    door.

    Raises:
        InvalidRequest: the conversation is in an order that Claude does not take.
        UnsupportedFeature: something asked for cannot be said to Claude.
    """
    if sampling is None:
        sampling = version != VERSION_WITHOUT_SAMPLING
    _refuse_unsayable(content, sampling=sampling)
    turns = encode_turns(
        content.items,
        model=model,
        media=Media(capabilities.image_input is ImageInput.URL, capabilities.file_urls),
        system_turns=capabilities.system_turns,
    )
    max_tokens, thinking, effort = encode_thinking(
        content, capabilities, thought=turns.thought, default_max_tokens=default_max_tokens
    )
    tools = _encode_tools(content, turns)
    drawn = content.sampling
    request = wire.MessagesRequest(
        max_tokens,
        turns.turns,
        anthropic_version=version or UNSET,
        anthropic_beta=betas or UNSET,
        model=model if in_body_model else UNSET,
        system=turns.system or UNSET,
        tools=tools or UNSET,
        tool_choice=_encode_choice(content) if tools else UNSET,
        thinking=thinking,
        output_config=_encode_output(content, effort),
        temperature=_or_unset(drawn.temperature),
        top_p=_or_unset(drawn.top_p),
        top_k=UNSET if drawn.top_k is None else drawn.top_k,
        stop_sequences=drawn.stop or UNSET,
        metadata=wire.Metadata(content.user) if content.user else UNSET,
        service_tier=_encode_tier(content.service_tier, tiers=service_tiers),
        stream=True if stream and in_body_stream else UNSET,
        cache_control=encode_mark(content.cache),
    )
    if not content.extras:
        return _encode(request)
    # What only fits this language went no further than here; see `adjusting.fit_extras`.
    members = {name: said for name, said in structs.asdict(request).items() if said is not UNSET}
    return _encode({**content.extras, **members})


def _or_unset(value: float | None) -> float | UnsetType:
    return UNSET if value is None else value


def _refuse_unsayable(content: Generation, *, sampling: bool) -> None:
    param = _unsayable_sampling(content.sampling, sampling=sampling)
    if param is None:
        if isinstance(content.output_format, JsonText):
            param = "response_format"
        elif content.metadata:
            param = "metadata"
        elif content.verbosity is not None:
            param = "verbosity"
        else:
            return
    raise UnsupportedFeature(f"Claude has no {param!r}, or not with this value.", param=param)


def _unsayable_sampling(drawn: Sampling, *, sampling: bool) -> str | None:
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
    if drawn.temperature is not None and (not sampling or not 0 <= drawn.temperature <= 1):
        return "temperature"
    if drawn.top_p is not None and not sampling:
        return "top_p"
    if drawn.top_k is not None and not sampling:
        return "top_k"
    if any(not sequence.strip() for sequence in drawn.stop):
        return "stop"
    return None


def _encode_tools(content: Generation, turns: Turns) -> list[wire.Tool | JsonObject]:
    choice = content.tool_choice
    tools: list[wire.Tool | JsonObject] = [
        _encode_tool(tool, number)
        for number, tool in enumerate(content.tools)
        if not isinstance(choice, AllowedTools) or called_by(tool) in choice.names
    ]
    if not tools:
        # A conversation with calls in it must define tools, though none may be called any more.
        tools = [wire.Tool(name, input_schema(None, param="")) for name in turns.called]
    return tools


def called_by(tool: ToolDefinition) -> str:
    """Return what a choice names `tool` by: hosted ones their type."""
    return tool.type if isinstance(tool, HostedTool) else tool.name


def _encode_tool(tool: ToolDefinition, number: int) -> wire.Tool | JsonObject:
    match tool:
        case FunctionTool():
            param = f"tools[{number}].function.parameters"
            said = wire.Tool(
                tool.name,
                input_schema(tool.parameters, param=param),
                tool.description or UNSET,
                True if tool.strict else UNSET,
                encode_mark(tool.cache),
            )
            if not tool.extras:
                return said
            members: JsonObject = msgspec.to_builtins(said)
            return tool.extras | members
        case HostedTool(dialect=Dialect.MESSAGES) | BuiltinTool(dialect=Dialect.MESSAGES):
            return tool.value
        case HostedTool() | BuiltinTool() | ToolNamespace() | CustomTool():
            raise refused_tool(tool, number)
        case _:
            assert_never(tool)


def _encode_choice(content: Generation) -> wire.ToolChoice | UnsetType:
    choice = content.tool_choice
    alone = True if content.parallel_tool_calls is False else UNSET
    match choice:
        case NoTools():
            return wire.ToolChoice("none")
        case _ if not content.tools:
            return wire.ToolChoice("none")
        case AutoChoice():
            return wire.ToolChoice("auto", disable_parallel_tool_use=alone) if alone else UNSET
        case AnyTool():
            return wire.ToolChoice("any", disable_parallel_tool_use=alone)
        case NamedTool(name):
            return wire.ToolChoice("tool", name, alone)
        case AllowedTools(names, required):
            if not any(called_by(tool) in names for tool in content.tools):
                return wire.ToolChoice("none")
            kind: Literal["any", "auto"] = "any" if required else "auto"
            return wire.ToolChoice(kind, disable_parallel_tool_use=alone)
        case HostedChoice():
            raise refused_choice(choice)
        case _:
            assert_never(choice)


def _encode_output(content: Generation, effort: Effort | None) -> wire.OutputConfig | UnsetType:
    word = UNSET if effort is None else _EFFORT_WORDS[effort]
    wanted = content.output_format
    if isinstance(wanted, SchemaText):
        return wire.OutputConfig(word, wire.Format(wanted.schema))
    return UNSET if word is UNSET else wire.OutputConfig(word)


def _encode_tier(tier: str | None, *, tiers: bool) -> Literal["standard_only"] | UnsetType:
    match tier:
        case None | "auto":
            return UNSET
        case "default" | "standard_only":
            return "standard_only" if tiers else UNSET
        case _:
            raise UnsupportedFeature(
                f"Claude has no service tier {tier[:100]!r}.", param="service_tier"
            )
