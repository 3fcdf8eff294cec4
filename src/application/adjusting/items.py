"""Items of one language that others have no word for."""

from dataclasses import replace

from ...domain.conversation import (
    Compaction,
    Item,
    Message,
    OpaqueItem,
    Reasoning,
    Role,
    Text,
)
from ...domain.dialect import Dialect
from ...domain.refusals import refused_item
from .fitting import Fitting

_OF_ONE_LANGUAGE = frozenset({Compaction, OpaqueItem})


def fit_instructions(fit: Fitting) -> None:
    said = fit.content.instructions
    if said is not None and fit.outward is not Dialect.RESPONSES:
        first = Message(Role.DEVELOPER, (Text(said),))
        fit.content = replace(fit.content, items=(first, *fit.content.items), instructions=None)


def fit_items(fit: Fitting) -> None:
    """Say summaries in words; refuse what only servers of another language understand."""
    if fit.kinds.isdisjoint(_OF_ONE_LANGUAGE) and not any(
        isinstance(item, Message) and item.phase is not None for item in fit.content.items
    ):
        return
    elsewhere = fit.outward is not Dialect.RESPONSES
    items: list[Item] = []
    phased = False
    for item in fit.content.items:
        if isinstance(item, Compaction):
            item = Message(
                Role.USER, (Text(f"Summary of the conversation so far:\n{item.summary}"),)
            )
        elif isinstance(item, OpaqueItem) and item.dialect is not fit.outward:
            raise refused_item(item)
        elif isinstance(item, Message) and item.phase is not None and elsewhere:
            phased = True
            item = replace(item, phase=None)
        items.append(item)
    fit.content = replace(fit.content, items=tuple(items))
    if phased:
        fit.tell("messages.phase", "dropped", "the model knows no phases of an answer")


def fit_thoughts(fit: Fitting) -> None:
    """Leave out thoughts that only their maker can open: they are of no use to this target."""
    if fit.outward is not Dialect.RESPONSES or fit.can.sealed_thoughts:
        return
    items = tuple(item for item in fit.content.items if not _is_sealed(item))
    if len(items) < len(fit.content.items):
        fit.content = replace(fit.content, items=items)


def _is_sealed(item: Item) -> bool:
    return isinstance(item, Reasoning) and item.proof is not None
