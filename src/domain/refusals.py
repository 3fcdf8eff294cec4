"""How a language refuses what it has no word for: the same sentence from each of them.

Whatever may be left out or said otherwise was so before; here nothing is dropped in silence.
"""

from collections.abc import Iterable

from .conversation import (
    Compaction,
    FileReference,
    FileUrl,
    ImageReference,
    OpaqueItem,
    OpaquePart,
    ToolCall,
    ToolResult,
)
from .errors import UnsupportedFeature
from .tools import (
    BuiltinTool,
    CallableTool,
    CustomTool,
    FunctionTool,
    HostedChoice,
    HostedTool,
    ToolDefinition,
    ToolNamespace,
)


def refused_item(item: OpaqueItem | Compaction) -> UnsupportedFeature:
    """Return the refusal of an item that only a server of the Responses API understands."""
    kind = item.type if isinstance(item, OpaqueItem) else "compaction"
    return UnsupportedFeature(
        f"The model cannot be given an item of type {kind[:100]!r}.", param="messages"
    )


def refused_part(
    part: ImageReference | FileReference | FileUrl | OpaquePart,
) -> UnsupportedFeature:
    """Return the refusal of a part that only another vendor could look up."""
    match part:
        case ImageReference() | FileReference():
            what = "knows no file ids"
        case FileUrl():
            what = "takes no files by URL"
        case OpaquePart():
            what = f"cannot be given content of type {part.type[:100]!r}"
    return UnsupportedFeature(f"The model {what}.", param="messages")


def refused_instruction() -> UnsupportedFeature:
    """Return the refusal of a system message where the language has no place for one."""
    return UnsupportedFeature("The model takes no system messages there.", param="messages")


def refuse_failure(result: ToolResult) -> None:
    """Raise if `result` is marked as that of a call that failed: for languages without a mark."""
    if result.is_error:
        raise UnsupportedFeature("The model knows no failed tool calls.", param="messages")


def refuse_free_text(call: ToolCall) -> None:
    """Raise if `call` is one of a custom tool: for languages that know functions alone."""
    if call.kind == "custom":
        raise UnsupportedFeature("The model knows no calls of custom tools.", param="messages")


def refused_tool(
    tool: CustomTool | ToolNamespace | HostedTool | BuiltinTool, place: int
) -> UnsupportedFeature:
    """Return the refusal of tool number `place`, for which there is no word."""
    match tool:
        case CustomTool():
            kind = "custom"
        case ToolNamespace():
            kind = "namespace"
        case HostedTool() | BuiltinTool():
            kind = tool.type
    return UnsupportedFeature(
        f"The model cannot be given a tool of type {kind[:100]!r}.", param=f"tools[{place}].type"
    )


def refused_choice(choice: HostedChoice) -> UnsupportedFeature:
    """Return the refusal of a choice of a tool that the vendor would have to run."""
    return UnsupportedFeature(
        f"The model has no tool of type {choice.type[:100]!r} to call.", param="tool_choice"
    )


def callable_tools(tools: Iterable[ToolDefinition]) -> tuple[CallableTool, ...]:
    """Return `tools` for a language that knows only what the caller runs.

    Raises:
        UnsupportedFeature: there is one among them that the language has no word for.
    """
    callables: list[CallableTool] = []
    for place, tool in enumerate(tools):
        if not isinstance(tool, FunctionTool | CustomTool):
            raise refused_tool(tool, place)
        callables.append(tool)
    return tuple(callables)


def function_tools(tools: Iterable[ToolDefinition]) -> tuple[FunctionTool, ...]:
    """Return `tools` for a language that knows functions alone; raises as `callable_tools`."""
    functions: list[FunctionTool] = []
    for place, tool in enumerate(tools):
        if not isinstance(tool, FunctionTool):
            raise refused_tool(tool, place)
        functions.append(tool)
    return tuple(functions)
