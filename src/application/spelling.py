"""Names of request members as each dialect spells them.

The middle of the house says them as chat completions does; who asked in another dialect is told
in that one.
"""

import re
from collections.abc import Mapping

from ..domain.dialect import Dialect
from ..domain.errors import InvalidRequest, UnsupportedFeature

_RESPONSES: Mapping[str, str] = {
    "messages": "input",
    "response_format": "text.format",
    "max_completion_tokens": "max_output_tokens",
    "reasoning_effort": "reasoning.effort",
    "reasoning_summary": "reasoning.summary",
    "verbosity": "text.verbosity",
    "logprobs": "top_logprobs",
}
_MESSAGES: Mapping[str, str] = {
    "input": "messages",
    "instructions": "system",
    "max_completion_tokens": "max_tokens",
    "stop": "stop_sequences",
    "response_format": "output_config.format",
    "reasoning_effort": "output_config.effort",
    "reasoning_summary": "thinking.display",
    "user": "metadata.user_id",
    "prompt_cache_breakpoint": "cache_control",
    "parallel_tool_calls": "tool_choice.disable_parallel_tool_use",
}
_SPELLINGS: Mapping[Dialect, Mapping[str, str]] = {
    Dialect.RESPONSES: _RESPONSES,
    Dialect.MESSAGES: _MESSAGES,
}
_HEAD = re.compile(r"[^.\[]*")
_NESTED_TOOL = re.compile(r"(tools\[\d+\])\.(?:function|custom)\b")
_PARAMETERS = re.compile(r"(tools\[\d+\])\.parameters\b")
_SCHEMA = re.compile(r"^(output_config\.format)\.json_schema\b")
_INDEX = re.compile(r"\[(\d+)\]")


def spelled(param: str, dialect: Dialect) -> str:
    """Return `param` as `dialect` spells it; what was spelled so already stays as it is."""
    spelling = _SPELLINGS.get(dialect)
    if spelling is None:
        return param
    named = _HEAD.sub(lambda head: spelling.get(head[0], head[0]), param, count=1)
    named = _NESTED_TOOL.sub(r"\1", named)
    if dialect is Dialect.MESSAGES:
        named = _SCHEMA.sub(r"\1", _PARAMETERS.sub(r"\1.input_schema", named))
        named = _INDEX.sub(r".\1", named)
    return named


def respell(error: InvalidRequest | UnsupportedFeature, dialect: Dialect) -> None:
    """Have `error` name its member as `dialect` spells it."""
    if error.param is not None:
        error.param = spelled(error.param, dialect)
