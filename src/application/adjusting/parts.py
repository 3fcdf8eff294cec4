"""Parts that other languages have no word for: notes on documents, and what Messages alone has."""

from dataclasses import replace

from ...domain.conversation import (
    FileData,
    FileReference,
    FileUrl,
    Message,
    OpaquePart,
    Part,
    Text,
    ToolResult,
)
from ...domain.json_values import JsonObject, JsonValue
from ...domain.refusals import refused_part
from .fitting import Fitting

_MAYBE_ODD = frozenset({OpaquePart, FileData, FileReference, FileUrl})


def fit_parts(fit: Fitting) -> None:
    """Say in words what the target has no form for, and refuse what cannot be said so."""
    if fit.kinds.isdisjoint(_MAYBE_ODD):
        return
    items = list(fit.content.items)
    told: dict[str, tuple[str, str]] = {}
    odd = False
    for place, item in enumerate(items):
        if not isinstance(item, Message | ToolResult):
            continue
        if any(_is_odd(fit, part) for part in item.parts):
            parts = [said for part in item.parts for said in _fitted(fit, part, told)]
            odd = True
            items[place] = replace(item, parts=tuple(parts))
    if odd:
        fit.content = replace(fit.content, items=tuple(items))
    for param, (action, detail) in told.items():
        fit.tell(param, action, detail)


def _is_odd(fit: Fitting, part: Part) -> bool:
    match part:
        case OpaquePart():
            return part.dialect is not fit.outward
        case FileData() | FileReference() | FileUrl():
            return part.notes is not None and not fit.can.document_notes
        case _:
            return False


def _fitted(fit: Fitting, part: Part, told: dict[str, tuple[str, str]]) -> list[Part]:
    if not _is_odd(fit, part):
        return [part]
    match part:
        case OpaquePart():
            words = _WORDS.get(part.type)
            said = None if words is None else words(part.value)
            if said is None:
                raise refused_part(part)
            told["messages.content"] = "emulated", f"{part.type} is said in words"
            return [Text(said)]
        case FileData() | FileReference() | FileUrl():
            notes = part.notes
            bare: Part = replace(part, notes=None)
            if notes is None:
                return [bare]
            if notes.citations:
                told["messages.citations"] = "dropped", "the model does not cite documents"
            if notes.context is None:
                return [bare]
            told["messages.context"] = "emulated", "it stands in words before the document"
            return [Text(f"About the document that follows: {notes.context}"), bare]
        case _:
            return [part]


def _search_result(value: JsonObject) -> str | None:
    texts = _texts(value.get("content"))
    if texts is None:
        return None
    lines = [
        f"{name.capitalize()}: {said}"
        for name in ("title", "source")
        if isinstance(said := value.get(name), str)
    ]
    return "\n".join(("Search result", *lines, *texts))


def _tool_reference(value: JsonObject) -> str | None:
    name = value.get("tool_name")
    return f"The tool {name} can be called." if isinstance(name, str) else None


def _texts(content: JsonValue) -> list[str] | None:
    """Return the texts of a list of text blocks, None if there is anything else among them."""
    if not isinstance(content, list):
        return None
    texts: list[str] = []
    for block in content:
        said = block.get("text") if isinstance(block, dict) else None
        if not isinstance(said, str):
            return None
        texts.append(said)
    return texts


# What of Messages can be said in words; anything else is refused by its name.
_WORDS = {"search_result": _search_result, "tool_reference": _tool_reference}
