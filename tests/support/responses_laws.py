"""The laws of a Responses stream, as an automaton that is fed what came.

Sources: OpenAI's API reference for streaming /v1/responses, what its SDK's accumulator raises on,
and Open Responses of 2026-04-24, whose client reads each network chunk by itself.
"""

import json
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

Json: TypeAlias = dict[str, Any]  # Any: JSON, looked at piece by piece

_HEADS: Final = ("response.created", "response.queued", "response.in_progress")
_ENDS: Final = ("response.completed", "response.incomplete", "response.failed")
_STATUS: Final = {
    "response.completed": {"completed"},
    "response.incomplete": {"incomplete", "cancelled"},
    "response.failed": {"failed"},
}
_PIECES: Final = {
    # kind of part: its delta event, its done event, the member that holds the whole
    "output_text": ("response.output_text", "text"),
    "refusal": ("response.refusal", "refusal"),
    "reasoning_text": ("response.reasoning_text", "text"),
    "summary_text": ("response.reasoning_summary_text", "text"),
}
_CALLS: Final = {
    "function_call": ("response.function_call_arguments", "arguments"),
    "custom_tool_call": ("response.custom_tool_call_input", "input"),
}
_WITH_STATUS: Final = {"message", "reasoning", *_CALLS}


@dataclass(slots=True)
class _Part:
    kind: str
    text: str = ""
    logprobs: list[Json] = field(default_factory=list[Json])
    annotations: list[Json] = field(default_factory=list[Json])
    told: bool = False
    done: Json | None = None


@dataclass(slots=True)
class _Item:
    added: Json
    parts: list[_Part] = field(default_factory=list[_Part])
    summary: list[_Part] = field(default_factory=list[_Part])
    arguments: str = ""
    told: bool = False
    done: Json | None = None


class ResponsesStreamLaws:
    """Raises AssertionError at the first broken law; `close` says that no more comes.

    With `whole_frames` each chunk must be whole frames, as clients want them that read chunk by
    chunk. `final` is the response object of the last event, `events` all of them.
    """

    def __init__(self, *, whole_frames: bool = True) -> None:
        self.events: list[Json] = []
        self.final: Json | None = None
        self._whole_frames = whole_frames
        self._rest = b""
        self._items: list[_Item] = []
        self._id = ""
        self._running = False
        self._done = False

    def feed(self, chunk: bytes) -> None:
        data = self._rest + chunk
        *frames, self._rest = data.split(b"\n\n")
        if self._whole_frames:
            assert not self._rest, "a frame is split between chunks"
        for frame in frames:
            self._frame(frame)

    def close(self) -> None:
        assert not self._rest, "the stream ends within a frame"
        assert self.final is not None, "the stream ends without a last event"
        assert self._done, "the stream ends without [DONE]"

    def _frame(self, frame: bytes) -> None:
        lines = [line for line in frame.split(b"\n") if not line.startswith(b":")]
        if not lines:
            return  # a comment, to keep the connection alive
        assert not self._done, "something comes after [DONE]"
        if lines == [b"data: [DONE]"]:
            assert self.final is not None, "[DONE] comes before the last event"
            self._done = True
            return
        assert len(lines) == 2, f"a frame is one event line and one data line: {frame!r}"
        assert lines[0].startswith(b"event: ")
        assert lines[1].startswith(b"data: ")
        event: Json = json.loads(lines[1].removeprefix(b"data: "))
        assert event["type"] == lines[0].removeprefix(b"event: ").decode()
        self._event(event)

    def _event(self, event: Json) -> None:
        kind = event["type"]
        assert self.final is None, f"{kind} comes after the last event"
        assert event["sequence_number"] == len(self.events), "numbers rise by one from 0"
        assert not event.get("error"), "SDKs raise on a member `error`"
        assert kind != "error", "failure is told by response.failed alone"
        if not self.events:
            assert kind == "response.created", "response.created is first"
        self.events.append(event)
        if kind in _HEADS or kind in _ENDS:
            self._lifecycle(kind, event["response"])
        elif kind == "response.output_item.added":
            self._item_added(event["output_index"], event["item"])
        else:
            self._of_item(kind, event)

    def _lifecycle(self, kind: str, response: Json) -> None:
        assert response["object"] == "response"
        self._id = self._id or response["id"]
        assert response["id"] == self._id, "the response keeps its id"
        if kind in _HEADS:
            place = len(self.events) - 1
            assert [event["type"] for event in self.events] in (
                list(_HEADS[: place + 1]),
                [_HEADS[0], _HEADS[2]][: place + 1],
            ), "created, queued if at all, in_progress: nothing before, between or again"
            assert response["output"] == []
            assert response["usage"] is None
            self._running = kind == "response.in_progress"
            return
        assert self._running, "a response is in progress before it ends"
        self.final = response
        assert response["status"] in _STATUS[kind]
        assert (response["error"] is not None) == (kind == "response.failed")
        assert (response["incomplete_details"] is not None) == (response["status"] == "incomplete")
        self._ending(response["status"], response["output"])

    def _ending(self, status: str, output: list[Json]) -> None:
        if status in {"completed", "incomplete"}:  # the others break off anywhere
            undone = [number for number, item in enumerate(self._items) if item.done is None]
            assert not undone, f"items {undone} are not done"
            told = [item.done for item in self._items if item.done is not None]
            assert [*map(_comparable, output)] == [*map(_comparable, told)], (
                "the response's output is the items as they were told done"
            )
        statuses = [item.get("status") for item in output if item["type"] in _WITH_STATUS]
        assert "in_progress" not in statuses
        assert "incomplete" not in statuses[:-1], "only the last item may be incomplete"
        if status == "completed":
            assert "incomplete" not in statuses

    def _item_added(self, index: int, item: Json) -> None:
        assert self._running, "a response is in progress before it has items"
        assert index == len(self._items), "indexes are dense, in the order of the items"
        assert item["id"], "an item has an id"
        assert item["id"] not in [other.added["id"] for other in self._items]
        self._items.append(_Item(item))
        match item["type"]:
            case "message":
                assert (item["content"], item["role"]) == ([], "assistant")
                assert item["status"] == "in_progress"
            case "reasoning":
                assert item["summary"] == []
                assert not item.get("content")
            case "function_call" | "custom_tool_call":
                assert item[_CALLS[item["type"]][1]] == ""
                assert item["call_id"]
                assert item["name"]
            case _:
                pass

    def _of_item(self, kind: str, event: Json) -> None:
        index: int = event["output_index"]
        assert index < len(self._items), f"{kind} comes before its item"
        item = self._items[index]
        assert item.done is None, f"{kind} comes after its item was done"
        if kind == "response.output_item.done":
            self._item_done(item, event["item"])
            return
        assert event["item_id"] == item.added["id"], "events of an item carry its id"
        match kind.removeprefix("response."):
            case "content_part.added":
                _part_added(item.parts, event["content_index"], event["part"])
            case "content_part.done":
                _part_done(item.parts, event["content_index"], event["part"])
            case "reasoning_summary_part.added":
                _part_added(item.summary, event["summary_index"], event["part"])
            case "reasoning_summary_part.done":
                _part_done(item.summary, event["summary_index"], event["part"])
            case "output_text.annotation.added":
                part = _open_part(item.parts, event["content_index"], "output_text")
                assert event["annotation_index"] == len(part.annotations)
                part.annotations.append(event["annotation"])
            case _:
                self._text_event(item, kind, event)

    def _text_event(self, item: _Item, kind: str, event: Json) -> None:
        base, _, what = kind.rpartition(".")
        for type_, (name, member) in _CALLS.items():
            if base == name:
                assert item.added["type"] == type_, f"{kind} of a {item.added['type']}"
                _call_event(item, what, member, event)
                return
        for type_, (name, member) in _PIECES.items():
            if base == name:
                parts = item.summary if type_ == "summary_text" else item.parts
                place = event["summary_index" if type_ == "summary_text" else "content_index"]
                _piece_event(_open_part(parts, place, type_), what, member, event)
                return
        # What hosted tools tell of their calls: its words are theirs.
        hosted = item.added["type"]
        assert hosted not in {"message", "reasoning", *_CALLS}, f"{kind} is no event of a {hosted}"

    def _item_done(self, item: _Item, done: Json) -> None:
        added = item.added
        assert (done["id"], done["type"]) == (added["id"], added["type"])
        assert done.get("call_id") == added.get("call_id")
        assert done.get("name") == added.get("name")
        assert done.get("namespace") == added.get("namespace")
        assert all(part.done is not None for part in [*item.parts, *item.summary])
        match done["type"]:
            case "message":
                assert done["content"] == [part.done for part in item.parts]
                assert done.get("phase") == added.get("phase")
                assert done["status"] in {"completed", "incomplete"}
            case "reasoning":
                assert done["summary"] == [part.done for part in item.summary]
                assert (done.get("content") or []) == [part.done for part in item.parts]
            case "function_call" | "custom_tool_call":
                assert item.told, "arguments are told whole before the call is done"
                assert done[_CALLS[done["type"]][1]] == item.arguments
                assert done["status"] in {"completed", "incomplete"}
            case _:
                pass
        item.done = done


def _part_added(parts: list[_Part], index: int, part: Json) -> None:
    assert index == len(parts), "parts have dense indexes"
    assert all(earlier.done is not None for earlier in parts), "one part is open at a time"
    assert part["type"] in _PIECES
    assert part[_PIECES[part["type"]][1]] == "", "a part begins empty"
    assert not part.get("annotations")
    parts.append(_Part(part["type"]))


def _part_done(parts: list[_Part], index: int, done: Json) -> None:
    part = _open_part(parts, index, done["type"])
    assert part.told, "a part's text is told whole before the part is done"
    assert done[_PIECES[part.kind][1]] == part.text
    assert done.get("annotations", []) == part.annotations
    assert done.get("logprobs", []) == part.logprobs
    part.done = done


def _open_part(parts: list[_Part], index: int, kind: str) -> _Part:
    assert index < len(parts), "a part is added before anything of it comes"
    part = parts[index]
    assert part.done is None, "nothing of a part comes after it was done"
    assert part.kind == kind
    return part


def _piece_event(part: _Part, what: str, member: str, event: Json) -> None:
    assert not part.told, "nothing comes between a part's whole text and its end"
    if what == "delta":
        part.text += event["delta"]
        part.logprobs += event.get("logprobs", [])
    else:
        assert what == "done"
        assert event[member] == part.text, "what is told whole is the deltas together"
        assert event.get("logprobs", []) == part.logprobs
        part.told = True
    if part.kind == "output_text":
        assert "logprobs" in event, "strict clients want the list, even empty"


def _call_event(item: _Item, what: str, member: str, event: Json) -> None:
    assert not item.told, "nothing comes between a call's whole arguments and its end"
    if what == "delta":
        item.arguments += event["delta"]
    else:
        assert what == "done"
        assert event[member] == item.arguments, "what is told whole is the deltas together"
        if member == "arguments":
            assert event["name"] == item.added["name"]
        item.told = True


def _comparable(item: Json) -> Json:
    # Sealed anew each time it is told, as OpenAI does it: the same thoughts in another envelope.
    if item.get("encrypted_content"):
        return {**item, "encrypted_content": "sealed"}
    return item
