"""In which of Bedrock's languages each model is spoken to, and what it can do in that; as data."""

import re
from collections.abc import Mapping
from dataclasses import replace
from enum import StrEnum
from fnmatch import fnmatchcase
from typing import Final

from ...domain.capabilities import Capabilities, CapabilityRule, ImageInput, resolve
from ...domain.dialect import Dialect
from ..anthropic_messages import capabilities as claude
from ..anthropic_messages.encode import VERSION_WITHOUT_SAMPLING
from ..converse import capabilities as converse
from ..converse.capabilities import model_name
from ..openai_chat import capabilities as openai
from ..openai_chat.spelling import Spelling
from ..openai_compat.preset import Preset
from ..openai_responses.spelling import OPEN_MODELS
from .embedding import EMBEDDING_RULES


class Way(StrEnum):
    """`chat` is OpenAI's form on bedrock-runtime, `mantle` the same on bedrock-mantle; `messages`
    is Claude's own form on bedrock-mantle, `invoke` the same by InvokeModel."""

    CONVERSE = "converse"
    CHAT = "chat"
    MANTLE = "mantle"
    MESSAGES = "messages"
    INVOKE = "invoke"


# InvokeModel has every Claude there is on Bedrock, by id, profile and ARN; Messages the newest.
DEFAULTS: Final[tuple[tuple[str, Way], ...]] = (
    ("anthropic.claude-*", Way.INVOKE),
    ("openai.*", Way.CHAT),
    ("*", Way.CONVERSE),
)


def way_of(model: str, chosen: Way | None, by_pattern: Mapping[str, Way]) -> Way:
    """Return how `model` is called: as its pattern says, else as chosen, else by its name.

    A pattern is tried on the name as it is called, and on that of the model itself.
    """
    name = model_name(model)
    for pattern, way in by_pattern.items():
        if fnmatchcase(model, pattern) or fnmatchcase(name, pattern):
            return way
    return chosen or next(way for pattern, way in DEFAULTS if fnmatchcase(name, pattern))


PRESET: Final = Preset(
    name="bedrock",
    key_env="AWS_BEARER_TOKEN_BEDROCK",
    spelling=Spelling(developer_role=False, allowed_tools=False, old_functions=False),
    responses=OPEN_MODELS,
    responses_optional=True,
    capabilities=replace(
        openai.FUNCTIONS_ALONE,
        dialects=frozenset({Dialect.CHAT_COMPLETIONS, Dialect.RESPONSES}),
        restrictions=True,
        image_input=ImageInput.BYTES,
        audio_input=False,
        file_input=False,
    ),
)
# Mantle runs some of OpenAI's tools, and keeps responses; what is sent to it keeps nothing there.
_OPENAI_RULES: Final = (
    *openai.RULES,
    CapabilityRule("gpt-oss*", {"effort_levels": ["low", "medium", "high"], "thinking_off": False}),
)
_CLAUDE: Final = "anthropic."
_VERSION: Final = re.compile(r"-v\d+(?::\d+.*)?$")


def is_claude(model: str) -> bool:
    return model_name(model).startswith(f"{_CLAUDE}claude-")


def capabilities_of(model: str, way: Way, anthropic_version: str) -> Capabilities:
    """Return what `model` can do when it is called that way."""
    name = model_name(model)
    match way:
        case Way.CHAT | Way.MANTLE:
            return resolve(PRESET.capabilities, _OPENAI_RULES, name.removeprefix("openai."))
        case Way.CONVERSE:
            if is_claude(model):
                return _on_converse(_claude(name))
            return resolve(converse.BASE, (*converse.RULES, *EMBEDDING_RULES), name)
        case Way.MESSAGES | Way.INVOKE:
            newest = anthropic_version == VERSION_WITHOUT_SAMPLING
            return _claude(name, (claude.NO_SAMPLING,) if newest else ())


def _claude(name: str, more: tuple[CapabilityRule, ...] = ()) -> Capabilities:
    # The records know the names that Anthropic gives: without a vendor, and what AWS puts behind.
    name = _VERSION.sub("", name.removeprefix(_CLAUDE))
    return resolve(claude.BEDROCK_BASE, (*claude.RULES, *more), name)


def _on_converse(record: Capabilities) -> Capabilities:
    """Return Claude's record as Converse lets it be."""
    base = converse.BASE
    return replace(
        record,
        dialects=base.dialects,
        hosted_tools=False,
        tool_namespaces=False,
        parallel_switch=False,
        takes_budgets=False,
        between_tools=False,
        system_turns=False,
        metadata=True,
        end_user=False,
        service_tiers=base.service_tiers,
        tool_names=base.tool_names,
    )
