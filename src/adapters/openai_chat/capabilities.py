"""What OpenAI's languages can say, and what OpenAI's own models refuse of it.

Source: OpenAI's model pages and guides on reasoning and function calling, November 2026.
"""

from dataclasses import replace
from typing import Final

from ...domain.capabilities import ALL_SAMPLING, Capabilities, CapabilityRule
from ...domain.dialect import Dialect

BASE: Final = Capabilities(
    dialects=frozenset({Dialect.CHAT_COMPLETIONS, Dialect.COMPLETIONS, Dialect.EMBEDDINGS}),
    cache_marks=True,
)
WITH_RESPONSES: Final = BASE.dialects | {Dialect.RESPONSES}
# Servers of open models run no tools of their own, and know functions alone.
FUNCTIONS_ALONE: Final = replace(
    BASE, custom_tools=False, hosted_tools=False, tool_namespaces=False, cache_marks=False
)

# Reasoning models take no sampling and no stop sequences unless their effort is `none`.
_REASONING = {
    "restrictions": True,
    "sampling": ["seed", "n"],
    "max_stop": 4,
}
# gpt-5.6 and gpt-6 take functions on chat completions only with the effort `none`; on Responses
# they want their thoughts back with the results.
_RESPONSES_ONLY = {"tools_only_on_responses": True, "proofs": "openai"}
_PLAIN = {
    "restrictions": False,
    "sampling": sorted(ALL_SAMPLING),
    "tools_only_on_responses": False,
    "proofs": None,
}

RULES: Final = (
    *(CapabilityRule(pattern, _REASONING) for pattern in ("o1*", "o3*", "o4*", "gpt-5*", "gpt-6*")),
    *(CapabilityRule(pattern, _RESPONSES_ONLY) for pattern in ("gpt-5.6*", "gpt-6*")),
    CapabilityRule("gpt-5*chat*", _PLAIN),
)
