"""What Converse can say, and what the models behind it take of that, by the names they have there.

Claude's records are not here: Bedrock's provider makes them of Claude's own. Source: the Bedrock
guide, pages on Converse, inference parameters and each model, November 2026.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from functools import lru_cache
from types import MappingProxyType
from typing import Final

from ...domain.capabilities import (
    Capabilities,
    CapabilityRule,
    ImageInput,
    Structured,
    Thinking,
)
from ...domain.dialect import Dialect
from ...domain.effort import Effort

_UP_TO_HIGH: Final = frozenset({Effort.LOW, Effort.MEDIUM, Effort.HIGH})
_SAMPLING: Final = frozenset({"temperature", "top_p", "stop"})
_WITH_TOP_K: Final = _SAMPLING | {"top_k"}
SERVICE_TIERS: Final = frozenset({"auto", "default", "flex", "priority", "reserved"})
TOOL_NAMES: Final = r"[a-zA-Z0-9_-]{1,64}"

BASE: Final = Capabilities(
    dialects=frozenset[Dialect](),
    restrictions=True,
    system_turns=False,
    custom_tools=False,
    hosted_tools=False,
    tool_namespaces=False,
    sealed_thoughts=False,
    forced_tool_choice=False,
    parallel_switch=False,
    strict_tools=False,
    structured=Structured.NONE,
    json_object=False,
    thinking=Thinking.NONE,
    sampling=_SAMPLING,
    max_temperature=1.0,
    prefill=False,
    image_input=ImageInput.BYTES,
    audio_input=False,
    message_names=False,
    end_user=False,
    service_tiers=SERVICE_TIERS,
    verbosity=False,
    tool_names=TOOL_NAMES,
    embedding_batch=0,
)
_BLIND: Final[Mapping[str, object]] = {"image_input": ImageInput.NONE, "file_input": False}
_SCHEMAS: Final[Mapping[str, object]] = {
    "structured": Structured.JSON_SCHEMA,
    "strict_tools": True,
}

RULES: Final[tuple[CapabilityRule, ...]] = (
    CapabilityRule(
        "amazon.nova-*",
        {
            "forced_tool_choice": True,
            "sampling": _WITH_TOP_K,
            "prefill": True,
            "result_media": True,
            "failed_results": True,
            "cache_marks": True,
        },
    ),
    CapabilityRule("amazon.nova-micro*", {**_BLIND, "result_media": False}),
    CapabilityRule("amazon.nova-2*", {"thinking": Thinking.EFFORT, "effort_levels": _UP_TO_HIGH}),
    CapabilityRule("amazon.titan-text*", {**_BLIND, "tools": False}),
    CapabilityRule(
        "openai.gpt-oss*",
        {
            **_BLIND,
            **_SCHEMAS,
            "thinking": Thinking.EFFORT,
            "thinking_off": False,
            "effort_levels": _UP_TO_HIGH,
        },
    ),
    CapabilityRule("deepseek.*", _BLIND),
    CapabilityRule("deepseek.r1*", {"tools": False}),
    CapabilityRule("deepseek.v3*", _SCHEMAS),
    CapabilityRule("qwen.qwen3*", {**_BLIND, **_SCHEMAS}),
    CapabilityRule("qwen.qwen3-vl*", {"image_input": ImageInput.BYTES}),
    CapabilityRule("meta.llama3*", _BLIND),
    *(
        CapabilityRule(pattern, {"image_input": ImageInput.BYTES, "file_input": True})
        for pattern in ("meta.llama3-2-11b*", "meta.llama3-2-90b*")
    ),
    CapabilityRule("mistral.*", {"sampling": _WITH_TOP_K}),
    CapabilityRule("mistral.mi?tral-*", {"image_input": ImageInput.NONE}),
    CapabilityRule("mistral.voxtral*", {"audio_input": True}),
    CapabilityRule("cohere.command*", {"sampling": _WITH_TOP_K, "image_input": ImageInput.NONE}),
    CapabilityRule("ai21.*", {"image_input": ImageInput.NONE}),
)


def _none() -> Mapping[str, object]:
    return MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Manner:
    """Where a model is told what Converse itself has no place for.

    `effort` and `top_k` are paths into `additionalModelRequestFields`, empty where there is none;
    without one an effort stands in `outputConfig`. `beside_effort` are members that go with it.
    `cache_spans` are the words for how long a cache mark holds; none: it cannot be said.
    """

    effort: tuple[str, ...] = ()
    beside_effort: Mapping[str, object] = field(default_factory=_none)
    top_k: tuple[str, ...] = ()
    cache_spans: tuple[str, ...] = ("5m", "1h")


_NOVA_TOP_K: Final = ("inferenceConfig", "topK")
_PLAIN: Final = Manner()
# The first pattern that matches counts.
MANNERS: Final[tuple[tuple[str, Manner], ...]] = (
    ("anthropic.*", Manner(top_k=("top_k",))),
    (
        "amazon.nova-2*",
        Manner(
            effort=("reasoningConfig", "maxReasoningEffort"),
            beside_effort={"reasoningConfig": {"type": "enabled"}},
            top_k=_NOVA_TOP_K,
            cache_spans=(),
        ),
    ),
    ("amazon.nova-*", Manner(top_k=_NOVA_TOP_K, cache_spans=())),
    ("openai.gpt-oss*", Manner(effort=("reasoning_effort",))),
    ("mistral.*", Manner(top_k=("top_k",))),
    ("cohere.*", Manner(top_k=("k",))),
)

# What may stand before a model's own id: a place where it is served, or the ARN of one of these.
_BEFORE_NAME: Final = re.compile(
    r"(?:arn:aws[a-z-]*:bedrock:[a-z0-9-]*:[0-9]*:[a-z-]+/)?"
    r"(?:(?:us|us-gov|eu|apac|jp|au|ca|global)\.)?"
)


def model_name(model: str) -> str:
    """Return the id of the model itself: without the inference profile it is called by.

    A profile that somebody made, which is named by an ARN with letters of its own, says nothing of
    its model.
    """
    found = _BEFORE_NAME.match(model)
    return model[found.end() :] if found is not None else model


@lru_cache(maxsize=1024)
def manner_of(model: str) -> Manner:
    name = model_name(model)
    return next((manner for pattern, manner in MANNERS if fnmatchcase(name, pattern)), _PLAIN)
