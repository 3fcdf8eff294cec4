"""The form of the output, and the schemas a target does not take."""

from dataclasses import replace

from ...domain.capabilities import Capabilities, Structured
from ...domain.request import (
    PLAIN_TEXT,
    JsonText,
    PlainText,
    SchemaText,
)
from ...domain.tools import (
    FunctionTool,
    ToolDefinition,
)
from ..instructions import for_json, for_schema
from ..schemas import without_keywords
from .fitting import Fitting


def fit_output_format(fit: Fitting) -> None:
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


def fit_schemas(fit: Fitting) -> None:
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
