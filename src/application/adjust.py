"""Fits a request to what its target can do: a pure function, and the changes it made.

Messages, images and functions are never dropped: what a target cannot take of those is refused.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from ..domain.adjustments import Adjustment
from ..domain.capabilities import Capabilities, ImageInput, Structured, Thinking
from ..domain.conversation import (
    Audio,
    FileData,
    FileReference,
    ImageData,
    ImageUrl,
    Item,
    Message,
    Reasoning,
    Role,
    Text,
    ToolCall,
    ToolResult,
)
from ..domain.dialect import Dialect
from ..domain.effort import Effort
from ..domain.errors import UnsupportedFeature
from ..domain.request import (
    DEFAULT_SAMPLING,
    NO_EXTRAS,
    PLAIN_TEXT,
    Generation,
    JsonText,
    PlainText,
    SchemaText,
)
from ..domain.tools import (
    AUTO,
    AllowedTools,
    AnyTool,
    CustomTool,
    FunctionTool,
    NamedTool,
    ToolDefinition,
)
from .instructions import for_choice, for_json, for_schema
from .schemas import without_keywords

_EFFORTS = tuple(Effort)
_THINKING_AGAINST_FORCING = frozenset({Thinking.BUDGET, Thinking.ADAPTIVE})


def adjust(
    content: Generation, capabilities: Capabilities, model: str = ""
) -> tuple[Generation, tuple[Adjustment, ...]]:
    """Return `content` as the target `model` can take it, and what was changed.

    Raises:
        UnsupportedFeature: something that may not be dropped cannot be said to this target.
    """
    fitting = _Fitting(content, capabilities, model)
    for step in _STEPS:
        step(fitting)
    return fitting.content, tuple(fitting.made)


@dataclass(slots=True)
class _Fitting:
    content: Generation
    can: Capabilities
    model: str
    made: list[Adjustment] = field(default_factory=list[Adjustment])

    def tell(self, param: str, action: str, detail: str) -> None:
        self.made.append(Adjustment(param, action, detail))

    def instruct(self, text: str) -> None:
        """Add `text` behind the leading system messages."""
        items = self.content.items
        place = 0
        while place < len(items):
            item = items[place]
            if not (isinstance(item, Message) and item.role in (Role.SYSTEM, Role.DEVELOPER)):
                break
            place += 1
        said = Message(Role.SYSTEM, (Text(text),))
        self.content = replace(self.content, items=(*items[:place], said, *items[place:]))


def _media(fit: _Fitting) -> None:
    can = fit.can
    for item in fit.content.items:
        if not isinstance(item, Message | ToolResult):
            continue
        for part in item.parts:
            match part:
                case ImageUrl() | ImageData() if can.image_input is ImageInput.NONE:
                    what = "images"
                case Audio() if not can.audio_input:
                    what = "audio input"
                case FileData() | FileReference() if not can.file_input:
                    what = "file input"
                case _:
                    continue
            raise UnsupportedFeature(f"The model takes no {what}.", param="messages")


def _tools(fit: _Fitting) -> None:
    content, can = fit.content, fit.can
    if not content.tools:
        return
    if not can.tools:
        raise UnsupportedFeature("The model takes no tools.", param="tools")
    if can.tools_only_on_responses and content.effort is not Effort.NONE:
        raise UnsupportedFeature(
            "The model takes tools on chat completions only with reasoning_effort 'none'; "
            "with reasoning it takes them on the Responses API alone, which is not offered yet.",
            param="tools",
        )
    if not can.custom_tools and any(isinstance(tool, CustomTool) for tool in content.tools):
        fit.tell("tools", "emulated", "custom tools are sent as functions with one text argument")
    if not can.strict_tools and any(
        isinstance(tool, FunctionTool) and tool.strict for tool in content.tools
    ):
        relaxed = tuple(
            replace(tool, strict=None) if isinstance(tool, FunctionTool) else tool
            for tool in content.tools
        )
        fit.content = content = replace(content, tools=relaxed)
        fit.tell("tools.strict", "dropped", "the model does not hold arguments to the schema")
    if content.parallel_tool_calls is False and not can.parallel_switch:
        fit.content = replace(content, parallel_tool_calls=None)
        fit.tell("parallel_tool_calls", "dropped", "the model may call several tools at once")


def _tool_choice(fit: _Fitting) -> None:
    choice = fit.content.tool_choice
    forced = isinstance(choice, AnyTool | NamedTool) or (
        isinstance(choice, AllowedTools) and choice.required
    )
    if not forced or not fit.content.tools:
        return
    if not fit.can.forced_tool_choice:
        fit.instruct(for_choice(choice))
        softer = replace(choice, required=False) if isinstance(choice, AllowedTools) else AUTO
        fit.content = replace(fit.content, tool_choice=softer)
        fit.tell("tool_choice", "emulated", "the model cannot be forced: it was instructed")
    elif (
        fit.can.thinking in _THINKING_AGAINST_FORCING
        and fit.can.thinking_off
        and fit.content.effort not in (None, Effort.NONE)
    ):
        fit.content = replace(fit.content, effort=Effort.NONE)
        fit.tell("reasoning_effort", "dropped", "the model cannot think when a tool is forced")


def _effort(fit: _Fitting) -> None:
    wanted, can = fit.content.effort, fit.can
    if wanted is None:
        return
    if can.thinking is Thinking.NONE:
        fit.content = replace(fit.content, effort=None)
        if wanted is not Effort.NONE:
            fit.tell("reasoning_effort", "dropped", "the model does not reason")
        return
    if wanted is Effort.NONE and can.thinking_off:
        return
    levels = [level for level in _EFFORTS if level in can.effort_levels]
    if not levels:
        levels = [level for level in _EFFORTS if level is not Effort.NONE]
    if wanted in levels:
        return
    place = _EFFORTS.index(wanted)
    below = [level for level in levels if _EFFORTS.index(level) <= place]
    nearest = below[-1] if below else levels[0]
    fit.content = replace(fit.content, effort=nearest)
    fit.tell("reasoning_effort", "clamped", f"{wanted} became {nearest}, the nearest there is")


def _unproven_turn(fit: _Fitting) -> None:
    """A model that thinks wants the proofs of an open tool turn; without them it must not think."""
    can = fit.can
    if can.proofs is None or can.thinking is not Thinking.BUDGET or not can.thinking_off:
        return
    if fit.content.effort in (None, Effort.NONE):
        return
    proven = called = False
    for item in reversed(fit.content.items):
        if isinstance(item, Message) and item.role is not Role.ASSISTANT:
            break
        called = called or isinstance(item, ToolCall)
        if isinstance(item, Reasoning) and item.proof is not None:
            proven = proven or (item.proof.vendor, item.proof.model) == (can.proofs, fit.model)
    if called and not proven:
        fit.content = replace(fit.content, effort=Effort.NONE)
        fit.tell(
            "reasoning_effort", "dropped", "the tool calls of this turn came without their proofs"
        )


def _sampling(fit: _Fitting) -> None:
    can, sampling = fit.can, fit.content.sampling
    if sampling is DEFAULT_SAMPLING:
        return
    if sampling.candidates > 1 and "n" not in can.sampling:
        raise UnsupportedFeature("The model gives one answer a call: n must be 1.", param="n")
    thinks = can.thinking is Thinking.BUDGET and fit.content.effort not in (None, Effort.NONE)
    unset = DEFAULT_SAMPLING
    for name, fields in _SAMPLING_FIELDS.items():
        if all(getattr(sampling, key) == getattr(unset, key) for key in fields):
            continue  # getattr: the keys are names of Sampling's own fields, from the table below
        if name in can.sampling and not (thinks and name in _NOT_WHILE_THINKING):
            continue
        sampling = replace(sampling, **{key: getattr(unset, key) for key in fields})
        why = "the model takes it only without thinking" if name in can.sampling else "not taken"
        fit.tell(name, "dropped", why)
    if sampling.temperature is not None and sampling.temperature > can.max_temperature:
        fit.tell("temperature", "clamped", f"to {can.max_temperature}, the highest there is")
        sampling = replace(sampling, temperature=can.max_temperature)
    if not can.blank_stop and any(not stop.strip() for stop in sampling.stop):
        fit.tell("stop", "dropped", "sequences of white space alone are not taken")
        sampling = replace(sampling, stop=tuple(stop for stop in sampling.stop if stop.strip()))
    if can.max_stop is not None and len(sampling.stop) > can.max_stop:
        fit.tell("stop", "clamped", f"only the first {can.max_stop} sequences are kept")
        sampling = replace(sampling, stop=sampling.stop[: can.max_stop])
    if sampling is not fit.content.sampling:
        fit.content = replace(fit.content, sampling=sampling)


_SAMPLING_FIELDS = {
    "temperature": ("temperature",),
    "top_p": ("top_p",),
    "presence_penalty": ("presence_penalty",),
    "frequency_penalty": ("frequency_penalty",),
    "seed": ("seed",),
    "stop": ("stop",),
    "logit_bias": ("logit_bias",),
    "logprobs": ("logprobs", "top_logprobs"),
}
_NOT_WHILE_THINKING = frozenset({"temperature", "top_p"})


def _output_format(fit: _Fitting) -> None:
    wanted, can = fit.content.output_format, fit.can
    if isinstance(wanted, PlainText):
        return
    with_tools = bool(fit.content.tools) and not can.structured_with_tools
    if isinstance(wanted, SchemaText):
        if can.structured is Structured.JSON_SCHEMA and not with_tools:
            return
        fit.instruct(for_schema(wanted))
        if can.structured is Structured.JSON_OBJECT and can.json_object and not with_tools:
            fit.content = replace(fit.content, output_format=JsonText())
        else:
            fit.content = replace(fit.content, output_format=PLAIN_TEXT)
        fit.tell("response_format", "emulated", "the schema is an instruction, not a guarantee")
    elif not can.json_object or can.structured is Structured.NONE or with_tools:
        fit.instruct(for_json())
        fit.content = replace(fit.content, output_format=PLAIN_TEXT)
        fit.tell("response_format", "emulated", "JSON is an instruction, not a guarantee")


def _schemas(fit: _Fitting) -> None:
    can, dropped = fit.can, set[str]()
    if not can.refused_schema_keywords and not can.refused_tool_keywords:
        return
    tools = tuple(_simpler(tool, can, dropped) for tool in fit.content.tools)
    if dropped:
        fit.content = replace(fit.content, tools=tools)
        fit.tell("tools.parameters", "dropped", f"schema keywords {', '.join(sorted(dropped))}")
    wanted = fit.content.output_format
    if isinstance(wanted, SchemaText) and can.refused_schema_keywords:
        dropped = set[str]()
        schema = without_keywords(wanted.schema, can.refused_schema_keywords, dropped)
        if dropped:
            fit.content = replace(fit.content, output_format=replace(wanted, schema=schema))
            words = ", ".join(sorted(dropped))
            fit.tell("response_format.schema", "dropped", f"schema keywords {words}")


def _simpler(tool: ToolDefinition, can: Capabilities, dropped: set[str]) -> ToolDefinition:
    refused = can.refused_tool_keywords
    if not isinstance(tool, FunctionTool) or tool.parameters is None:
        return tool
    if tool.strict:
        refused |= can.refused_schema_keywords
    return replace(tool, parameters=without_keywords(tool.parameters, refused, dropped))


def _prefill(fit: _Fitting) -> None:
    items = fit.content.items
    last = items[-1] if items else None
    if fit.can.prefill or not (isinstance(last, Message) and last.role is Role.ASSISTANT):
        return
    carry_on = Message(Role.USER, (Text("Continue."),))
    fit.content = replace(fit.content, items=(*items, carry_on))
    fit.tell("messages", "emulated", "the model does not continue its own words: it was asked to")


def _limits(fit: _Fitting) -> None:
    highest = fit.can.max_output_tokens
    asked = fit.content.max_output_tokens
    if highest is not None and asked is not None and asked > highest:
        fit.content = replace(fit.content, max_output_tokens=highest)
        fit.tell("max_completion_tokens", "clamped", f"to {highest}, the most there is")


def _labels(fit: _Fitting) -> None:
    can, content = fit.can, fit.content
    metadata = content.metadata
    if metadata and not can.metadata:
        fit.content = replace(fit.content, metadata=None)
        fit.tell("metadata", "dropped", "the provider keeps none")
    elif metadata and can.label_metadata:
        fitting = {key: value for key, value in metadata.items() if _is_label(key, value)}
        if len(fitting) < len(metadata):
            fit.content = replace(fit.content, metadata=fitting or None)
            fit.tell("metadata", "dropped", "pairs that are not in lower-case letters and digits")
    if content.verbosity is not None and not can.verbosity:
        fit.content = replace(fit.content, verbosity=None)
        fit.tell("verbosity", "dropped", "the model has no such setting")
    if content.user is not None and not can.end_user:
        fit.content = replace(fit.content, user=None)
        fit.tell("user", "dropped", "the provider wants none")
    tier = content.service_tier
    if tier is not None and can.service_tiers and tier not in can.service_tiers:
        fit.content = replace(fit.content, service_tier=None)
        fit.tell("service_tier", "dropped", "the provider has no such tier")
    if not can.message_names and any(_name_of(item) for item in content.items):
        unnamed = tuple(
            replace(item, name=None) if isinstance(item, Message) else item
            for item in fit.content.items
        )
        fit.content = replace(fit.content, items=unnamed)
        fit.tell("messages.name", "dropped", "the model knows no names of speakers")
    if content.extras and Dialect.CHAT_COMPLETIONS not in can.dialects:
        for name in content.extras:
            fit.tell(name[:64], "dropped", "unknown to modelmux and to the provider's language")
        fit.content = replace(fit.content, extras=NO_EXTRAS)


_LABEL_KEY = re.compile(r"[a-z][a-z0-9_-]{0,62}")
_LABEL_VALUE = re.compile(r"[a-z0-9_-]{0,63}")


def _is_label(key: str, value: str) -> bool:
    return bool(_LABEL_KEY.fullmatch(key) and _LABEL_VALUE.fullmatch(value))


def _name_of(item: Item) -> str | None:
    return item.name if isinstance(item, Message) else None


_STEPS: tuple[Callable[[_Fitting], None], ...] = (
    _media,
    _tools,
    _unproven_turn,
    _tool_choice,
    _effort,
    _sampling,
    _output_format,
    _schemas,
    _prefill,
    _limits,
    _labels,
)
