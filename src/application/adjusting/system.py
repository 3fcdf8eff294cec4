"""System messages inside a conversation, for targets that know them at its head alone."""

from dataclasses import replace

from ...domain.conversation import Item, Message, Part, Role, Text, ToolResult
from ...domain.dialect import Dialect
from .fitting import Fitting

_SYSTEM = frozenset({Role.SYSTEM, Role.DEVELOPER})


def fit_system(fit: Fitting) -> None:
    """Say later instructions in the user's turn where they stand, marked as what they are.

    Claude's newest models alone of those spoken to in Messages take them, behind a user's turn.
    """
    items: list[Item] = []
    at_head = True
    after_user = False
    for item in fit.content.items:
        if not (isinstance(item, Message) and item.role in _SYSTEM):
            at_head = False
            after_user = isinstance(item, ToolResult) or (
                isinstance(item, Message) and item.role is Role.USER
            )
        elif not (at_head or (fit.can.system_turns and (after_user or not _in_messages(fit)))):
            item = Message(Role.USER, tuple(_marked(part) for part in item.parts))
        items.append(item)
    if any(one is not other for one, other in zip(items, fit.content.items, strict=True)):
        fit.content = replace(fit.content, items=tuple(items))
        fit.tell("messages.system", "emulated", "later instructions stand in a turn of the user's")


def _in_messages(fit: Fitting) -> bool:
    return fit.outward is Dialect.MESSAGES


def _marked(part: Part) -> Part:
    if isinstance(part, Text) and part.text.strip():
        return replace(part, text=f"<system>\n{part.text}\n</system>")
    return part
