"""What Cohere's models can do.

Source: Cohere's API reference (v2 chat) and its pages on models, reasoning and structured outputs,
November 2026.
"""

from typing import Final

from ...domain.capabilities import (
    Capabilities,
    CapabilityRule,
    ImageInput,
    SchemaForm,
    Thinking,
)

# Held to by structured outputs alone: tools that are not strict may have them.
_REFUSED_KEYWORDS: Final = frozenset(
    {
        "$schema", "$comment", "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum",
        "multipleOf", "minItems", "maxItems", "uniqueItems", "contains", "minContains",
        "maxContains", "minLength", "maxLength", "minProperties", "maxProperties",
        "patternProperties", "propertyNames", "dependentRequired", "dependentSchemas", "not",
        "if", "then", "else", "unevaluatedItems", "unevaluatedProperties",
    }
)  # fmt: skip

BASE: Final = Capabilities(
    dialects=frozenset(),
    restrictions=True,
    system_turns=False,
    custom_tools=False,
    hosted_tools=False,
    tool_namespaces=False,
    sealed_thoughts=False,
    parallel_switch=False,
    structured_with_tools=False,
    thinking=Thinking.NONE,
    sampling=frozenset(
        {
            "temperature", "top_p", "top_k", "presence_penalty", "frequency_penalty", "seed",
            "stop",
        }
    ),
    prefill=False,
    max_temperature=1.0,
    max_stop=5,
    image_input=ImageInput.URL,
    audio_input=False,
    file_input=False,
    metadata=False,
    message_names=False,
    end_user=False,
    # There is one tier: who leaves the choice, or asks for the usual, gets it.
    service_tiers=frozenset({"auto", "default", "standard_only"}),
    verbosity=False,
    refused_schema_keywords=_REFUSED_KEYWORDS,
    said_otherwise=frozenset({SchemaForm.ROOT}),
    tool_names="[A-Za-z_][A-Za-z0-9_]*",
    embedding_batch=96,
    embedding_tokens=False,
    embedding_task="search_document",
)  # fmt: skip

_BLIND: Final = {"image_input": ImageInput.NONE}
# It is told a budget of tokens; unlike others that are, it may be forced and sampled all the same.
_THINKS: Final = {"thinking": Thinking.EFFORT, "takes_budgets": True}

RULES: Final[tuple[CapabilityRule, ...]] = (
    *(
        CapabilityRule(pattern, _BLIND)
        for pattern in (
            "command-a-03*", "command-a-reasoning*", "command-a-translate*", "command-r*",
            "command-light*", "command", "c4ai-aya-expanse*",
        )
    ),
    CapabilityRule("command-a-reasoning*", _THINKS),
    CapabilityRule("command-a-plus*", _THINKS),
    *(
        CapabilityRule(pattern, {"tools": False})
        for pattern in ("command-a-vision*", "c4ai-aya-*")
    ),
    *(CapabilityRule(pattern, {"embedding_batch": 0}) for pattern in ("command*", "c4ai-*")),
    *(
        CapabilityRule(pattern, {"embedding_dimensions": False})
        for pattern in ("embed-english-*", "embed-multilingual-*")
    ),
)  # fmt: skip
