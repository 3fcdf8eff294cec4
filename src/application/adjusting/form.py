"""How a target is held to a schema: by itself, by a forced call, or by words."""

from ...domain.capabilities import Capabilities, Structured
from ...domain.request import Generation, SchemaText
from ...domain.tools import FunctionTool
from ..schemas import at_top, sayable
from .tools import forbids_forcing

ANSWER_TOOL = "give_answer"
_PURPOSE = "Gives the answer. Call it once, with the whole answer as its arguments."


def holds_itself(content: Generation, can: Capabilities) -> bool:
    """Whether the target has a word for the schema that `content` wants answers to fit."""
    wanted = content.output_format
    if not isinstance(wanted, SchemaText) or can.structured is not Structured.JSON_SCHEMA:
        return False
    if content.tools and not can.structured_with_tools:
        return False
    return sayable(wanted.schema, can.said_otherwise)


def answer_tool(content: Generation, can: Capabilities) -> FunctionTool | None:
    """Return the tool whose call is the answer to `content`; None where there is another way.

    Decided by what the caller asked, so that the way back finds what the way out had.
    """
    wanted = content.output_format
    if not isinstance(wanted, SchemaText) or holds_itself(content, can):
        return None
    if content.tools or not can.tools or not can.forced_tool_choice or can.tools_only_on_responses:
        return None
    schema = at_top(wanted.schema)
    if forbids_forcing(content, can) or schema.get("type") != "object":
        return None
    told = f"{_PURPOSE} {wanted.description}" if wanted.description else _PURPOSE
    held = can.strict_tools and sayable(schema, can.said_otherwise)
    return FunctionTool(ANSWER_TOOL, told, schema, wanted.strict if held else None)
