"""Tools and the choice among them.

Tools of a type of Anthropic's own are kept whole. Some of them the caller runs, and the model
calls them by name as it would a function; the others run at the vendor.
"""

import re
from collections.abc import Sequence
from typing import NamedTuple, assert_never

from msgspec import Raw, ValidationError
from msgspec.json import Decoder

from ...domain.dialect import Dialect
from ...domain.errors import InvalidRequest
from ...domain.json_values import JsonObject
from ...domain.tools import (
    AUTO,
    AnyTool,
    BuiltinTool,
    FunctionTool,
    HostedTool,
    NamedTool,
    NoTools,
    ToolChoice,
)
from ..members import decode_member, missing
from ..noting import decode_noting
from .blocks import Reading
from .wire import MAX_TOOLS, ChoiceShape, Kind, ToolShape

_TOOLS: "Decoder[list[Raw] | None]" = Decoder(list[Raw] | None)
_FUNCTIONS = Decoder(list[ToolShape])
_KIND = Decoder(Kind)
_TOOL = Decoder(ToolShape)
_CHOICE = Decoder(ChoiceShape | None)
_BUILTIN = re.compile(r"(?:bash|text_editor|memory|computer)_\d{8}")

Tool = FunctionTool | BuiltinTool | HostedTool


class Choice(NamedTuple):
    """`parallel` None leaves it to the vendor whether several calls may stand in one turn."""

    choice: ToolChoice
    parallel: bool | None


def decode_tools(raw: Raw, reading: Reading) -> tuple[Tool, ...]:
    """Return the tools.

    Raises:
        InvalidRequest: one of them is not well said, or two have one name.
    """
    texts = _decode_list(raw)
    if len(texts) > MAX_TOOLS:
        raise InvalidRequest(
            f"there may be {MAX_TOOLS} tools; these are {len(texts)}",
            param="tools",
            reason="array_above_max_length",
        )
    tools: list[Tool] = []
    names: set[str] = set()
    for number, text in enumerate(texts):
        param = f"tools[{number}]"
        tool = _decode_tool(text, param, reading)
        name = _name_of(tool)
        if name is not None:
            if name in names:
                raise InvalidRequest("Tool names must be unique.", param=f"{param}.name")
            names.add(name)
        tools.append(tool)
    return tuple(tools)


def decode_choice(raw: Raw, tools: Sequence[Tool], ignored: dict[str, None]) -> Choice:
    """Return the choice among `tools`, and whether several may be called at once.

    Raises:
        InvalidRequest: it is not well said, or names a tool that is not there.
    """
    shape = decode_noting(_CHOICE, raw, "tool_choice", ignored)
    if shape is None:
        return Choice(AUTO, None)
    alone = shape.disable_parallel_tool_use
    return Choice(_decode_choice(shape, tools), None if alone is None else not alone)


def _decode_choice(shape: ChoiceShape, tools: Sequence[Tool]) -> ToolChoice:
    match shape.type:
        case "auto":
            return AUTO
        case "none":
            return NoTools()
        case "any":
            _check_any(tools)
            return AnyTool()
        case "tool":
            if not shape.name:
                raise missing("tool_choice.name")
            _check_any(tools)
            return _named(shape.name, tools)
        case _:
            assert_never(shape.type)


def _named(name: str, tools: Sequence[Tool]) -> NamedTool:
    offered = [_name_of(tool) for tool in tools]
    # None has no name: a toolset, and only the vendor knows what is in it.
    if name in offered or None in offered:
        return NamedTool(name)
    raise InvalidRequest(
        f"tool {name[:200]!r} not found in provided tools", param="tool_choice.name"
    )


def _check_any(tools: Sequence[Tool]) -> None:
    if not tools:
        raise InvalidRequest("may only be specified while providing `tools`", param="tool_choice")


def _decode_list(raw: Raw) -> Sequence[Raw | ToolShape]:
    try:
        return _FUNCTIONS.decode(raw)
    except (ValidationError, RecursionError):  # others are among them, or wrong ones
        return decode_member(_TOOLS, raw, "tools") or ()


def _decode_tool(raw: Raw | ToolShape, param: str, reading: Reading) -> Tool:
    if isinstance(raw, ToolShape):
        return _function(raw, reading)
    kind = decode_member(_KIND, raw, param).type
    if kind is None or kind == "custom":
        return _function(decode_noting(_TOOL, raw, param, reading.ignored), reading)
    value = reading.opaque(raw, param)
    name = value.get("name")
    if _BUILTIN.fullmatch(kind):
        if not isinstance(name, str) or not name:
            raise missing(f"{param}.name")
        return BuiltinTool(kind, name, value)
    return HostedTool(kind, value, Dialect.MESSAGES)


def _function(shape: ToolShape, reading: Reading) -> FunctionTool:
    extras: JsonObject = {}
    if shape.allowed_callers is not None:
        extras["allowed_callers"] = list(shape.allowed_callers)
    if shape.defer_loading is not None:
        extras["defer_loading"] = shape.defer_loading
    if shape.eager_input_streaming is not None:
        extras["eager_input_streaming"] = shape.eager_input_streaming
    if shape.input_examples is not None:
        extras["input_examples"] = list(shape.input_examples)
    return FunctionTool(
        shape.name,
        shape.description,
        shape.input_schema,
        shape.strict,
        reading.mark(shape.cache_control),
        extras or None,
    )


def _name_of(tool: Tool) -> str | None:
    match tool:
        case FunctionTool() | BuiltinTool():
            return tool.name
        case HostedTool():
            name = tool.value.get("name")
            return name if isinstance(name, str) else None
        case _:
            assert_never(tool)
