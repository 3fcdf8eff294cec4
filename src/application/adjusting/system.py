"""System messages where a target has no place for them: inside a conversation, or alone."""

from collections.abc import Iterable
from dataclasses import replace

from ...domain.conversation import Item, Message, Part, Role, Text, ToolCall, ToolResult
from ...domain.dialect import Dialect
from .fitting import Fitting

_INSTRUCTING = (Role.SYSTEM, Role.DEVELOPER)


def fit_system(fit: Fitting) -> None:
    """Say later instructions in the user's turn where they stand, marked as what they are.

    Claude's newest models alone of those spoken to in Messages take them, behind a user's turn
    that has answered every call. Where instructions are all there is, the last becomes the turn.
    """
    if _stand_at_head(fit.content.items):
        return
    only_behind_user = fit.outward is Dialect.MESSAGES
    items: list[Item] = []
    at_head = True
    after_user = False
    unanswered: set[str] = set()
    told = "later instructions stand in a turn of the user's"
    for item in fit.content.items:
        match item:
            case Message(role=Role.SYSTEM | Role.DEVELOPER):
                if not (at_head or (fit.can.system_turns and (after_user or not only_behind_user))):
                    item = _said_by_user(item)
                items.append(item)
                continue
            case ToolCall():
                unanswered.add(item.id)
                after_user = False
            case ToolResult():
                unanswered.discard(item.call_id)
                after_user = not unanswered
            case _:
                after_user = isinstance(item, Message) and item.role is Role.USER
        at_head = False
        items.append(item)
    if at_head and items and (only_behind_user or not fit.can.system_turns):
        items[-1:] = [_said_by_user(item) for item in items[-1:] if isinstance(item, Message)]
        told = "the last instruction stands where somebody has to ask"
    if any(one is not other for one, other in zip(items, fit.content.items, strict=True)):
        fit.content = replace(fit.content, items=tuple(items))
        fit.tell("messages.system", "emulated", told)


def _stand_at_head(items: Iterable[Item]) -> bool:
    """Whether all instructions stand before everything else, and there is something else."""
    begun = False
    for item in items:
        if not (isinstance(item, Message) and item.role in _INSTRUCTING):
            begun = True
        elif begun:
            return False
    return begun


def _said_by_user(message: Message) -> Message:
    return Message(Role.USER, tuple(_marked(part) for part in message.parts))


def _marked(part: Part) -> Part:
    if isinstance(part, Text) and part.text.strip():
        return replace(part, text=f"<system>\n{part.text}\n</system>")
    return part
