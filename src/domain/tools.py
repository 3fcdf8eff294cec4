"""Tools a model may call, and how freely it may choose among them."""

from dataclasses import dataclass
from typing import Literal, TypeAlias

from .json_values import JsonObject


@dataclass(frozen=True, slots=True)
class FunctionTool:
    """A function; `parameters` is JSON Schema, None for a function without arguments."""

    name: str
    description: str | None = None
    parameters: JsonObject | None = None
    strict: bool | None = None


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


ToolDefinition: TypeAlias = FunctionTool | CustomTool


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
class AllowedTools:
    """The model may (or with `required` must) call, but only one of `names`."""

    names: tuple[str, ...]
    required: bool = False


ToolChoice: TypeAlias = AutoChoice | NoTools | AnyTool | NamedTool | AllowedTools
AUTO = AutoChoice()
