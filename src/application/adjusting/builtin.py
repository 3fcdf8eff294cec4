"""Tools that Claude's models know by type, as functions for models that do not.

Source: Anthropic's reference of the bash, text editor and memory tools, 2025 and 2026. What the
caller runs is the same: only the schema has to be said.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from ...domain.json_values import JsonObject, JsonValue
from ...domain.refusals import refused_tool
from ...domain.tools import BuiltinTool, FunctionTool, ToolDefinition
from .fitting import Fitting

_VERSION = re.compile(r"_\d{8}$")
_TEXT: JsonObject = {"type": "string"}
_LINES: JsonObject = {
    "type": "array",
    "items": {"type": "integer"},
    "description": "First and last line to view, counted from 1; -1 is the end of the file.",
}


@dataclass(frozen=True, slots=True)
class _Known:
    description: str
    properties: Mapping[str, JsonValue]
    required: Sequence[str] = ()


def _commands(*names: str) -> JsonObject:
    return {"type": "string", "enum": [*names]}


_EDITOR = _Known(
    "Views and edits text files. `view` shows a file or lists a directory; `create` writes a file "
    "with `file_text`; `str_replace` replaces the one place where `old_str` stands with "
    "`new_str`; `insert` puts text behind line `insert_line`.",
    {
        "command": _commands("view", "create", "str_replace", "insert"),
        "path": {"type": "string", "description": "Absolute path of the file or directory."},
        "view_range": _LINES,
        "file_text": _TEXT,
        "old_str": _TEXT,
        "new_str": _TEXT,
        "insert_line": {"type": "integer", "description": "0 puts it before the first line."},
        "insert_text": _TEXT,
    },
    ("command", "path"),
)
# The first versions could take an edit back, and called what `insert` puts there `new_str`.
_OLD_EDITOR = _Known(
    f"{_EDITOR.description} That text is `new_str`. `undo_edit` takes the last edit of a file "
    "back.",
    {
        **{name: kind for name, kind in _EDITOR.properties.items() if name != "insert_text"},
        "command": _commands("view", "create", "str_replace", "insert", "undo_edit"),
    },
    _EDITOR.required,
)
_OLD_EDITORS = frozenset({"text_editor_20241022", "text_editor_20250124"})
_KNOWN: Mapping[str, _Known] = {
    "bash": _Known(
        "Runs a command in a bash session that lives on between calls, and gives back its output. "
        "`restart` begins a new session.",
        {"command": _TEXT, "restart": {"type": "boolean"}},
    ),
    "text_editor": _EDITOR,
    "memory": _Known(
        "Keeps notes as files under /memories across conversations: look there first. `view` "
        "shows a file or lists a directory; `create` writes `file_text`; `str_replace` replaces "
        "`old_str` with `new_str`; `insert` puts `insert_text` behind line `insert_line`; "
        "`delete` removes `path`; `rename` moves `old_path` to `new_path`.",
        {
            "command": _commands("view", "create", "str_replace", "insert", "delete", "rename"),
            "path": _TEXT,
            "view_range": _LINES,
            "file_text": _TEXT,
            "old_str": _TEXT,
            "new_str": _TEXT,
            "insert_line": {"type": "integer"},
            "insert_text": _TEXT,
            "old_path": _TEXT,
            "new_path": _TEXT,
        },
        ("command",),
    ),
}


def fit_builtin_tools(fit: Fitting) -> None:
    """Say what is known of them as functions, and refuse the others by name."""
    if BuiltinTool not in fit.kinds:
        return
    outward = fit.outward
    foreign = [
        place
        for place, tool in enumerate(fit.content.tools)
        if isinstance(tool, BuiltinTool) and tool.dialect is not outward
    ]
    if not foreign:
        return
    tools: list[ToolDefinition] = list(fit.content.tools)
    for place in foreign:
        tool = tools[place]
        if isinstance(tool, BuiltinTool):
            tools[place] = _function(tool, place)
            kind = repr(tool.type[:100])
            fit.tell(f"tools[{place}].type", "emulated", f"{kind} is told as a function")
    fit.content = replace(fit.content, tools=tuple(tools))


def _function(tool: BuiltinTool, place: int) -> FunctionTool:
    family = _VERSION.sub("", tool.type)
    known = _OLD_EDITOR if tool.type in _OLD_EDITORS else _KNOWN.get(family)
    if known is None:
        raise refused_tool(tool, place)
    parameters: JsonObject = {
        "type": "object",
        "properties": dict(known.properties),
        "required": [*known.required],
    }
    return FunctionTool(tool.name, known.description, parameters)
