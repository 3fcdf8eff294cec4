"""The form of the output, and the schemas a target does not take."""

from dataclasses import replace

from ...domain.capabilities import Capabilities, SchemaForm, Structured
from ...domain.json_values import JsonObject
from ...domain.request import (
    PLAIN_TEXT,
    JsonText,
    PlainText,
    SchemaText,
)
from ...domain.tools import (
    FunctionTool,
    NamedTool,
    ToolDefinition,
)
from ..instructions import for_json, for_schema
from ..schemas import at_top, rewritten, sayable, without_keywords
from .fitting import Fitting, each
from .form import holds_itself


def fit_output_format(fit: Fitting) -> None:
    wanted, can = fit.content.output_format, fit.can
    if isinstance(wanted, PlainText):
        return
    with_tools = bool(fit.content.tools) and not can.structured_with_tools
    if isinstance(wanted, SchemaText):
        if holds_itself(fit.content, can):
            return
        if fit.answer_tool is not None:
            fit.content = replace(
                fit.content,
                tools=(fit.answer_tool,),
                tool_choice=NamedTool(fit.answer_tool.name),
                parallel_tool_calls=None,
                output_format=PLAIN_TEXT,
            )
            fit.tell("response_format", "emulated", "the answer is the call of a tool")
            return
        fit.instruct(for_schema(wanted))
        # The mode is one of objects.
        fits_mode = at_top(wanted.schema).get("type", "object") == "object"
        has_mode = can.structured is not Structured.NONE and can.json_object and not with_tools
        if has_mode and fits_mode:
            fit.content = replace(fit.content, output_format=JsonText())
        else:
            fit.content = replace(fit.content, output_format=PLAIN_TEXT)
        fit.tell("response_format", "emulated", "the schema is an instruction, not a guarantee")
    elif not can.json_object or can.structured is Structured.NONE or with_tools:
        fit.instruct(for_json())
        fit.content = replace(fit.content, output_format=PLAIN_TEXT)
        fit.tell("response_format", "emulated", "JSON is an instruction, not a guarantee")


def fit_schemas(fit: Fitting) -> None:
    """Say schemas in the forms and keywords that the target takes; what is lost of them is told."""
    can = fit.can
    if not (can.refused_schema_keywords or can.said_otherwise):
        return
    if not fit.content.tools and isinstance(fit.content.output_format, PlainText):
        return
    _fit_strictness(fit)
    losses = _Losses()
    tools = each(fit.content.tools, lambda tool: _simpler(tool, can, losses))
    if tools is not fit.content.tools:
        fit.content = replace(fit.content, tools=tools)
        losses.tell(fit, "tools.parameters")
    wanted = fit.content.output_format
    if isinstance(wanted, SchemaText):
        losses = _Losses()
        schema = _fitted(
            wanted.schema, can.said_otherwise, can.refused_schema_keywords, losses,
            "response_format",
        )  # fmt: skip
        if schema != wanted.schema:
            fit.content = replace(fit.content, output_format=replace(wanted, schema=schema))
        losses.tell(fit, "response_format.schema")


def _fit_strictness(fit: Fitting) -> None:
    """A tool cannot be held to a schema that the target has no form for."""
    forms = fit.can.said_otherwise - {SchemaForm.ROOT}  # of tools it is an object's anyway

    def relaxed(tool: ToolDefinition) -> ToolDefinition:
        if isinstance(tool, FunctionTool) and tool.strict and tool.parameters is not None:
            return tool if sayable(tool.parameters, forms) else replace(tool, strict=None)
        return tool

    tools = each(fit.content.tools, relaxed)
    if tools is not fit.content.tools:
        fit.content = replace(fit.content, tools=tools)
        fit.tell("tools.strict", "dropped", "the model cannot be held to such a schema")


class _Losses:
    """What schemas lose: keywords that were left out, and forms that became weaker ones."""

    __slots__ = ("dropped", "weaker")

    def __init__(self) -> None:
        self.dropped: set[str] = set()
        self.weaker: set[str] = set()

    def tell(self, fit: Fitting, param: str) -> None:
        if self.dropped:
            fit.tell(param, "dropped", f"schema keywords {', '.join(sorted(self.dropped))}")
        if self.weaker:
            fit.tell(param, "weakened", f"the schema holds less: {', '.join(sorted(self.weaker))}")


def _fitted(
    schema: JsonObject,
    forms: frozenset[SchemaForm],
    refused: frozenset[str],
    losses: _Losses,
    param: str,
) -> JsonObject:
    if forms:
        said = rewritten(schema, forms, param=param)
        schema = said.schema
        losses.weaker.update(said.lost)
    return without_keywords(schema, refused, losses.dropped) if refused else schema


def _simpler(tool: ToolDefinition, can: Capabilities, losses: _Losses) -> ToolDefinition:
    if not isinstance(tool, FunctionTool) or tool.parameters is None:
        return tool
    if not (tool.strict or can.all_tools_alike):
        return tool
    forms, refused = can.said_otherwise, can.refused_schema_keywords
    schema = _fitted(tool.parameters, forms, refused, losses, "tools")
    return tool if schema == tool.parameters else replace(tool, parameters=schema)
