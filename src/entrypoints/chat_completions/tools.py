"""Tools and the choice among them, in today's form and in that of `functions`."""

from collections.abc import Sequence
from typing import Literal, assert_never

from msgspec import Raw
from msgspec.json import Decoder

from ...domain.errors import InvalidRequest
from ...domain.tools import (
    AUTO,
    AllowedTools,
    AnyTool,
    CallableTool,
    CustomTool,
    FunctionTool,
    Grammar,
    NamedTool,
    NoTools,
    ToolChoice,
)
from ..noting import decode_noting
from .wire import (
    AllowedChoice,
    ChoiceShape,
    CustomToolShape,
    Functions,
    FunctionShape,
    FunctionToolShape,
    GrammarFormat,
    Named,
    NamedCustom,
    NamedFunction,
    Tools,
    ToolShape,
)

_TOOLS: "Decoder[Tools]" = Decoder(Tools)
_FUNCTIONS: "Decoder[Functions]" = Decoder(Functions)
_CHOICE = Decoder(Literal["none", "auto", "required"] | ChoiceShape | None)
_FUNCTION_CALL = Decoder(Literal["none", "auto"] | Named | None)


def decode_tools(
    tools: Raw | None, choice: Raw | None, ignored: dict[str, None]
) -> tuple[tuple[CallableTool, ...], ToolChoice]:
    """Return the tools and the choice among them.

    Raises:
        InvalidRequest: a tool is not well said, or the choice names one that is not there.
    """
    shapes = decode_noting(_TOOLS, tools, "tools", ignored) if tools is not None else None
    defined = tuple(_decode_tool(shape) for shape in shapes or ())
    wanted = decode_noting(_CHOICE, choice, "tool_choice", ignored) if choice is not None else None
    match wanted:
        case None | "auto":
            return defined, AUTO
        case "none":
            return defined, NoTools()
        case "required":
            _check_offered((), defined, "tool_choice")
            return defined, AnyTool()
        case NamedFunction() | NamedCustom() | AllowedChoice():
            decoded = _decode_choice(wanted)
            names = (decoded.name,) if isinstance(decoded, NamedTool) else decoded.names
            _check_offered(names, defined, "tool_choice")
            return defined, decoded
        case _:
            assert_never(wanted)


def decode_functions(
    functions: Raw | None, call: Raw | None, ignored: dict[str, None]
) -> tuple[tuple[CallableTool, ...], ToolChoice]:
    """Return the tools and the choice that `functions` and `function_call` stand for.

    Raises:
        InvalidRequest: as for `decode_tools`.
    """
    shapes = (
        decode_noting(_FUNCTIONS, functions, "functions", ignored)
        if functions is not None
        else None
    )
    defined = tuple(_decode_function(shape) for shape in shapes or ())
    wanted = (
        decode_noting(_FUNCTION_CALL, call, "function_call", ignored) if call is not None else None
    )
    match wanted:
        case None | "auto":
            return defined, AUTO
        case "none":
            return defined, NoTools()
        case Named(name):
            _check_offered((name,), defined, "function_call")
            return defined, NamedTool(name)
        case _:
            assert_never(wanted)


def _decode_tool(shape: ToolShape) -> CallableTool:
    match shape:
        case FunctionToolShape(function):
            return _decode_function(function)
        case CustomToolShape(custom):
            grammar = None
            if isinstance(custom.format, GrammarFormat):
                grammar = Grammar(custom.format.grammar.syntax, custom.format.grammar.definition)
            return CustomTool(custom.name, custom.description, grammar)
        case _:
            assert_never(shape)


def _decode_function(shape: FunctionShape) -> FunctionTool:
    return FunctionTool(shape.name, shape.description, shape.parameters, shape.strict)


def _decode_choice(shape: ChoiceShape) -> NamedTool | AllowedTools:
    match shape:
        case NamedFunction(function):
            return NamedTool(function.name)
        case NamedCustom(custom):
            return NamedTool(custom.name)
        case AllowedChoice(allowed):
            names = tuple(
                tool.function.name if isinstance(tool, NamedFunction) else tool.custom.name
                for tool in allowed.tools
            )
            return AllowedTools(names, allowed.mode == "required")
        case _:
            assert_never(shape)


def _check_offered(
    names: Sequence[str],
    defined: Sequence[CallableTool],
    param: Literal["tool_choice", "function_call"],
) -> None:
    offered = {tool.name for tool in defined}
    if not offered:
        raise InvalidRequest(f"'{param}' is only allowed when tools are given.", param=param)
    for name in names:
        if name not in offered:
            raise InvalidRequest(f"'{param}' names {name[:200]!r}, which is no tool.", param=param)
