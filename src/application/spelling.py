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
_SPELLINGS: Mapping[Dialect, Mapping[str, str]] = {Dialect.RESPONSES: _RESPONSES}
_HEAD = re.compile(r"[^.\[]*")
_NESTED_TOOL = re.compile(r"(tools\[\d+\])\.(?:function|custom)\b")


def spelled(param: str, dialect: Dialect) -> str:
    """Return `param` as `dialect` spells it; what was spelled so already stays as it is."""
    spelling = _SPELLINGS.get(dialect)
    if spelling is None:
        return param
    named = _HEAD.sub(lambda head: spelling.get(head[0], head[0]), param, count=1)
    return _NESTED_TOOL.sub(r"\1", named)


def respell(error: InvalidRequest | UnsupportedFeature, dialect: Dialect) -> None:
    """Have `error` name its member as `dialect` spells it."""
    if error.param is not None:
        error.param = spelled(error.param, dialect)
