"""Tools a model may call, and how freely it may choose among them."""

from dataclasses import dataclass
from typing import Literal, TypeAlias

from .caching import CacheMark
from .dialect import Dialect
from .json_values import JsonObject


@dataclass(frozen=True, slots=True)
class FunctionTool:
    """A function; `parameters` is JSON Schema, None for a function without arguments.

    `extras` are members of the caller's dialect that have no name here; they go to targets of
    that dialect and to no other.
    """

    name: str
    description: str | None = None
    parameters: JsonObject | None = None
    strict: bool | None = None
    cache: CacheMark | None = None
    extras: JsonObject | None = None


@dataclass(frozen=True, slots=True)
class Grammar:
    syntax: Literal["lark", "regex"]
    definition: str


@dataclass(frozen=True, slots=True)
class CustomTool:
    """A tool that takes free text, or text of a grammar."""

    name: str
    description: str | None = None
    grammar: Grammar | None = None


CallableTool: TypeAlias = FunctionTool | CustomTool
"""What the caller runs: all that targets know which do not speak the Responses API."""


@dataclass(frozen=True, slots=True)
class ToolNamespace:
    """Tools under a name of their own; a call of one carries the namespace."""

    name: str
    tools: tuple[CallableTool, ...]
    description: str | None = None


@dataclass(frozen=True, slots=True)
class HostedTool:
    """A tool that the vendor runs (`web_search`, `mcp`, ...); `value` is its whole definition.

    `dialect` is the language whose vendors know it.
    """

    type: str
    value: JsonObject
    dialect: Dialect = Dialect.RESPONSES


@dataclass(frozen=True, slots=True)
class BuiltinTool:
    """A tool whose form the vendor's models know by `type`, and which the caller runs.

    Messages has them (`bash_20250124`); `value` is the whole definition. A model calls it by
    `name`, as it would a function.
    """

    type: str
    name: str
    value: JsonObject
    dialect: Dialect = Dialect.MESSAGES


ToolDefinition: TypeAlias = CallableTool | ToolNamespace | HostedTool | BuiltinTool


@dataclass(frozen=True, slots=True)
class AutoChoice:
    """The model decides."""


@dataclass(frozen=True, slots=True)
class NoTools:
    """The model sees the tools and calls none."""


@dataclass(frozen=True, slots=True)
class AnyTool:
    """The model must call at least one."""


@dataclass(frozen=True, slots=True)
class NamedTool:
    """The model must call this one."""

    name: str


@dataclass(frozen=True, slots=True)
class HostedChoice:
    """The model must call this hosted tool; `value` is the whole choice."""

    type: str
    value: JsonObject


@dataclass(frozen=True, slots=True)
class AllowedTools:
    """The model may (or with `required` must) call, but only one of `names`.

    A hosted tool is named by its type.
    """

    names: tuple[str, ...]
    required: bool = False


ToolChoice: TypeAlias = AutoChoice | NoTools | AnyTool | NamedTool | HostedChoice | AllowedTools
AUTO = AutoChoice()
