"""Items of the Responses API that other languages have no word for."""

from dataclasses import replace

from ...domain.conversation import Compaction, Item, Message, OpaqueItem, Role, Text
from ...domain.dialect import Dialect
from ...domain.refusals import refused_item
from .fitting import Fitting


def fit_instructions(fit: Fitting) -> None:
    said = fit.content.instructions
    if said is not None and fit.outward is not Dialect.RESPONSES:
        first = Message(Role.DEVELOPER, (Text(said),))
        fit.content = replace(fit.content, items=(first, *fit.content.items), instructions=None)


def fit_items(fit: Fitting) -> None:
    """Say summaries in words; refuse what only a server of the Responses API understands."""
    if not any(
        isinstance(item, Compaction | OpaqueItem) or _phase(item) for item in fit.content.items
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
        elif isinstance(item, OpaqueItem) and elsewhere:
            raise refused_item(item)
        elif isinstance(item, Message) and item.phase is not None and elsewhere:
            phased = True
            item = replace(item, phase=None)
        items.append(item)
    fit.content = replace(fit.content, items=tuple(items))
    if phased:
        fit.tell("messages.phase", "dropped", "the model knows no phases of an answer")


def _phase(item: Item) -> str | None:
    return item.phase if isinstance(item, Message) else None
