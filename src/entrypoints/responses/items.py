"""Items, as callers send them in `input` or into a conversation -> items of a conversation.

An item is decoded by itself: an error knows its number, and 20,000 of them leave the interpreter
to other threads now and then. Which may follow which is for whoever knows what stands before them.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from msgspec import Raw
from msgspec.json import Decoder

from ...application.ports import SEAL_MARK, Sealer
from ...domain.conversation import (
    Item,
    Message,
    OpaqueItem,
    Proof,
    Reasoning,
    Role,
    Text,
    ToolCall,
    ToolKind,
    ToolResult,
    Vendor,
)
from ...domain.errors import InvalidRequest, UnsupportedFeature
from ...domain.tools import ToolDefinition
from ...domain.turn import MARK
from ..members import decode_member, missing
from ..noting import decode_noting
from ..sealing import open_compaction, open_reasoning
from .parts import decode_parts
from .tools import decode_tools
from .wire import (
    AdditionalToolsItem,
    CompactionItem,
    CustomCallItem,
    FunctionCallItem,
    Kind,
    MessageItem,
    OutputItem,
    ReasoningItem,
    ReferenceItem,
)

_ITEMS = Decoder(str | list[Raw] | None)
_KIND = Decoder(Kind)
_MESSAGE = Decoder(MessageItem)
_FUNCTION_CALL = Decoder(FunctionCallItem)
_CUSTOM_CALL = Decoder(CustomCallItem)
_OUTPUT = Decoder(OutputItem)
_REASONING = Decoder(ReasoningItem)
_REFERENCE = Decoder(ReferenceItem)
_COMPACTION = Decoder(CompactionItem)
_ADDITIONAL_TOOLS = Decoder(AdditionalToolsItem)
_OBJECT = Decoder(dict[str, Any])
_ROLES: Mapping[str, Role] = {role.value: role for role in Role}
# An image may take megabytes and is one value; what has many values is a bounded few of them, for
# they are all decoded in one go.
_MAX_UNCOUNTED_BYTES = 1024 * 1024
_MAX_VALUES = 200_000


@dataclass(frozen=True, slots=True)
class Decoded:
    """`tools` are those that items add; `ignored` what has no place in a conversation."""

    items: tuple[Item, ...]
    tools: tuple[ToolDefinition, ...] = ()


def decode_items(
    raw: Raw, param: str, sealer: Sealer, tenant: str, ignored: dict[str, None]
) -> Decoded:
    """Return the items at `param`, a text or an array; note in `ignored` what has no place.

    Raises:
        InvalidRequest: an item is not well said, or was sealed for another.
        UnsupportedFeature: it asks for what is not done here.
    """
    texts = decode_member(_ITEMS, raw, param)
    if texts is None:
        return Decoded(())
    if isinstance(texts, str):
        return Decoded((Message(Role.USER, (Text(texts),)),))
    reading = _Reading(sealer, tenant, ignored)
    for number, text in enumerate(texts):
        reading.add(text, f"{param}[{number}]")
    return Decoded(tuple(reading.items), tuple(reading.tools))


@dataclass(slots=True)
class _Reading:
    """What has been read so far, and what is needed to read on."""

    sealer: Sealer
    tenant: str
    ignored: dict[str, None]
    items: list[Item] = field(default_factory=list[Item])
    tools: list[ToolDefinition] = field(default_factory=list[ToolDefinition])

    def add(self, raw: Raw, param: str) -> None:
        kind = decode_member(_KIND, raw, param)
        if kind.type is not None:
            read = _READERS.get(kind.type)
            if read is None:
                self.items.append(OpaqueItem(kind.type, _decode_opaque(raw, param)))
            else:
                read(self, raw, param)
        elif kind.role is not None:
            _read_message(self, raw, param)
        elif kind.id is not None:
            _read_reference(self, raw, param)
        else:
            raise missing(f"{param}.type")

    def note_caller(self, shape: FunctionCallItem | CustomCallItem | OutputItem) -> None:
        """Only programs of OpenAI's own call other than directly: nobody else can be told."""
        if shape.caller and shape.caller != _DIRECT:
            self.ignored["input.caller"] = None
        if shape.async_:
            self.ignored["input.async"] = None


_DIRECT = {"type": "direct"}


def _read_message(reading: _Reading, raw: Raw, param: str) -> None:
    message = decode_noting(_MESSAGE, raw, param, reading.ignored)
    parts = decode_parts(message.content, f"{param}.content")
    role = _ROLES[message.role]
    if parts:
        reading.items.append(Message(role, parts, phase=message.phase))
    elif role is not Role.ASSISTANT:
        # An answer that was cut before its first word comes back empty; nobody asks so.
        raise InvalidRequest(
            f"'{param}.content' is empty.", param=f"{param}.content", reason="empty_array"
        )


def _read_function_call(reading: _Reading, raw: Raw, param: str) -> None:
    call = decode_noting(_FUNCTION_CALL, raw, param, reading.ignored)
    reading.note_caller(call)
    reading.items.append(
        ToolCall(call.call_id, call.name, call.arguments, namespace=call.namespace)
    )


def _read_custom_call(reading: _Reading, raw: Raw, param: str) -> None:
    call = decode_noting(_CUSTOM_CALL, raw, param, reading.ignored)
    reading.note_caller(call)
    reading.items.append(
        ToolCall(call.call_id, call.name, call.input, "custom", namespace=call.namespace)
    )


def _read_output(reading: _Reading, raw: Raw, param: str, kind: ToolKind) -> None:
    result = decode_noting(_OUTPUT, raw, param, reading.ignored)
    reading.note_caller(result)
    parts = decode_parts(result.output, f"{param}.output") or (Text(""),)
    reading.items.append(ToolResult(result.call_id, parts, kind=kind))


def _read_function_output(reading: _Reading, raw: Raw, param: str) -> None:
    _read_output(reading, raw, param, "function")


def _read_custom_output(reading: _Reading, raw: Raw, param: str) -> None:
    _read_output(reading, raw, param, "custom")


def _read_reasoning(reading: _Reading, raw: Raw, param: str) -> None:
    item = decode_noting(_REASONING, raw, param, reading.ignored)
    sealed = item.encrypted_content
    if sealed and sealed.startswith(SEAL_MARK):
        reading.items.append(_opened(open_reasoning, reading, sealed, param))
        return
    thoughts = (*(item.summary or ()), *(item.content or ()))
    text = "\n\n".join([thought.text for thought in thoughts if thought.text])
    proof = None
    if sealed:
        proof = Proof(Vendor.OPENAI, "", "encrypted_content", sealed, item.id)
    # What says nothing and proves nothing is only the name of thoughts that another server keeps.
    if text or proof is not None:
        reading.items.append(Reasoning(text, proof))


def _read_compaction(reading: _Reading, raw: Raw, param: str) -> None:
    item = decode_noting(_COMPACTION, raw, param, reading.ignored)
    if item.encrypted_content.startswith(SEAL_MARK):
        reading.items.append(_opened(open_compaction, reading, item.encrypted_content, param))
    else:
        reading.items.append(OpaqueItem("compaction", _decode_opaque(raw, param)))


def _read_reference(reading: _Reading, raw: Raw, param: str) -> None:
    id_ = decode_member(_REFERENCE, raw, param).id
    reading.items.append(OpaqueItem("item_reference", {"type": "item_reference", "id": id_}))


def _read_additional_tools(reading: _Reading, raw: Raw, param: str) -> None:
    # They are offered for the whole turn: no other language has a place for tools among items.
    _check_weight(raw, param)
    tools = decode_member(_ADDITIONAL_TOOLS, raw, param).tools
    reading.tools.extend(decode_tools(tools, f"{param}.tools", reading.ignored))


def _refuse_trigger(reading: _Reading, raw: Raw, param: str) -> None:
    del reading, raw
    raise UnsupportedFeature(
        "Items of type 'compaction_trigger' are not acted on here; POST /v1/responses/compact "
        "compacts a conversation.",
        param=f"{param}.type",
    )


def _decode_opaque(raw: Raw, param: str) -> dict[str, Any]:  # Any: JSON that is not looked into
    """Return a whole item, without the id that it may have been given here."""
    _check_weight(raw, param)
    value = decode_member(_OBJECT, raw, param)
    id_ = value.get("id")
    if isinstance(id_, str) and id_.partition("_")[2].startswith(MARK):
        del value["id"]
    return value


def _check_weight(raw: Raw, param: str) -> None:
    if memoryview(raw).nbytes > _MAX_UNCOUNTED_BYTES:
        text = bytes(raw)
        values = text.count(b",") + text.count(b"[") + text.count(b"{")
        if values > _MAX_VALUES:
            raise InvalidRequest(
                f"'{param}' may have {_MAX_VALUES} values; this has about {values}.", param=param
            )


_SealedT = TypeVar("_SealedT", bound=Item)


def _opened(
    opening: Callable[[Sealer, str, str], _SealedT], reading: _Reading, sealed: str, param: str
) -> _SealedT:
    try:
        return opening(reading.sealer, reading.tenant, sealed)
    except InvalidRequest as error:
        error.param = f"{param}.encrypted_content"
        raise


_READERS: Mapping[str, Callable[[_Reading, Raw, str], None]] = {
    "message": _read_message,
    "function_call": _read_function_call,
    "function_call_output": _read_function_output,
    "custom_tool_call": _read_custom_call,
    "custom_tool_call_output": _read_custom_output,
    "reasoning": _read_reasoning,
    "item_reference": _read_reference,
    "compaction": _read_compaction,
    "compaction_trigger": _refuse_trigger,
    "additional_tools": _read_additional_tools,
}
