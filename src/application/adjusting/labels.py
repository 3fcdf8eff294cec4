"""What is beside the conversation: metadata, names, tiers, members nobody knows."""

import re
from dataclasses import replace

from ...domain.adjustments import Adjustment
from ...domain.conversation import Item, Message
from ...domain.dialect import Dialect
from ...domain.request import Generation
from .fitting import Fitting


def fit_labels(fit: Fitting) -> None:
    can, content = fit.can, fit.content
    metadata = content.metadata
    if metadata and not can.metadata:
        fit.content = replace(fit.content, metadata=None)
        fit.tell("metadata", "dropped", "the provider keeps none")
    elif metadata and can.label_metadata:
        fitting = {key: value for key, value in metadata.items() if _is_label(key, value)}
        if len(fitting) < len(metadata):
            fit.content = replace(fit.content, metadata=fitting or None)
            fit.tell("metadata", "dropped", "pairs that are not in lower-case letters and digits")
    if content.verbosity is not None and not can.verbosity:
        fit.content = replace(fit.content, verbosity=None)
        fit.tell("verbosity", "dropped", "the model has no such setting")
    if content.user is not None and not can.end_user:
        fit.content = replace(fit.content, user=None)
        fit.tell("user", "dropped", "the provider wants none")
    tier = content.service_tier
    if tier is not None and can.service_tiers and tier not in can.service_tiers:
        fit.content = replace(fit.content, service_tier=None)
        fit.tell("service_tier", "dropped", "the provider has no such tier")
    named = can.message_names and fit.outward is not Dialect.RESPONSES
    if not named and any(_name_of(item) for item in content.items):
        unnamed = tuple(
            replace(item, name=None) if isinstance(item, Message) else item
            for item in fit.content.items
        )
        fit.content = replace(fit.content, items=unnamed)
        fit.tell("messages.name", "dropped", "the model knows no names of speakers")


def ignored_members(content: Generation) -> tuple[Adjustment, ...]:
    """Return what is lost of `content` as soon as its body is not relayed."""
    return tuple(
        Adjustment(name, "dropped", "unknown to modelmux there") for name in content.ignored
    )


def fit_extras(fit: Fitting) -> None:
    """Members without a name here go to the language they were said in, and to no other."""
    can, extras, outward = fit.can, fit.content.extras, fit.outward
    if not extras:
        return
    kept: dict[str, object] = {}
    if outward is not None:
        kept = {
            name: value
            for name, value in extras.items()
            if (outward is fit.dialect or (name in _SHARED and outward is not Dialect.MESSAGES))
            and (not can.refuses_unknown or name in can.known_extras)
        }
    for name in extras:
        if name not in kept:
            fit.tell(name[:64], "dropped", "unknown to modelmux or to the provider")
    if len(kept) < len(extras):
        fit.content = replace(fit.content, extras=kept)


# What chat completions and Responses call by the same name and mean alike.
_SHARED = frozenset(
    {"prompt_cache_key", "prompt_cache_options", "prompt_cache_retention", "safety_identifier"}
)
_LABEL_KEY = re.compile(r"[a-z][a-z0-9_-]{0,62}")

_LABEL_VALUE = re.compile(r"[a-z0-9_-]{0,63}")


def _is_label(key: str, value: str) -> bool:
    return bool(_LABEL_KEY.fullmatch(key) and _LABEL_VALUE.fullmatch(value))


def _name_of(item: Item) -> str | None:
    return item.name if isinstance(item, Message) else None
