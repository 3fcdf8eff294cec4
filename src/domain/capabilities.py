"""What a target can do, as data.

Records are refined by model-name pattern. Which model can do what changes monthly: it stands in
these records and in configuration, never in branches.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from enum import Enum, StrEnum
from fnmatch import fnmatchcase
from typing import Any

from .conversation import Vendor
from .dialect import Dialect
from .effort import Effort
from .errors import ConfigurationError


class Thinking(StrEnum):
    """How a model is told to think."""

    NONE = "none"
    BUDGET = "budget"
    LEVEL = "level"
    EFFORT = "effort"
    ADAPTIVE = "adaptive"


class Structured(StrEnum):
    """The strongest promise about the form of the output."""

    NONE = "none"
    JSON_OBJECT = "json_object"
    JSON_SCHEMA = "json_schema"


class ImageInput(StrEnum):
    NONE = "none"
    BYTES = "bytes"
    URL = "url"


class SchemaForm(StrEnum):
    """What a schema may not hold as it stands, and can be said otherwise.

    `REFS`: `$ref` gives way to what it names (a recursive one is cut). `TYPE_LISTS`: a list of
    types becomes `anyOf`. `ONE_OF`: `oneOf` becomes `anyOf`. `ALL_OF`: `allOf` is merged.
    `TUPLES`: `prefixItems` becomes `items`. `EXCLUSIVE`: exclusive bounds of integers become
    inclusive. `CONST`: `const` becomes an `enum` of one. `OPEN_OBJECTS`: each object is closed.
    `ROOT`: what stands at the top is an object; a reference there gives way. `RECURSION`: no schema
    refers to itself. A schema that cannot be said so is not held to by the target at all.
    """

    REFS = "refs"
    TYPE_LISTS = "type_lists"
    ONE_OF = "one_of"
    ALL_OF = "all_of"
    TUPLES = "tuples"
    EXCLUSIVE = "exclusive"
    CONST = "const"
    OPEN_OBJECTS = "open_objects"
    ROOT = "root"
    RECURSION = "recursion"


RESPONSES_SAMPLING: frozenset[str] = frozenset({"temperature", "top_p", "logprobs"})
ALL_SAMPLING: frozenset[str] = frozenset(
    {
        "temperature", "top_p", "presence_penalty", "frequency_penalty", "seed", "stop",
        "logit_bias", "n", "logprobs",
    }
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What one target can do; True means that it can, unless the field says otherwise.

    An empty set of what is allowed (`effort_levels`, `service_tiers`) means any; so does None of a
    bound or a pattern. `embedding_batch` 0 says that there are no embeddings.
    """

    # The languages of clients that it speaks. `restrictions` False promises that a request in one
    # of them needs no look: it is relayed unread.
    dialects: frozenset[Dialect] = frozenset({Dialect.CHAT_COMPLETIONS})
    restrictions: bool = False

    # What stands in a conversation.
    image_input: ImageInput = ImageInput.URL
    audio_input: bool = True
    file_input: bool = True
    file_urls: bool = False  # documents by address
    document_notes: bool = False  # what a document is about, and that it shall be cited
    message_names: bool = True
    prefill: bool = True  # an answer that the caller began
    system_turns: bool = True  # system messages behind a user's turn, not only before all
    cache_marks: bool = False
    result_media: bool = False  # more than text in the result of a tool
    failed_results: bool = False  # a mark on the result of a call that failed
    proofs: Vendor | None = None  # whose proofs of thoughts it takes back
    sealed_thoughts: bool = True  # on the Responses API: thoughts in encrypted form

    # Tools. The patterns are of a whole name: a tool's, a property's of its parameters.
    tools: bool = True
    custom_tools: bool = True
    tools_only_on_responses: bool = False
    hosted_tools: bool = True  # those that it runs itself
    tool_namespaces: bool = True
    forced_tool_choice: bool = True
    parallel_switch: bool = True
    strict_tools: bool = True
    tool_names: str | None = None
    field_names: str | None = None

    # The form of answers. `json_object` is the mode without a schema, which some have not though
    # they take schemas. What schemas may not hold is meant of output schemas and strict tools; with
    # `all_tools_alike` of every tool.
    structured: Structured = Structured.JSON_SCHEMA
    json_object: bool = True
    structured_with_tools: bool = True
    refused_schema_keywords: frozenset[str] = frozenset()
    said_otherwise: frozenset[SchemaForm] = frozenset()
    all_tools_alike: bool = False

    # Thinking. `thoughts_return`: a model that thinks unless told not to refuses the results of a
    # tool turn whose thoughts do not come back.
    thinking: Thinking = Thinking.EFFORT
    thinking_off: bool = True
    takes_budgets: bool = False  # a budget of tokens too, beside what `thinking` says
    between_tools: bool = False  # in Messages: to think between tools alone
    effort_levels: frozenset[Effort] = frozenset()
    thoughts_return: bool = False

    # How tokens are drawn, in chat completions' spelling; the second set is what is left of the
    # first on the Responses API.
    sampling: frozenset[str] = ALL_SAMPLING
    responses_sampling: frozenset[str] = RESPONSES_SAMPLING
    max_temperature: float = 2.0
    max_stop: int | None = None
    blank_stop: bool = True  # stop sequences of white space alone
    max_output_tokens: int | None = None
    default_output_tokens: int | None = None
    verbosity: bool = True

    # What is told of the caller.
    metadata: bool = True
    label_metadata: bool = False  # only lower-case letters, digits, `_` and `-` in it
    end_user: bool = True
    service_tiers: frozenset[str] = frozenset()

    # Members that it does not know are an error there, but for some.
    refuses_unknown: bool = False
    known_extras: frozenset[str] = frozenset()

    # Embeddings: the most inputs of a call, whether they may be tokens, whether fewer dimensions
    # can be asked for, and its word for what the vectors are for.
    embedding_batch: int | None = None
    embedding_tokens: bool = True
    embedding_dimensions: bool = True
    embedding_task: str | None = None


@dataclass(frozen=True, slots=True)
class CapabilityRule:
    """Changes for every model whose name matches `pattern` (shell style, case kept)."""

    pattern: str
    # Any: values of the fields of Capabilities, checked when the rule is applied.
    changes: Mapping[str, Any]


def resolve(base: Capabilities, rules: Iterable[CapabilityRule], model: str) -> Capabilities:
    """Return `base` refined by each rule that matches `model`, in their order."""
    record = base
    for rule in rules:
        if fnmatchcase(model, rule.pattern):
            record = refine(record, rule.changes)
    return record


# Any here: what configuration holds until it is checked; getattr: the fields by their names.
def refine(record: Capabilities, changes: Mapping[str, Any]) -> Capabilities:
    """Return `record` with `changes`, whose values may be plain strings and lists.

    Raises:
        ConfigurationError: a change names no capability, or its value does not fit.
    """
    typed: dict[str, Any] = {}
    for name, value in changes.items():
        if name not in Capabilities.__dataclass_fields__:
            known = ", ".join(sorted(Capabilities.__dataclass_fields__))
            raise ConfigurationError(f"there is no capability {name!r}; known are {known}")
        typed[name] = _typed(name, value, getattr(record, name))
    return replace(record, **typed)


_ELEMENTS: Mapping[str, type[StrEnum] | type[str]] = {
    "dialects": Dialect,
    "effort_levels": Effort,
    "sampling": str,
    "responses_sampling": str,
    "service_tiers": str,
    "known_extras": str,
    "refused_schema_keywords": str,
    "said_otherwise": SchemaForm,
}
_PATTERNS = frozenset({"tool_names", "field_names"})
_TEXTS = frozenset({"embedding_task"})
_FRACTIONS = frozenset({"max_temperature"})
_CHOICES: Mapping[str, type[Enum]] = {
    "structured": Structured,
    "thinking": Thinking,
    "image_input": ImageInput,
    "proofs": Vendor,
}


def _typed(name: str, value: Any, present: Any) -> Any:
    try:
        if name in _ELEMENTS and not isinstance(value, str):
            return frozenset(_ELEMENTS[name](element) for element in value)
        if name in _CHOICES:
            return None if value is None and name == "proofs" else _CHOICES[name](value)
        if name in _PATTERNS and isinstance(value, str):
            re.compile(value)
    except (TypeError, ValueError, re.error) as error:
        raise ConfigurationError(f"capability {name!r} does not take {value!r}: {error}") from error
    wanted, fits = _wanted(name, value, present)
    if not fits:
        raise ConfigurationError(f"capability {name!r} does not take {value!r}; it wants {wanted}")
    return value


def _wanted(name: str, value: Any, present: Any) -> tuple[str, bool]:
    """Return in words what a capability takes, and whether `value` is such."""
    if name in _ELEMENTS:
        return "a list of words", False
    if isinstance(present, bool):
        return "true or false", isinstance(value, bool)
    if name in _PATTERNS or name in _TEXTS:
        return "text", value is None or isinstance(value, str)
    if name in _FRACTIONS:
        number = isinstance(value, int | float) and not isinstance(value, bool)
        return "a number", number and value >= 0
    whole = isinstance(value, int) and not isinstance(value, bool)
    return "a whole number", value is None or (whole and value >= 0)
