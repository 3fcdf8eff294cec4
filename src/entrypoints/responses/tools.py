"""Tools and the choice among them.

Tools that a vendor runs are kept whole: whether the target can is decided later.
"""

from collections.abc import Iterable
from typing import Any, Literal, assert_never

from msgspec import Raw
from msgspec.json import Decoder

from ...domain.errors import InvalidRequest
from ...domain.json_values import JsonObject
from ...domain.tools import (
    AUTO,
    AllowedTools,
    AnyTool,
    BuiltinTool,
    CallableTool,
    CustomTool,
    FunctionTool,
    Grammar,
    HostedChoice,
    HostedTool,
    NamedTool,
    NoTools,
    ToolChoice,
    ToolDefinition,
    ToolNamespace,
)
from ..members import decode_member, missing
from ..noting import decode_noting
from .wire import (
    MAX_TOOLS,
    AllowedShape,
    AllowedTool,
    CustomShape,
    FunctionShape,
    GrammarFormat,
    Kind,
    Named,
    NamespaceShape,
)

_TOOLS: "Decoder[list[Raw] | None]" = Decoder(list[Raw] | None)
_KIND = Decoder(Kind)
_FUNCTION = Decoder(FunctionShape)
_CUSTOM = Decoder(CustomShape)
_NAMESPACE = Decoder(NamespaceShape)
_MEMBERS = Decoder(dict[str, Raw])
_OBJECT = Decoder(dict[str, Any])  # Any: a definition that is not looked into
_CHOICE = Decoder(Literal["none", "auto", "required"] | Kind | None)
_NAMED = Decoder(Named)
_ALLOWED = Decoder(AllowedShape)


def decode_tools(raw: Raw, param: str, ignored: dict[str, None]) -> tuple[ToolDefinition, ...]:
    """Return the tools at `param`.

    Raises:
        InvalidRequest: one of them is not well said.
    """
    return tuple(
        [
            _decode_tool(text, f"{param}[{number}]", ignored)
            for number, text in enumerate(_list(raw, param))
        ]
    )


def decode_choice(
    raw: Raw, tools: Iterable[ToolDefinition], ignored: dict[str, None]
) -> ToolChoice:
    """Return the choice among `tools`.

    Raises:
        InvalidRequest: it is not well said, or names a tool that is not there.
    """
    wanted = decode_member(_CHOICE, raw, "tool_choice")
    offered = _Offered(tools)
    match wanted:
        case None | "auto":
            return AUTO
        case "none":
            return NoTools()
        case "required":
            offered.check_any()
            return AnyTool()
        case Kind(type="function" | "custom"):
            named = decode_noting(_NAMED, raw, "tool_choice", ignored)
            offered.check(named.name, "tool_choice.name")
            return NamedTool(named.name)
        case Kind(type="allowed_tools"):
            allowed = decode_noting(_ALLOWED, raw, "tool_choice", ignored)
            names = [
                offered.name_of(tool, f"tool_choice.tools[{number}]")
                for number, tool in enumerate(allowed.tools)
            ]
            return AllowedTools(tuple(names), allowed.mode == "required")
        case Kind(type=str(kind)):
            offered.check_hosted(kind, "tool_choice.type")
            return HostedChoice(kind, decode_member(_OBJECT, raw, "tool_choice"))
        case Kind():
            raise missing("tool_choice.type")
        case _:
            assert_never(wanted)


class _Offered:
    """What a choice may name."""

    __slots__ = ("_hosted", "_names", "_namespaces")

    def __init__(self, tools: Iterable[ToolDefinition]) -> None:
        self._names: set[str] = set()
        self._namespaces: set[str] = set()
        self._hosted = False
        for tool in tools:
            match tool:
                case FunctionTool() | CustomTool():
                    self._names.add(tool.name)
                case ToolNamespace():
                    self._namespaces.add(tool.name)
                    self._names.update(inner.name for inner in tool.tools)
                case HostedTool():
                    self._hosted = True
                case BuiltinTool():
                    raise AssertionError("not of this dialect")
                case _:
                    assert_never(tool)

    def check_any(self) -> None:
        if not self._names and not self._hosted:
            raise InvalidRequest(
                "'tool_choice' is only allowed when tools are given.", param="tool_choice"
            )

    def check(self, name: str, param: str) -> None:
        self.check_any()
        if name not in self._names:
            raise _no_tool(name, param)

    def check_hosted(self, kind: str, param: str) -> None:
        # Hosted tools go by several names (`web_search_preview`, `computer_use_preview`): which
        # of them is meant is for the vendor to say.
        self.check_any()
        if not self._hosted:
            raise _no_tool(kind, param)

    def name_of(self, tool: AllowedTool, param: str) -> str:
        """Return what the tool is called by in `AllowedTools`."""
        if tool.type not in ("function", "custom", "namespace"):
            self.check_hosted(tool.type, f"{param}.type")
            return tool.type
        if tool.name is None:
            raise missing(f"{param}.name")
        if tool.type != "namespace":
            self.check(tool.name, f"{param}.name")
        elif tool.name not in self._namespaces:
            raise _no_tool(tool.name, f"{param}.name")
        return tool.name


def _decode_tool(raw: Raw, param: str, ignored: dict[str, None]) -> ToolDefinition:
    match _kind(raw, param):
        case "function":
            return _decode_function(raw, param, ignored)
        case "custom":
            return _decode_custom(raw, param, ignored)
        case "namespace":
            return _decode_namespace(raw, param, ignored)
        case kind:
            return HostedTool(kind, decode_member(_OBJECT, raw, param))


def _decode_namespace(raw: Raw, param: str, ignored: dict[str, None]) -> ToolNamespace:
    shape = decode_member(_NAMESPACE, raw, param)
    tools: list[CallableTool] = []
    for number, text in enumerate(_list(shape.tools, f"{param}.tools")):
        place = f"{param}.tools[{number}]"
        match _kind(text, place):
            case "function":
                tools.append(_decode_function(text, place, ignored))
            case "custom":
                tools.append(_decode_custom(text, place, ignored))
            case kind:
                raise InvalidRequest(
                    f"A namespace holds tools of type 'function' and 'custom', not {kind!r}.",
                    param=f"{place}.type",
                )
    return ToolNamespace(shape.name, tuple(tools), shape.description)


def _decode_function(raw: Raw, param: str, ignored: dict[str, None]) -> FunctionTool:
    try:
        shape = decode_noting(_FUNCTION, raw, param, ignored)
    except InvalidRequest as error:
        raise _hinted(error, raw, param, "function") from None
    extras: JsonObject = {}
    if shape.allowed_callers is not None:
        extras["allowed_callers"] = list(shape.allowed_callers)
    if shape.defer_loading is not None:
        extras["defer_loading"] = shape.defer_loading
    if shape.output_schema is not None:
        extras["output_schema"] = shape.output_schema
    return FunctionTool(
        shape.name, shape.description, shape.parameters, shape.strict, extras=extras or None
    )


def _decode_custom(raw: Raw, param: str, ignored: dict[str, None]) -> CustomTool:
    try:
        shape = decode_noting(_CUSTOM, raw, param, ignored)
    except InvalidRequest as error:
        raise _hinted(error, raw, param, "custom") from None
    grammar = None
    if isinstance(shape.format, GrammarFormat):
        grammar = Grammar(shape.format.syntax, shape.format.definition)
    return CustomTool(shape.name, shape.description, grammar)


def _hinted(error: InvalidRequest, raw: Raw, param: str, nest: str) -> InvalidRequest:
    """Return `error`, or a better word for who writes tools as chat completions has them."""
    if error.param != f"{param}.name" or nest not in decode_member(_MEMBERS, raw, param):
        return error
    return InvalidRequest(
        f"Missing required parameter: '{param}.name'. In the Responses API the members of a tool "
        f"stand beside its 'type', not inside '{nest}'.",
        param=f"{param}.name",
        reason="missing_required_parameter",
    )


def _list(raw: Raw, param: str) -> list[Raw]:
    tools = decode_member(_TOOLS, raw, param)
    if tools is None:
        return []
    if len(tools) > MAX_TOOLS:
        raise InvalidRequest(
            f"'{param}' may hold {MAX_TOOLS} tools; these are {len(tools)}.",
            param=param,
            reason="array_above_max_length",
        )
    return tools


def _kind(raw: Raw, param: str) -> str:
    kind = decode_member(_KIND, raw, param).type
    if kind is None:
        raise missing(f"{param}.type")
    return kind


def _no_tool(name: str, param: str) -> InvalidRequest:
    return InvalidRequest(f"'{param}' names {name[:200]!r}, which is no tool.", param=param)
