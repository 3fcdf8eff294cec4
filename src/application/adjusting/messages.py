"""What stands in messages: media, prefill, names."""

from dataclasses import replace

from ...domain.capabilities import ImageInput
from ...domain.conversation import (
    Audio,
    FileData,
    FileReference,
    FileUrl,
    ImageData,
    ImageReference,
    ImageUrl,
    Message,
    Role,
    Text,
    ToolResult,
)
from ...domain.dialect import Dialect
from ...domain.errors import UnsupportedFeature
from ...domain.refusals import refused_part
from .fitting import Fitting

_MEDIA = frozenset({ImageUrl, ImageData, ImageReference, Audio, FileData, FileReference, FileUrl})


def fit_media(fit: Fitting) -> None:
    """Refuse what the target cannot see or hear, and ids and addresses that it cannot look up."""
    if fit.kinds.isdisjoint(_MEDIA):
        return
    can, outward = fit.can, fit.outward
    for item in fit.content.items:
        if not isinstance(item, Message | ToolResult):
            continue
        for part in item.parts:
            match part:
                case ImageUrl() | ImageData() | ImageReference() if (
                    can.image_input is ImageInput.NONE
                ):
                    what = "images"
                case Audio() if not can.audio_input:
                    what = "audio input"
                case FileData() | FileReference() | FileUrl() if not can.file_input:
                    what = "file input"
                case FileReference() if not _known_there(fit.dialect, outward):
                    raise refused_part(part)
                case ImageReference() if outward is Dialect.CHAT_COMPLETIONS or not _known_there(
                    fit.dialect, outward
                ):
                    raise refused_part(part)
                case FileUrl() if outward is not Dialect.RESPONSES and not can.file_urls:
                    raise refused_part(part)
                case _:
                    continue
            raise UnsupportedFeature(f"The model takes no {what}.", param="messages")


def _known_there(dialect: Dialect, outward: Dialect | None) -> bool:
    """Whether ids of files that callers of `dialect` name can be those of the target's vendor."""
    return outward is not None and (dialect is Dialect.MESSAGES) == (outward is Dialect.MESSAGES)


def fit_prefill(fit: Fitting) -> None:
    items = fit.content.items
    last = items[-1] if items else None
    if fit.can.prefill or not (isinstance(last, Message) and last.role is Role.ASSISTANT):
        return
    carry_on = Message(Role.USER, (Text("Continue."),))
    fit.content = replace(fit.content, items=(*items, carry_on))
    fit.tell("messages", "emulated", "the model does not continue its own words: it was asked to")
