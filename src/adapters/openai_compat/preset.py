"""Preset: what is known of one service that speaks OpenAI's languages."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from ...domain.capabilities import Capabilities, CapabilityRule
from ..openai_chat.capabilities import BASE
from ..openai_chat.spelling import OPENAI, Spelling
from ..openai_responses.spelling import OPENAI as RESPONSES
from ..openai_responses.spelling import Spelling as ResponsesSpelling


def _none() -> Mapping[str, str]:
    return {}


@dataclass(frozen=True, slots=True)
class Preset:
    """A service, as data.

    `base_url` may name variables (`${...}`) or be empty where there is no usual address; `key_env`
    is the variable its users keep the key in, `needs_key` whether it answers nobody without.
    `renamed` and `dropped` are members of chat requests: what has another name there, and what it
    refuses. `renamed_embeddings` and `dropped_embeddings` are the same for embeddings.
    `respell_reasoning`: its `reasoning` is told callers as `reasoning_content`. `relay_chat`
    False translates always, because its answers are not what OpenAI's clients can read.
    `responses` is how it wants Responses said, where its capabilities name that dialect;
    `responses_optional` says that some of its versions have no such path; `counts_tokens` that
    there is a counter behind it.
    """

    name: str
    base_url: str = ""
    key_env: str | None = None
    needs_key: bool = True
    spelling: Spelling = OPENAI
    renamed: Mapping[str, str] = field(default_factory=_none)
    dropped: frozenset[str] = frozenset()
    renamed_embeddings: Mapping[str, str] = field(default_factory=_none)
    dropped_embeddings: frozenset[str] = frozenset()
    respell_reasoning: bool = True
    relay_chat: bool = True
    responses: ResponsesSpelling = RESPONSES
    responses_optional: bool = False
    counts_tokens: bool = False
    capabilities: Capabilities = BASE
    rules: tuple[CapabilityRule, ...] = ()
