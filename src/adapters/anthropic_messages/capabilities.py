"""What Claude's models can do. Source: platform documentation, model pages, November 2026.

The record stands for the newest models and the rules for what earlier ones do otherwise, so that
a name we do not know yet is treated as new.
"""

from dataclasses import replace

from ...domain.capabilities import (
    Capabilities,
    CapabilityRule,
    ImageInput,
    SchemaForm,
    Structured,
    Thinking,
)
from ...domain.conversation import Vendor
from ...domain.dialect import Dialect
from ...domain.effort import Effort

_UP_TO_HIGH = frozenset({Effort.LOW, Effort.MEDIUM, Effort.HIGH})
_ALL_LEVELS = _UP_TO_HIGH | {Effort.XHIGH, Effort.MAX}
_FREE_SAMPLING = frozenset({"temperature", "top_p", "top_k", "stop"})

DIRECT_BASE = Capabilities(
    dialects=frozenset({Dialect.MESSAGES}),
    restrictions=True,
    custom_tools=False,
    json_object=False,
    thinking=Thinking.EFFORT,
    thinking_off=False,
    effort_levels=_ALL_LEVELS,
    sampling=frozenset({"stop"}),
    max_temperature=1.0,
    prefill=False,
    image_input=ImageInput.URL,
    audio_input=False,
    blank_stop=False,
    message_names=False,
    service_tiers=frozenset({"auto", "default", "standard_only"}),
    metadata=False,
    verbosity=False,
    max_output_tokens=128_000,
    default_output_tokens=32_000,
    refused_schema_keywords=frozenset(
        {
            "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf",
            "minLength", "maxLength", "minItems", "maxItems", "uniqueItems", "contains",
            "minContains", "maxContains", "minProperties", "maxProperties", "patternProperties",
            "propertyNames", "dependentRequired", "dependentSchemas", "unevaluatedItems",
            "unevaluatedProperties", "if", "then", "else", "not",
        }
    ),
    # Lists of types and references are taken as they are.
    said_otherwise=frozenset(
        {
            SchemaForm.ONE_OF, SchemaForm.ALL_OF, SchemaForm.TUPLES, SchemaForm.OPEN_OBJECTS,
            SchemaForm.RECURSION,
        }
    ),
    proofs=Vendor.ANTHROPIC,
    file_urls=True,
    document_notes=True,
    result_media=True,
    failed_results=True,
    cache_marks=True,
    tool_names=r"[a-zA-Z0-9_-]{1,128}",
    field_names=r"[a-zA-Z0-9_.-]{1,64}",
)  # fmt: skip

_SHORT_NAMES = r"[a-zA-Z0-9_-]{1,64}"
_CLAUDE_4: dict[str, object] = {
    "thinking": Thinking.BUDGET,
    "thinking_off": True,
    "effort_levels": frozenset[Effort](),
    "sampling": _FREE_SAMPLING,
    "prefill": True,
    "structured": Structured.NONE,
    "strict_tools": False,
    "max_output_tokens": 32_000,
    "default_output_tokens": 16_000,
    "system_turns": False,
    "tool_names": _SHORT_NAMES,
}
_CLAUDE_4_5: dict[str, object] = {
    **_CLAUDE_4,
    "structured": Structured.JSON_SCHEMA,
    "strict_tools": True,
    "max_output_tokens": 64_000,
}

RULES: tuple[CapabilityRule, ...] = (
    CapabilityRule(
        "claude-3*",
        {
            **_CLAUDE_4,
            "thinking": Thinking.NONE,
            "max_output_tokens": 8192,
            "default_output_tokens": 4096,
            "proofs": None,
        },
    ),
    CapabilityRule(
        "claude-3-7*",
        {
            "thinking": Thinking.BUDGET,
            "max_output_tokens": 64_000,
            "default_output_tokens": 16_000,
            "proofs": Vendor.ANTHROPIC,
        },
    ),
    *(CapabilityRule(f"claude-{line}-4*", _CLAUDE_4) for line in ("opus", "sonnet", "haiku")),
    CapabilityRule("claude-*-4-5*", _CLAUDE_4_5),
    CapabilityRule(
        "claude-*-4-6*",
        {
            "thinking": Thinking.ADAPTIVE,
            "thinking_off": True,
            "takes_budgets": True,
            "effort_levels": _UP_TO_HIGH | {Effort.MAX},
            "sampling": _FREE_SAMPLING,
            "prefill": False,
            "structured": Structured.JSON_SCHEMA,
            "strict_tools": True,
            "max_output_tokens": 64_000,
            "default_output_tokens": 32_000,
            "tool_names": DIRECT_BASE.tool_names,
        },
    ),
    *(
        CapabilityRule(
            f"claude-*-4-{minor}*",
            {
                "thinking": Thinking.ADAPTIVE,
                "thinking_off": True,
                "effort_levels": _ALL_LEVELS,
                "sampling": frozenset({"stop"}),
                "prefill": False,
                "structured": Structured.JSON_SCHEMA,
                "strict_tools": True,
                "max_output_tokens": 128_000,
                "default_output_tokens": 32_000,
                "system_turns": minor == 8,
                "tool_names": DIRECT_BASE.tool_names,
            },
        )
        for minor in (7, 8)
    ),
    # Opus 5 and Haiku 5.5 alone of their family may be told not to think.
    *(
        CapabilityRule(pattern, {"thinking_off": True})
        for pattern in (
            "claude-opus-5",
            "claude-opus-5@*",
            "claude-opus-5-20*",
            "claude-haiku-5-5*",
        )
    ),
    CapabilityRule("claude-sonnet-5-5*", {"between_tools": True}),
    # These think always, and thinking forbids a forced call.
    *(
        CapabilityRule(pattern, {"forced_tool_choice": False})
        for pattern in ("claude-opus-5-5*", "claude-sonnet-5-5*", "claude-fable-5-1*")
    ),
)

# A version marker that knows no sampling fields holds for every model behind it.
NO_SAMPLING = CapabilityRule("*", {"sampling": frozenset({"stop"})})

# The doors of the two clouds take images and documents by value only.
VERTEX_BASE = replace(DIRECT_BASE, image_input=ImageInput.BYTES, file_urls=False)
BEDROCK_BASE = VERTEX_BASE
VERTEX_RULES = RULES
