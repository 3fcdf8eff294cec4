"""Writes the items of a conversation as input items.

Ids of ours mean nothing to an upstream, and messages, calls and results need none: only what must
have an id is given one.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from hashlib import blake2s
from typing import Final, TypeAlias, assert_never

from ...domain.conversation import (
    Audio,
    Compaction,
    FileData,
    FileReference,
    FileUrl,
    ImageData,
    ImageReference,
    ImageUrl,
    Item,
    Message,
    OpaqueItem,
    OpaquePart,
    Part,
    Proof,
    Reasoning,
    Refusal,
    Role,
    Text,
    ToolCall,
    ToolResult,
    Vendor,
)
from ...domain.errors import UnsupportedFeature
from ...domain.refusals import refuse_failure, refused_item, refused_part
from ...domain.turn import MARK
from .spelling import Spelling, encode_mark

Wire: TypeAlias = dict[str, object]

_OURS: Final = re.compile(rf"[a-z]+_{MARK}[A-Za-z0-9]{{16,64}}(?:_[io][0-9]{{1,6}})?", re.ASCII)
# What ids of the items begin with that the API does not take without one.
_PREFIXES: Final[Mapping[str, str]] = {
    "apply_patch_call": "apc",
    "code_interpreter_call": "ci",
    "computer_call": "cu",
    "file_search_call": "fs",
    "image_generation_call": "ig",
    "local_shell_call": "lsh",
    "mcp_approval_request": "mcpr",
    "mcp_call": "mcp",
    "mcp_list_tools": "mcpl",
    "shell_call": "sh",
    "web_search_call": "ws",
}
# A conversation may bring citations of Claude's, which have other forms.
_ANNOTATIONS = frozenset({"url_citation", "file_citation", "container_file_citation", "file_path"})


def encode_items(items: Iterable[Item], model: str, spelling: Spelling) -> list[Wire]:
    """Return the input items; thoughts only with the proof that `model` gave of them, or
    that a client carried who could not say whose it is.

    Raises:
        UnsupportedFeature: a part that its item cannot hold, or a summary, which is ours alone.
    """
    encoded = (encode_item(item, place, model, spelling) for place, item in enumerate(items))
    return [wire for wire in encoded if wire is not None]


def encode_item(item: Item, place: int, model: str, spelling: Spelling) -> Wire | None:
    """Return the item at `place`, None for what this model is better not told; raises as above."""
    match item:
        case Message(Role.ASSISTANT):
            return _encode_assistant(item)
        case Message():
            return _encode_message(item, spelling)
        case Reasoning():
            return _encode_reasoning(item, place, model, spelling)
        case ToolCall():
            return _encode_call(item)
        case ToolResult():
            refuse_failure(item)
            custom = item.kind == "custom"
            return {
                "type": "custom_tool_call_output" if custom else "function_call_output",
                "call_id": item.call_id,
                "output": _encode_content(item.parts, _encode_result_part),
            }
        case Compaction():
            raise refused_item(item)  # ours alone; it was said in words before
        case OpaqueItem():
            return _encode_opaque(item)
        case _:
            assert_never(item)


def _encode_message(message: Message, spelling: Spelling) -> Wire:
    role = message.role
    if role is Role.DEVELOPER and not spelling.developer_role:
        role = Role.SYSTEM
    content = _encode_content(message.parts, _encode_input_part)
    return {"type": "message", "role": role.value, "content": content}


def _encode_assistant(message: Message) -> Wire:
    wire: Wire = {
        "type": "message",
        "role": "assistant",
        "content": _encode_content(message.parts, _encode_output_part),
    }
    if message.phase is not None:
        wire["phase"] = message.phase
    return wire


def _encode_reasoning(
    thoughts: Reasoning, place: int, model: str, spelling: Spelling
) -> Wire | None:
    match thoughts.proof:
        case Proof(vendor=Vendor.OPENAI, model=made_by) as proof if made_by in (model, ""):
            return {
                "type": "reasoning",
                "id": proof.item_id or f"rs_{_digest(proof.value)}",
                "summary": (
                    [{"type": "summary_text", "text": thoughts.text}] if thoughts.text else []
                ),
                "encrypted_content": proof.value,
            }
        case None if spelling.open_thoughts and thoughts.text:
            return {
                "type": "reasoning",
                "id": f"rs_{place}",
                "summary": [],
                "content": [{"type": "reasoning_text", "text": thoughts.text}],
            }
        case _:
            return None


def _encode_call(call: ToolCall) -> Wire:
    wire: Wire = {"type": "function_call", "call_id": call.id, "name": call.name}
    if call.kind == "function":
        wire["arguments"] = call.arguments or "{}"
    else:
        wire["type"] = "custom_tool_call"
        wire["input"] = call.arguments
    if call.namespace is not None:
        wire["namespace"] = call.namespace
    return wire


def _encode_opaque(item: OpaqueItem) -> Wire:
    value: Wire = dict(item.value)
    own = item.value.get("id")
    if isinstance(own, str) and _OURS.fullmatch(own):
        prefix = _PREFIXES.get(item.type)
        if prefix is None:
            del value["id"]
        else:
            value["id"] = f"{prefix}_{_digest(own)}"
    asked = item.value.get("approval_request_id")
    if isinstance(asked, str) and _OURS.fullmatch(asked):
        value["approval_request_id"] = f"{_PREFIXES['mcp_approval_request']}_{_digest(asked)}"
    return value


def _digest(text: str) -> str:
    return blake2s(text.encode(), digest_size=24).hexdigest()


def _encode_content(parts: Sequence[Part], encode: Callable[[Part], Wire]) -> str | list[Wire]:
    match parts:
        case ():
            return ""
        case (Text(text, annotations=(), cache=None),):
            return text
        case _:
            return [_marked(encode(part), part) for part in parts]


def _marked(wire: Wire, part: Part) -> Wire:
    """Return `wire` with the part's cache mark, where it has one."""
    if isinstance(part, Refusal | Audio | OpaquePart) or part.cache is None:
        return wire
    return {**wire, "prompt_cache_breakpoint": encode_mark(part.cache)}


def _encode_output_part(part: Part) -> Wire:
    match part:
        case Text(text, annotations):
            cited = [one for one in annotations if one.get("type") in _ANNOTATIONS]
            return {"type": "output_text", "text": text, "annotations": cited}
        case Refusal(text):
            return {"type": "refusal", "refusal": text}
        case _:
            raise UnsupportedFeature("Assistant messages hold text alone.", param="messages")


def _encode_result_part(part: Part) -> Wire:
    if isinstance(part, Audio):
        raise UnsupportedFeature("The result of a tool holds no audio.", param="messages")
    return _encode_input_part(part)


def _encode_input_part(part: Part) -> Wire:
    match part:
        case Text(text):
            return {"type": "input_text", "text": text}
        case Refusal():
            raise UnsupportedFeature("Only the assistant can refuse.", param="messages")
        case ImageUrl(url, detail):
            if not url.startswith(("http://", "https://", "data:")):
                raise UnsupportedFeature(
                    "The model takes images by http or https address, or by value.",
                    param="messages",
                )
            return _encode_image({"image_url": url}, detail)
        case ImageData(media_type, data, detail):
            return _encode_image({"image_url": f"data:{media_type};base64,{data}"}, detail)
        case ImageReference(file_id, detail):
            return _encode_image({"file_id": file_id}, detail)
        case Audio(data, sound):
            return {"type": "input_audio", "input_audio": {"data": data, "format": sound}}
        case FileData(media_type, data, filename):
            # A file by value needs a name.
            name = filename or f"document.{media_type.rpartition('/')[2]}"
            value = f"data:{media_type};base64,{data}"
            return {"type": "input_file", "filename": name, "file_data": value}
        case FileReference(file_id):
            return {"type": "input_file", "file_id": file_id}
        case FileUrl(url):
            return {"type": "input_file", "file_url": url}
        case OpaquePart():
            raise refused_part(part)
        case _:
            assert_never(part)


def _encode_image(source: Mapping[str, str], detail: str | None) -> Wire:
    return {"type": "input_image", **source, "detail": detail or "auto"}
