"""What Gemini's models can do. Source: Vertex documentation, model pages, November 2026."""

from dataclasses import replace

from ...domain.capabilities import (
    Capabilities,
    CapabilityRule,
    ImageInput,
    SchemaForm,
    Thinking,
)
from ...domain.conversation import Vendor
from ...domain.effort import Effort

_LOW_TO_HIGH = frozenset({Effort.LOW, Effort.MEDIUM, Effort.HIGH})
_WITH_MINIMAL = _LOW_TO_HIGH | {Effort.MINIMAL}

_REFUSED_KEYWORDS = frozenset(
    {
        "$schema", "$comment", "pattern", "minLength", "maxLength", "multipleOf",
        "exclusiveMinimum", "exclusiveMaximum", "uniqueItems", "contains", "minContains",
        "maxContains", "minProperties", "maxProperties", "patternProperties",
        "propertyNames", "dependentRequired", "dependentSchemas", "unevaluatedItems",
        "unevaluatedProperties", "if", "then", "else", "not", "default", "examples",
        "discriminator", "dependencies", "additionalItems", "deprecated", "readOnly", "writeOnly",
        "nullable", "example", "contentEncoding", "contentMediaType", "contentSchema",
        "$dynamicRef", "$dynamicAnchor", "$recursiveRef", "$recursiveAnchor", "$vocabulary", "x-*",
    }
)  # fmt: skip

BASE = Capabilities(
    dialects=frozenset(),
    restrictions=True,
    system_turns=False,
    custom_tools=False,
    parallel_switch=False,
    thinking=Thinking.LEVEL,
    thinking_off=False,
    effort_levels=_LOW_TO_HIGH,
    sampling=frozenset(
        {
            "temperature", "top_p", "top_k", "presence_penalty", "frequency_penalty", "seed",
            "stop", "n", "logprobs",
        }
    ),
    max_temperature=2.0,
    max_stop=5,
    # Addresses outside Cloud Storage are taken with small limits only: we fetch them.
    image_input=ImageInput.BYTES,
    label_metadata=True,
    message_names=False,
    end_user=False,
    service_tiers=frozenset({"auto", "default", "flex", "priority"}),
    verbosity=False,
    max_output_tokens=65_536,
    refused_schema_keywords=_REFUSED_KEYWORDS,
    # What of JSON Schema is read grows from model to model, and is promised for none.
    # Recursion is cut with the references.
    said_otherwise=frozenset(SchemaForm)
    - {SchemaForm.OPEN_OBJECTS, SchemaForm.ROOT, SchemaForm.RECURSION},
    all_tools_alike=True,
    proofs=Vendor.GOOGLE,
    failed_results=True,
    tool_names=r"[A-Za-z_][A-Za-z0-9_.:-]{0,127}",
    embedding_batch=0,
    embedding_tokens=False,
)  # fmt: skip

RULES: tuple[CapabilityRule, ...] = (
    CapabilityRule("gemini-3.6-flash*", {"effort_levels": _WITH_MINIMAL}),
    CapabilityRule("gemini-3.5-flash-lite*", {"effort_levels": _WITH_MINIMAL}),
    CapabilityRule(
        "gemini-2.5*",
        {
            "thinking": Thinking.BUDGET,
            "thinking_off": True,
            "effort_levels": frozenset[Effort](),
            "structured_with_tools": False,
        },
    ),
    CapabilityRule("gemini-2.5-pro*", {"thinking_off": False}),
    *(
        CapabilityRule(
            pattern,
            {
                "thinking": Thinking.NONE,
                "structured_with_tools": False,
                "max_output_tokens": 8192,
                "proofs": None,
            },
        )
        for pattern in ("gemini-1*", "gemini-2.0*")
    ),
)
VERTEX_BASE = BASE
# Of texts for `predict`, 250 are taken in one call but no more than 20 000 tokens, which nobody
# can count here: 32 of 600 fit. `embedContent` takes one.
VERTEX_RULES = (
    *RULES,
    CapabilityRule("gemini-embedding*", {"embedding_batch": 1}),
    CapabilityRule("text-embedding*", {"embedding_batch": 32}),
    CapabilityRule("text-multilingual-embedding*", {"embedding_batch": 32}),
)
# The Developer API knows no labels.
API_BASE = replace(BASE, metadata=False, label_metadata=False)
API_RULES = (*RULES, CapabilityRule("*embedding*", {"embedding_batch": 100}))
# Those whose vectors have not the length 1 once they are shortened.
UNEVEN_WHEN_SHORT = ("gemini-embedding-001*",)
