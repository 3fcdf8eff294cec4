"""Items of a conversation -> items of the Responses API, each with the id it is given."""

from collections.abc import Iterator, Sequence
from typing import assert_never

from msgspec import UNSET, UnsetType

from ...application.ports import Sealer
from ...domain.caching import CacheMark
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
    Reasoning,
    Refusal,
    Role,
    Text,
    ToolCall,
    ToolResult,
)
from ...domain.events import TokenLogprob, Usage
from ..sealing import seal_compaction, seal_reasoning
from .answer_wire import (
    Breakpoint,
    CompactionItem,
    CustomCallItem,
    CustomOutputItem,
    FunctionCallItem,
    FunctionOutputItem,
    InputAudio,
    InputDetails,
    InputFile,
    InputImage,
    InputPart,
    InputText,
    ItemShape,
    ItemStatus,
    Logprob,
    MessageItem,
    OutputDetails,
    OutputPart,
    OutputText,
    ReasoningItem,
    RefusalPart,
    Sound,
    SummaryText,
    TopLogprob,
    UsageShape,
)

NO_ARGUMENTS = "{}"
"""How a call without arguments is told: clients parse what they get as JSON."""


class ItemEncoder:
    """Encodes the items of one tenant; with `sealed` thoughts carry their `encrypted_content`."""

    __slots__ = ("_sealed", "_sealer", "_tenant")

    def __init__(self, sealer: Sealer, tenant: str, *, sealed: bool) -> None:
        self._sealer = sealer
        self._tenant = tenant
        self._sealed = sealed

    def encode(
        self,
        id_: str,
        item: Item,
        status: ItemStatus = "completed",
        logprobs: Sequence[Sequence[Logprob]] = (),
    ) -> ItemShape:
        """Return the shape of an item; `logprobs` are those of each text of a message."""
        match item:
            case Message(Role.ASSISTANT):
                parts = [*_output_parts(item.parts, logprobs)]
                return MessageItem(id_, status, item.role, parts, _or_unset(item.phase))
            case Message():
                return MessageItem(id_, status, item.role, [_input_part(it) for it in item.parts])
            case Reasoning():
                return ReasoningItem(
                    id_,
                    status,
                    [SummaryText(item.text)] if item.text else [],
                    seal_reasoning(self._sealer, self._tenant, item)
                    if self._sealed and item.proof is not None
                    else UNSET,
                )
            case ToolCall(kind="custom"):
                namespace = _or_unset(item.namespace)
                return CustomCallItem(id_, status, item.arguments, item.id, item.name, namespace)
            case ToolCall():
                namespace = _or_unset(item.namespace)
                arguments = item.arguments
                if not arguments and status != "in_progress":
                    arguments = NO_ARGUMENTS
                return FunctionCallItem(id_, status, arguments, item.id, item.name, namespace)
            case ToolResult(kind="custom"):
                return CustomOutputItem(id_, status, item.call_id, _result(item.parts))
            case ToolResult():
                return FunctionOutputItem(id_, status, item.call_id, _result(item.parts))
            case Compaction():
                return CompactionItem(id_, seal_compaction(self._sealer, self._tenant, item))
            case OpaqueItem():
                # Its status is its own: not every type has one, and some have other words.
                return {**item.value, "id": id_}
            case _:
                assert_never(item)


def encode_usage(usage: Usage) -> UsageShape:
    return UsageShape(
        usage.input_tokens,
        InputDetails(usage.cached_tokens, usage.cache_write_tokens),
        usage.output_tokens,
        OutputDetails(usage.reasoning_tokens),
        usage.total_tokens,
    )


def encode_logprobs(logprobs: Sequence[TokenLogprob]) -> list[Logprob]:
    return [
        Logprob(
            it.token,
            it.logprob,
            _bytes(it),
            [TopLogprob(top.token, top.logprob, _bytes(top)) for top in it.top],
        )
        for it in logprobs
    ]


def part_logprobs(
    output: Sequence[Item], logprobs: Sequence[TokenLogprob]
) -> list[list[list[Logprob]]]:
    """Return for each item, and in it for each text, its share of what is kept as one list.

    A text has as many tokens as fill it; the last one has what is left.
    """
    shares: list[list[list[Logprob]]] = [[] for _ in output]
    if not logprobs:
        return shares
    texts = [
        (place, part.text)
        for place, item in enumerate(output)
        if isinstance(item, Message)
        for part in item.parts
        if isinstance(part, Text)
    ]
    start = 0
    for number, (place, text) in enumerate(texts, 1):
        end, missing = start, len(text)
        if number == len(texts):
            end = len(logprobs)
        else:
            while missing > 0 and end < len(logprobs):
                missing -= len(logprobs[end].token)
                end += 1
        shares[place].append(encode_logprobs(logprobs[start:end]))
        start = end
    return shares


def _bytes(token: TokenLogprob) -> Sequence[int]:
    return [*token.token.encode()] if token.bytes is None else token.bytes


def _output_parts(
    parts: Sequence[Part], logprobs: Sequence[Sequence[Logprob]]
) -> Iterator[OutputPart | InputPart]:
    shares = iter(logprobs)
    for part in parts:
        match part:
            case Text():
                yield OutputText(part.text, part.annotations, next(shares, ()))
            case Refusal():
                yield RefusalPart(part.text)
            case _:
                yield _input_part(part)


def _result(parts: Sequence[Part]) -> str | list[InputPart]:
    match parts:
        case ():
            return ""
        case (Text(text, cache=None),):
            return text
        case _:
            return [_input_part(part) for part in parts]


def _input_part(part: Part) -> InputPart:
    match part:
        case Text():
            return InputText(part.text, _breakpoint(part.cache))
        case Refusal():
            return InputText(part.text)
        case ImageUrl() | ImageData() | ImageReference():
            return _image(part)
        case Audio():
            return InputAudio(Sound(part.data, part.format))
        case FileData() | FileReference() | FileUrl():
            return _file(part)
        case OpaquePart():
            raise AssertionError("only Messages has them, whose turns are not kept")
        case _:
            assert_never(part)


def _image(part: ImageUrl | ImageData | ImageReference) -> InputImage:
    url: str | None = None
    file_id: str | UnsetType = UNSET
    match part:
        case ImageUrl():
            url = part.url
        case ImageData():
            url = _data_url(part.media_type, part.data)
        case ImageReference():
            file_id = part.file_id
    return InputImage(url, part.detail or "auto", file_id, _breakpoint(part.cache))


def _file(part: FileData | FileReference | FileUrl) -> InputFile:
    filename, mark = _or_unset(part.filename), _breakpoint(part.cache)
    match part:
        case FileData():
            data = _data_url(part.media_type, part.data)
            return InputFile(file_data=data, filename=filename, prompt_cache_breakpoint=mark)
        case FileReference():
            return InputFile(file_id=part.file_id, filename=filename, prompt_cache_breakpoint=mark)
        case FileUrl():
            return InputFile(file_url=part.url, filename=filename, prompt_cache_breakpoint=mark)


def _breakpoint(mark: CacheMark | None) -> Breakpoint | UnsetType:
    return UNSET if mark is None else Breakpoint(ttl=_or_unset(mark.ttl))


def _data_url(media_type: str, data: str) -> str:
    return f"data:{media_type};base64,{data}"


def _or_unset(value: str | None) -> str | UnsetType:
    return UNSET if value is None else value
