"""A conversation's items as Gemini's contents.

The service holds to these, each a 400: the answers to a turn's function calls follow it at once,
as many and in the same order, in a turn of their own; on Gemini 3 the first call of each step
since the user last spoke bears the signature it came with. Parts are never joined: a signature
belongs to one part as it was.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from mimetypes import guess_type
from typing import assert_never
from urllib.parse import urlsplit

import msgspec
from msgspec import UNSET, Raw, UnsetType

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
from ...domain.errors import InvalidRequest, UnsupportedFeature
from ...domain.refusals import refused_instruction, refused_item, refused_part
from ..calls.arguments import encode_arguments
from . import wire
from .call_ids import was_made

# What the documents name for calls of other models, or whose signature was lost.
STAND_IN_SIGNATURE = "skip_thought_signature_validator"

_PARAM = "messages"
_SYSTEM_ROLES = (Role.SYSTEM, Role.DEVELOPER)
_AUDIO_TYPES = {"wav": "audio/wav", "mp3": "audio/mp3"}
_is_object = msgspec.json.Decoder(dict[str, Raw]).decode


@dataclass(frozen=True, slots=True)
class Contents:
    system: list[wire.Part]
    contents: list[wire.Content]


def encode_contents(
    items: Sequence[Item], *, model: str, image_urls: bool, stand_in: bool
) -> Contents:
    """Return `items` as a system instruction and contents for `model`.

    `image_urls` says whether images may stay URLs (Cloud Storage ones always may); `stand_in`
    whether the model checks signatures, so that missing ones need the documented stand-in.

    Raises:
        InvalidRequest: a call is not answered, or an answer has no call.
        UnsupportedFeature: a part, or a later instruction, cannot be said to Gemini.
    """
    head = 0
    while head < len(items):
        item = items[head]
        if not (isinstance(item, Message) and item.role in _SYSTEM_ROLES):
            break
        head += 1
    system = [text for item in items[:head] if isinstance(item, Message) for text in _texts(item)]
    building = _Building(model, image_urls)
    for item in items[head:]:
        building.add(item)
    contents = building.finish()
    if stand_in:
        _sign_open_turn(contents)
    return Contents(
        [wire.Part(text) for text in system],
        [wire.Content(content.role, content.parts) for content in contents],
    )


@dataclass(slots=True)
class _OpenContent:
    """`calls` are those that wait for their answers; `answers` marks a turn made of them."""

    role: wire.ContentRole
    parts: list[wire.Part] = field(default_factory=list[wire.Part])
    answers: bool = False


@dataclass(slots=True)
class _Building:
    model: str
    image_urls: bool
    contents: list[_OpenContent] = field(default_factory=list[_OpenContent])
    calls: dict[str, ToolCall] = field(default_factory=dict[str, ToolCall])
    results: dict[str, ToolResult] = field(default_factory=dict[str, ToolResult])
    waiting: list[wire.Part] = field(default_factory=list[wire.Part])

    def add(self, item: Item) -> None:
        match item:
            case Message(role=Role.ASSISTANT):
                self._model(wire.Part(text) for text in _texts(item))
            case Message(role=Role.USER):
                self._user([self._part(part) for part in item.parts if not _is_blank(part)])
            case Message():
                raise refused_instruction()
            case Reasoning():
                part = _encode_proof(item, self.model)
                if part is not None:
                    self._model((part,))
            case ToolCall():
                self._model((_call(item, self.model),))
                if item.id in self.calls:
                    raise InvalidRequest(
                        f"Two tool calls of one turn have the id {item.id[:200]!r}.", param=_PARAM
                    )
                self.calls[item.id] = item
            case ToolResult():
                if item.call_id not in self.calls or item.call_id in self.results:
                    raise InvalidRequest(
                        f"The tool result {item.call_id[:200]!r} answers no call of the turn "
                        "before it.",
                        param=_PARAM,
                    )
                self.results[item.call_id] = item
                if len(self.results) == len(self.calls):
                    self._close_calls()
            case Compaction() | OpaqueItem():
                raise refused_item(item)
            case _:
                assert_never(item)

    def finish(self) -> list[_OpenContent]:
        self._close_calls()
        contents = [content for content in self.contents if content.parts]
        if not contents:
            raise InvalidRequest("The conversation has no content.", param=_PARAM)
        return contents

    def _model(self, parts: Iterable[wire.Part]) -> None:
        if self.results or self.waiting:
            self._close_calls()
        contents = self.contents
        if not contents or contents[-1].role != "model":
            contents.append(_OpenContent("model"))
        contents[-1].parts.extend(parts)

    def _user(self, parts: list[wire.Part]) -> None:
        if self.calls:
            self.waiting.extend(parts)  # the answers to the calls come first
            return
        contents = self.contents
        if not contents or contents[-1].role != "user" or contents[-1].answers:
            contents.append(_OpenContent("user"))
        contents[-1].parts.extend(parts)

    def _close_calls(self) -> None:
        """Answer the open calls in their own order, in a turn that holds nothing else."""
        if not self.calls:
            return
        answers = _OpenContent("user", answers=True)
        for call_id, call in self.calls.items():
            result = self.results.get(call_id)
            if result is None:
                raise InvalidRequest(
                    f"The tool call {call_id[:200]!r} has no result in the turn after it.",
                    param=_PARAM,
                )
            answers.parts.append(_answer(call, result))
        self.contents.append(answers)
        self.calls.clear()
        self.results.clear()
        if self.waiting:
            self._user(self.waiting)
            self.waiting = []

    def _part(self, part: Part) -> wire.Part:
        match part:
            case Text() | Refusal():
                return wire.Part(part.text)
            case ImageData() | FileData():
                return wire.Part(inline_data=wire.Blob(part.media_type, part.data))
            case ImageUrl():
                return wire.Part(file_data=self._file(part.url))
            case Audio():
                media_type = _AUDIO_TYPES.get(part.format, f"audio/{part.format}")
                return wire.Part(inline_data=wire.Blob(media_type, part.data))
            case ImageReference() | FileReference() | FileUrl() | OpaquePart():
                raise refused_part(part)
            case _:
                assert_never(part)

    def _file(self, url: str) -> wire.FileUri:
        if not url.startswith("gs://") and not self.image_urls:
            raise UnsupportedFeature("The model takes no images by URL.", param=_PARAM)
        media_type, _ = guess_type(urlsplit(url).path)
        if media_type is None:
            raise UnsupportedFeature(
                "The model wants the type of an image by URL, and the URL does not tell it.",
                param=_PARAM,
            )
        return wire.FileUri(media_type, url)


def _encode_proof(item: Reasoning, model: str) -> wire.Part | None:
    """Return the signed part that `item` was; None if it bears no proof of this model's."""
    signature = _signature(item.proof, model)
    if signature is UNSET:
        return None
    if not item.text:
        return wire.Part("", thought_signature=signature)
    return wire.Part(item.text, True, thought_signature=signature)


def _signature(proof: Proof | None, model: str) -> str | UnsetType:
    match proof:
        case Proof(vendor=Vendor.GOOGLE, model=made_by) if made_by == model:
            return proof.value
        case _:
            return UNSET


def _call(call: ToolCall, model: str) -> wire.Part:
    return wire.Part(
        function_call=wire.FunctionCall(call.name, Raw(encode_arguments(call)), _id(call)),
        thought_signature=_signature(call.proof, model),
    )


def _id(call: ToolCall) -> str | UnsetType:
    return UNSET if was_made(call.id) else call.id


def _answer(call: ToolCall, result: ToolResult) -> wire.Part:
    text = "\n".join(_texts(result))
    response: bytes
    if result.is_error:
        response = msgspec.json.encode({"error": text})
    else:
        response = text.encode()
        try:
            _is_object(response)
        except msgspec.DecodeError:
            response = msgspec.json.encode({"output": text})
    return wire.Part(function_response=wire.FunctionResponse(call.name, Raw(response), _id(call)))


def _texts(said: Message | ToolResult) -> list[str]:
    where = "tool results" if isinstance(said, ToolResult) else f"{said.role} messages"
    texts: list[str] = []
    for part in said.parts:
        if not isinstance(part, Text | Refusal):
            raise UnsupportedFeature(f"The model takes only text in {where}.", param=_PARAM)
        if part.text:
            texts.append(part.text)
    return texts


def _is_blank(part: Part) -> bool:
    return isinstance(part, Text | Refusal) and not part.text


def _sign_open_turn(contents: Sequence[_OpenContent]) -> None:
    """Give the stand-in to each step since the user last spoke whose first call is unsigned."""
    for content in reversed(contents):
        if content.role == "user":
            if content.answers:
                continue
            return
        for place, part in enumerate(content.parts):
            if part.function_call is not UNSET:
                if part.thought_signature is UNSET:
                    content.parts[place] = wire.Part(
                        function_call=part.function_call, thought_signature=STAND_IN_SIGNATURE
                    )
                break
