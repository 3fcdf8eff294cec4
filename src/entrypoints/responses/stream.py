"""Events -> the events of a Responses stream, each a whole frame.

Source: OpenAI's API reference, streaming events of /v1/responses; Open Responses, 2026-04-24.
A delta is written from a template around the one text that changes. Items come in the order that
`ResponseBuilder` gives them, under the same ids as in the response object.
"""

from collections.abc import Sequence
from typing import assert_never

import msgspec

from ...application.turn_wire import TurnWriter
from ...domain.conversation import Item, Message, Proof, Reasoning, Role, ToolCall
from ...domain.events import (
    CUT_SHORT,
    AnnotationAdded,
    EmbeddingsAdded,
    MessageStarted,
    OpaqueItemAdded,
    ReasoningDelta,
    ReasoningFinished,
    RefusalDelta,
    RelayedBytes,
    ResponseFinished,
    ResponseStarted,
    StreamEvent,
    TextDelta,
    ToolCallDelta,
    ToolCallStarted,
)
from ...domain.json_values import JsonObject
from ...domain.turn import item_id
from .answer_wire import ItemStatus
from .objects import ItemEncoder
from .open_items import Ended, Frames, OpenCall, OpenMessage, OpenThoughts

_encode = msgspec.json.Encoder().encode


class ResponseWriter(TurnWriter):
    """Writes one stream. `heads` are the events it begins with, each with its response object.

    The last item is told to be done only when the next one begins or the answer ends: until then
    nobody knows whether it is whole. Calls stay open until the end, as their deltas may mix.
    """

    __slots__ = (
        "_annotations", "_calls", "_count", "_ended", "_frames", "_heads", "_id", "_items",
        "_logprobs", "_message", "_phase", "_thoughts",
    )  # fmt: skip

    def __init__(
        self,
        response_id: str,
        heads: Sequence[tuple[bytes, bytes]],
        items: ItemEncoder,
        *,
        logprobs: bool,
    ) -> None:
        self._id = response_id
        self._heads = heads
        self._items = items
        self._logprobs = logprobs
        self._frames = Frames()
        self._count = 0
        self._ended: Ended | None = None
        self._message: OpenMessage | None = None
        self._thoughts: OpenThoughts | None = None
        self._calls: dict[int, OpenCall] = {}
        self._phase: str | None = None
        self._annotations: list[JsonObject] = []

    @property
    def number(self) -> int:
        """That of the next event."""
        return self._frames.number

    def begin(self) -> list[bytes]:
        frames = self._frames
        for kind, response in self._heads:
            frames.put(kind, b'"response":' + response)
        self._heads = ()
        return frames.take()

    def write(self, events: Sequence[StreamEvent]) -> list[bytes]:
        frames = self._frames
        out = frames.out
        for event in events:
            if (
                type(event) is TextDelta
                and (message := self._message) is not None
                and (head := message.text_head) is not None
                and event.choice == 0
                and event.text
                and not event.logprobs
            ):
                message.fragments.append(event.text)
                out.append(
                    b'%b%b,"logprobs":[],"sequence_number":%d}\n\n'
                    % (head, _encode(event.text), frames.number)
                )
                frames.number += 1
            else:
                self._rarer(event)
        return frames.take()

    def _rarer(self, event: StreamEvent) -> None:
        match event:
            case ResponseStarted():
                pass  # id and model are the upstream's, not ours
            case RelayedBytes() | EmbeddingsAdded():
                raise AssertionError("relayed bytes are not written, they pass; nor are vectors")
            case ResponseFinished():
                self._finish(cut=event.reasons[0] in CUT_SHORT)
            case _ if event.choice != 0:
                pass  # this dialect has one answer; an upstream that gives more was not asked to
            case TextDelta():
                message = self._in_message()
                begins = message.text_head is None
                message.say(event, self._annotations, logprobs=self._logprobs)
                if begins:
                    self._annotations.clear()
            case RefusalDelta():
                self._in_message().refuse(event.text)
            case AnnotationAdded():
                if self._message is not None and self._message.text_head is not None:
                    self._message.annotate(event.annotation)
                else:
                    self._annotations.append(event.annotation)
            case MessageStarted():
                self._end_open()
                self._phase = event.phase
            case ReasoningDelta():
                self._end_message()
                self._in_thoughts().think(event.text)
            case ReasoningFinished():
                self._end_message()
                if event.proof is not None:
                    self._in_thoughts()
                self._end_thoughts(event.proof)
            case ToolCallStarted():
                self._end_open()
                call = ToolCall(event.id, event.name, "", event.kind, event.proof, event.namespace)
                self._calls[event.index] = OpenCall(self._frames, *self._begin(call), call)
            case ToolCallDelta():
                self._calls[event.index].add(event.arguments)
            case OpaqueItemAdded():
                self._end_open()
                self._ended = Ended(*self._begin(event.item), event.item)
            case _:
                assert_never(event)

    def _in_message(self) -> OpenMessage:
        if self._message is None:
            self._end_thoughts()
            id_, index = self._begin(Message(Role.ASSISTANT, (), phase=self._phase))
            self._message = OpenMessage(self._frames, id_, index, self._phase)
        return self._message

    def _in_thoughts(self) -> OpenThoughts:
        if self._thoughts is None:
            self._thoughts = OpenThoughts(self._frames, *self._begin(Reasoning("")))
        return self._thoughts

    def _end_open(self) -> None:
        self._end_message()
        self._end_thoughts()

    def _end_message(self) -> None:
        if self._message is not None:
            self._ended = self._message.end()
            self._message = None
        self._phase = None

    def _end_thoughts(self, proof: Proof | None = None) -> None:
        if self._thoughts is not None:
            self._ended = self._thoughts.end(proof)
            self._thoughts = None

    def _begin(self, item: Item) -> tuple[str, int]:
        """Tell of a new item; return its id and index."""
        self._settle("completed")
        index = self._count
        self._count += 1
        id_ = item_id(self._id, "o", index, item)
        shape = _encode(self._items.encode(id_, item, "in_progress"))
        members = b'"output_index":%d,"item":%b' % (index, shape)
        self._frames.put(b"response.output_item.added", members)
        return id_, index

    def _settle(self, status: ItemStatus) -> None:
        if self._ended is not None:
            self._tell_done(self._ended, status)
            self._ended = None

    def _tell_done(self, ended: Ended, status: ItemStatus) -> None:
        shape = _encode(self._items.encode(ended.id, ended.item, status, ended.shares))
        members = b'"output_index":%d,"item":%b' % (ended.index, shape)
        self._frames.put(b"response.output_item.done", members)

    def _finish(self, *, cut: bool) -> None:
        # Calls first: whatever else is not done stands behind them all.
        tail = self._count - 1
        for call in self._calls.values():
            ended = call.end()
            self._tell_done(ended, "incomplete" if cut and ended.index == tail else "completed")
        self._calls.clear()
        self._end_open()
        self._settle("incomplete" if cut else "completed")
