"""Results of tools: media, for targets whose results are text, and failures."""

from dataclasses import replace

from ...domain.conversation import (
    Audio,
    FileData,
    FileReference,
    FileUrl,
    ImageData,
    ImageReference,
    ImageUrl,
    Item,
    Message,
    Part,
    Role,
    Text,
    ToolResult,
)
from ...domain.dialect import Dialect
from .fitting import Fitting, each

_MEDIA = (ImageUrl, ImageData, ImageReference, Audio, FileData, FileReference, FileUrl)


def fit_results(fit: Fitting) -> None:
    """Move media into a user message behind the results of their turn, with a word in both."""
    if fit.can.result_media or fit.outward is Dialect.RESPONSES:
        return
    if not any(isinstance(item, ToolResult) and _has_media(item) for item in fit.content.items):
        return
    items: list[Item] = []
    moved: list[Part] = []
    number = 0
    for item in fit.content.items:
        if isinstance(item, ToolResult):
            if _has_media(item):
                parts: list[Part] = []
                for part in item.parts:
                    if isinstance(part, _MEDIA):
                        number += 1
                        said = f"[attachment {number}, in the message after the results]"
                        parts.append(Text(said))
                        moved += (Text(f"Attachment {number} of the tool results:"), part)
                    else:
                        parts.append(part)
                item = replace(item, parts=tuple(parts))
        elif moved:
            items.append(Message(Role.USER, tuple(moved)))
            moved.clear()
        items.append(item)
    if moved:
        items.append(Message(Role.USER, tuple(moved)))
    fit.content = replace(fit.content, items=tuple(items))
    fit.tell("messages.content", "emulated", "media in tool results follow in a message")


def fit_failures(fit: Fitting) -> None:
    """Say in the result that its call failed, for targets that have no mark for it."""
    if fit.can.failed_results:
        return

    def said(item: Item) -> Item:
        if not isinstance(item, ToolResult) or not item.is_error:
            return item
        return replace(item, parts=(Text("The tool failed:"), *item.parts), is_error=False)

    items = each(fit.content.items, said)
    if items is not fit.content.items:
        fit.content = replace(fit.content, items=items)
        fit.tell("messages.is_error", "emulated", "that a tool failed is said in its result")


def _has_media(result: ToolResult) -> bool:
    return any(isinstance(part, _MEDIA) for part in result.parts)
